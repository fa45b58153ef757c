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

/** An answer's members in the order of these names: of action, the mode that was applied and the one that was asked for, position and depth. */
function saidBy(answer: unknown, names: [string, string, string, string, string], asked: string): Said {
  const [action, mode, askedMode, position, depth] = names.map((member) => at(answer, member));
  if (askedMode !== asked) throw new Error(`${asked} was asked for, and ${String(askedMode)} is named.`);
  return { action: String(action), mode: String(mode), position: Number(position), depth: Number(depth) };
}

const fromOutcome = (outcome: Outcome, asked: string): Said =>
  outcome.ok
    ? saidBy(outcome.data, ["action", "mode", "askedMode", "position", "queueDepth"], asked)
    : { code: outcome.code, status: outcome.status };

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
    return saidBy(body, ["action", "mode", "asked_mode", "position", "queue_depth"], mode);
  };

export const overTrpc =
  (rest: RestClient): Send =>
  async (message) =>
    fromOutcome(await callTrpc(rest, "mutation", "turn.submit", message), message.mode);

export const overSocket =
  (socket: TrpcSocket): Send =>
  async (message) => {
    const { error, result } = await socket.call("mutation", "turn.submit", message);
    return fromOutcome(error ? outcomeOf(error) : { ok: true, data: result?.data }, message.mode);
  };
