/** The two bindings that both versions have here. */
export type Binding = "JSONRPC" | "HTTP+JSON";

export interface PushWanted {
  id?: string;
  url: string;
  token?: string;
  authentication?: { scheme: string; credentials: string };
}

export interface SentMessage {
  text: string;
  messageId: string;
  taskId?: string | undefined;
  contextId?: string | undefined;
  /** Default true. */
  waits?: boolean;
  push?: PushWanted;
  /** In the shape of the client's version, instead of the text. */
  parts?: object[];
}

/** A task as a test looks at it, whichever client has brought it. States are those of version 0.3. */
export interface Told {
  id: string;
  contextId: string;
  state: string;
  /** Of the status. */
  question: string;
  answer: string;
  history: string[];
}

export type Said =
  | ({ kind: "task" } & Told)
  | { kind: "status"; state: string; question: string }
  | { kind: "artifact"; text: string; append: boolean };

/** What every client of the SDK can do, in one shape for both versions. */
export interface A2aClient {
  version: "1.0" | "0.3";
  send(message: SentMessage): Promise<Told>;
  stream(message: SentMessage, signal?: AbortSignal): AsyncGenerator<Said>;
  subscribe(id: string, signal?: AbortSignal): AsyncGenerator<Said>;
  get(id: string, historyLength?: number): Promise<Told>;
  cancel(id: string): Promise<Told>;
  /** Version 1.0 alone. */
  list(filter: object): Promise<{ tasks: Told[]; next: string }>;
  setPush(taskId: string, push: PushWanted): Promise<{ id: string; url: string }>;
  getPush(taskId: string, id: string): Promise<{ id: string; url: string }>;
  listPushes(taskId: string): Promise<{ id: string; url: string }[]>;
  deletePush(taskId: string, id: string): Promise<void>;
  /** Of the card for those who may use the agent. */
  skills(): Promise<string[]>;
}

export const fetchWith =
  (apiKey: string): typeof fetch =>
  (input, init = {}) => {
    const headers = new Headers(init.headers);
    headers.set("authorization", `Bearer ${apiKey}`);
    return fetch(input, { ...init, headers });
  };

/** What a client has of the answer after these. */
export function answerIn(told: Said[]): string {
  let answer = "";
  for (const one of told) if (one.kind === "artifact") answer = one.append ? answer + one.text : one.text;
  return answer;
}

export async function all(events: AsyncIterable<Said>): Promise<Said[]> {
  const told: Said[] = [];
  for await (const event of events) told.push(event);
  return told;
}
