export interface ScriptedToolCall {
  name: string;
  /** Serialised unless it is text already, which may be malformed on purpose. */
  arguments: unknown;
  id?: string;
}

/** What the scripted model does with one request. Chunks are counted over reasoning, text and tool calls. */
export interface Reply {
  /** A status other than 200 answers `error` as JSON and nothing else. */
  status?: number;
  /** The Retry-After header. */
  retryAfter?: string;
  error?: unknown;
  /** So many recognisable tokens: `t0 t1 t2 …`. */
  tokens?: number;
  /** One chunk per element. */
  text?: string | string[];
  reasoning?: string[];
  /** Their arguments arrive in interleaved fragments, as parallel calls do. */
  toolCalls?: ScriptedToolCall[];
  /** Merged over the counted figures; null sends none though it was asked for. */
  usage?: Record<string, unknown> | null;
  /** The same of `/embeddings`. */
  embeddingUsage?: Record<string, unknown>;
  /** Default `stop` or `tool_calls`; null ends the stream without one. */
  finish?: string | null;
  /** Leaves the last `[DONE]` out. */
  withoutDone?: boolean;
  /** Sends one chunk without choices first. */
  emptyChoices?: boolean;
  /** How the stream goes wrong, and after how many chunks. `hang` goes silent, `cut` destroys the socket. */
  breaks?: { afterChunks: number; how: "cut" | "hang" | "malformed" | "error"; error?: unknown };
  /** Silence from the start: not even headers. */
  hang?: boolean;
  /** What `/audio/speech` answers. */
  sound?: Uint8Array;
  /** Named so in the answer's head. */
  contentType?: string;
  /** The same until the test lets it go on. */
  after?: Promise<unknown>;
  /** Before the response's headers and its role chunk. */
  headersDelayMs?: number;
  /** Between the role chunk and the first token. */
  firstDelayMs?: number;
  /** Between one chunk and the next. */
  delayMs?: number;
}

export interface ModelServerRequest {
  path: string;
  body: {
    model?: string;
    stream?: boolean;
    stream_options?: { include_usage?: boolean };
    messages?: { role: string; content: unknown; tool_calls?: unknown; tool_call_id?: string }[];
    tools?: unknown[];
    input?: string | string[];
    [field: string]: unknown;
  };
  /** The newest user message's text, also where its content comes in parts. */
  lastUserText: string;
}

export type ReplyScript = Reply | ((request: ModelServerRequest) => Reply);

/** The text that a reply of so many tokens makes. */
export const tokenText = (tokens: number): string => Array.from({ length: tokens }, (_, index) => `t${index}`).join(" ");

const textOf = (content: unknown): string => {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content.map((part: { text?: string }) => part.text ?? "").join("");
};

export const lastUserText = (body: ModelServerRequest["body"]): string =>
  textOf(body.messages?.findLast((message) => message.role === "user")?.content ?? "");
