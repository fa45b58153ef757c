import { ERRORS, type ErrorCode } from "@parley/contracts";
import { at, type RestClient } from "@parley/testkit";
import { callTrpc, type Outcome, outcomeOf } from "./call-trpc.ts";
import type { TrpcSocket } from "./trpc-socket.ts";

export interface Message {
  agentId: string;
  conversationId: string;
  text: string;
  mode: string;
}

/** What every door answers to a message, in one shape. */
export type Said = { action: string; mode: string; position: number; depth: number } | { code: string; status: number };

export type Send = (message: Message) => Promise<Said>;

const fromOutcome = (outcome: Outcome): Said => {
  if (!outcome.ok) return { code: outcome.code, status: outcome.status };
  const [action, mode, position, depth] = ["action", "mode", "position", "queueDepth"].map((member) => at(outcome.data, member));
  return { action: String(action), mode: String(mode), position: Number(position), depth: Number(depth) };
};

/** The REST door has only words: the code is the row that has them. */
const codeOf = (detail: unknown): string =>
  (Object.keys(ERRORS) as ErrorCode[]).find((code) => ERRORS[code].text === detail) ?? String(detail);

/** One generation of REST. There `run` makes `auto` start a turn on an idle conversation, as every other door does by itself. */
export const overRest =
  (rest: RestClient, generation: "/gateway" | ""): Send =>
  async ({ agentId, conversationId, text, mode }) => {
    const path = `/v1/agents/${agentId}${generation}/conversations/${conversationId}/messages`;
    const { status, body } = await rest.call(path, { body: { text, mode, run: true } });
    if (status !== 200) return { code: codeOf(at(body, "detail")), status };
    const [action, applied, position, depth] = ["action", "mode", "position", "queue_depth"].map((member) => at(body, member));
    return { action: String(action), mode: String(applied), position: Number(position), depth: Number(depth) };
  };

export const overTrpc =
  (rest: RestClient): Send =>
  async (message) =>
    fromOutcome(await callTrpc(rest, "mutation", "turn.submit", message));

export const overSocket =
  (socket: TrpcSocket): Send =>
  async (message) => {
    const { error, result } = await socket.call("mutation", "turn.submit", message);
    return fromOutcome(error ? outcomeOf(error) : { ok: true, data: result?.data });
  };
