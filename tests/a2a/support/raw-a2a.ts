import { randomUUID } from "node:crypto";
import { at, type RestAnswer, type RestRequest, type System } from "@parley/testkit";

/** What says that a request is of version 1.0. */
export const V1 = { "a2a-version": "1.0" };

export interface RpcRequest extends RestRequest {
  id?: unknown;
  version?: string | null;
  key?: string | null;
  api?: number;
}

/** What an open stream has said. */
export interface Reader {
  frames: unknown[];
  /** Resolves when the gateway has ended it. */
  over: Promise<void>;
  leave(): void;
}

interface Opening {
  version?: string;
  api?: number;
  id?: unknown;
}

export const info = (reason: string) => [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason, domain: "a2a-protocol.org" }];
export const message = (text: string, more: object = {}) => ({ messageId: randomUUID(), role: "ROLE_USER", parts: [{ text }], ...more });
export const idOf = (task: unknown): string => String(at(task, "id"));
export const stateOf = (task: unknown): unknown => at(task, "status", "state");
export const resultsOf = ({ frames }: Reader): unknown[] => frames.map((frame) => at(frame, "result"));

export async function result(answer: Promise<RestAnswer>): Promise<unknown> {
  const { status, body } = await answer;
  if (status !== 200 || at(body, "error") !== undefined) throw new Error(`${status}: ${JSON.stringify(body)}`);
  return at(body, "result");
}

/** JSON-RPC's errors are answered with 200. */
export async function errorOf(answer: Promise<RestAnswer>): Promise<unknown> {
  const { status, body } = await answer;
  if (status !== 200) throw new Error(`${status}: ${JSON.stringify(body)}`);
  return at(body, "error");
}

/** One of our agents, as bytes on the wire reach it. */
export interface RawA2a {
  path(tail?: string): string;
  /** One JSON-RPC call; of version 1.0 where nothing else is said. */
  rpc(method: string, params: unknown, request?: RpcRequest): Promise<RestAnswer>;
  /** The task that a message has made, once it is answered. */
  send(text?: string, more?: object, configuration?: object): Promise<unknown>;
  open(method: string, params: unknown, opening?: Opening): Promise<Reader>;
}

export function rawA2a(system: System, agentId: string): RawA2a {
  const path = (tail = ""): string => `/a2a/agents/${agentId}${tail}`;
  const rpc: RawA2a["rpc"] = (method, params, { id = 1, version = "1.0", key, api = 0, ...request } = {}) => {
    const headers = version === null ? {} : { "a2a-version": version };
    return system.rest(api, key).call(path(), { body: { jsonrpc: "2.0", id, method, params }, headers, ...request });
  };
  return {
    path,
    rpc,
    send: async (text = "Hello", more = {}, configuration = {}) =>
      at(await result(rpc("SendMessage", { message: message(text, more), configuration })), "task"),
    async open(method, params, { version = "1.0", api = 0, id = "s" } = {}) {
      const gone = new AbortController();
      const response = await fetch(`${system.apis[api]?.url}${path()}`, {
        method: "POST",
        headers: { "x-api-key": system.ours.apiKey, "content-type": "application/json", "a2a-version": version },
        body: JSON.stringify({ jsonrpc: "2.0", id, method, params }),
        signal: gone.signal,
      });
      if (!response.headers.get("content-type")?.startsWith("text/event-stream")) throw new Error(await response.text());
      const frames: unknown[] = [];
      const over = read(response, frames).catch((error: unknown) => {
        if (!gone.signal.aborted) throw error;
      });
      return { frames, over, leave: () => gone.abort() };
    },
  };
}

async function read(response: Response, frames: unknown[]): Promise<void> {
  let text = "";
  for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += piece;
    const parts = text.split("\n\n");
    text = parts.pop() ?? "";
    for (const part of parts) if (part.startsWith("data: ")) frames.push(JSON.parse(part.slice(6)));
  }
}

/** A turn that the test lets go on. */
export function held(system: System, text: string): () => void {
  let goOn = (): void => {};
  const after = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  system.model.script({ text, after });
  return goOn;
}

/** What makes an agent ask. */
export const ASK = { toolCalls: [{ name: "ask_user_questions", arguments: { questions: [{ id: "q", text: "Which one?" }] } }] };
