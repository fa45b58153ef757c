import type postgres from "postgres";
import type { StreamRequest } from "../harness/open-stream.ts";
import { FAN_OUT } from "../harness/scripts.ts";
import { QUESTION, type Target } from "../harness/target.ts";
import type { RunningProcess } from "../services/start-process.ts";
import { type Script, scriptName } from "../upstream/script.ts";
import { openAiTarget } from "./openai-target.ts";

/** The product: two processes, and what only it has. */
export interface Ours extends Tenant {
  api: RunningProcess;
  worker: RunningProcess;
  /** Another organization of the same product. */
  neighbour: Tenant;
  /** Conversations, of whichever organization, that run or are ready to. */
  unfinished(): Promise<number>;
  /** How many each worker runs, of those that run any. */
  held(): Promise<number[]>;
  /** Another worker besides; ended by whoever started it. */
  startWorker(): Promise<RunningProcess>;
  /** Its database, as the owner. */
  owner: postgres.Sql;
  ownerUrl: string;
  /** The same as the product's own role. */
  databaseUrl: string;
}

/** What one organization may ask for. */
export interface Tenant {
  organizationId: string;
  target: Target;
  /** The same model without a conversation: the OpenAI door's direct path, which no worker has a part in. */
  direct: Target;
  /** The id of the agent that plays this script. */
  agentOf(script: Script): string;
  /** A message to a conversation; runs at once, or waits its turn. */
  message(script: Script, conversationId: string): StreamRequest;
  /** Starts a turn and answers at once: the body's `id` is the conversation's. */
  start(script: Script): StreamRequest;
  /** Starts a turn that hands work to children of that mode. */
  fanOut(mode: "sync" | "async"): StreamRequest;
  stop(script: Script, conversationId: string): StreamRequest;
  /** A turn of a conversation that is there already. */
  continued(script: Script, conversationId: string): StreamRequest;
  /** Follows a conversation without starting anything. */
  attach(script: Script, conversationId: string): StreamRequest;
}

interface Wiring {
  origin: string;
  organizationId: string;
  apiKey: string;
  /** An agent's id by its script's name. */
  agents: ReadonlyMap<string, string>;
  api: RunningProcess;
  worker: RunningProcess;
}

interface WireEvent {
  type: string;
  data: unknown;
}

/** Speaks the REST v1 door. */
export function createTenant({ origin, organizationId, apiKey, agents, api, worker }: Wiring): Tenant {
  const agentOf = (script: Script) => {
    const agentId = agents.get(scriptName(script));
    if (agentId === undefined) throw new Error(`No agent plays ${scriptName(script)}.`);
    return agentId;
  };
  const path = (script: Script, tail: string) => `/v1/agents/${agentOf(script)}${tail}`;
  const headers = { "x-api-key": apiKey, "content-type": "application/json" };
  const post = (script: Script, tail: string, body: object): StreamRequest => ({
    method: "POST",
    path: path(script, tail),
    headers,
    body: JSON.stringify(body),
  });
  const turn = (id?: string) => ({ input: { text: QUESTION }, ...(id === undefined ? {} : { id }) });
  return {
    organizationId,
    agentOf,
    direct: openAiTarget("ours", origin, api, { headers: { "x-api-key": apiKey }, provider: "custom/" }),
    target: {
      name: "ours",
      origin,
      front: api,
      processes: [api, worker],
      takesCrowds: true,
      streamed: (script) => post(script, "/gateway/invoke/stream", turn()),
      plain: (script) => post(script, "/gateway/invoke", turn()),
      readFrame: (data) => {
        const { type, data: content } = JSON.parse(data) as WireEvent;
        if (type === "chunk") return { kind: "text", text: String(content) };
        if (type === "error") throw new Error(`The stream ended with an error: ${data}`);
        return { kind: type === "task_finished" ? "end" : "other" };
      },
      readPlain: (body) => (JSON.parse(body) as { result: string | null }).result ?? body,
    },
    message: (script, id) => post(script, `/gateway/conversations/${id}/messages`, { text: QUESTION, mode: "auto" }),
    start: (script) => post(script, "/invoke/async", turn()),
    fanOut: (mode) => post(FAN_OUT, `/invoke/async?sub_tasks=${mode}`, turn()),
    stop: (script, id) => post(script, `/gateway/conversations/${id}/stop`, {}),
    continued: (script, id) => post(script, "/gateway/invoke/stream", turn(id)),
    attach: (script, id) => ({
      method: "GET",
      path: path(script, `/gateway/conversations/${id}/events`),
      headers: { "x-api-key": apiKey },
      body: null,
    }),
  };
}

/** A frame's event, for those who read more than its text. */
export const readEvent = (data: string): { type: string; task_id: string } => JSON.parse(data) as { type: string; task_id: string };
