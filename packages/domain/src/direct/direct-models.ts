import type { Usage } from "@parley/contracts";

/** The routes of an OpenAI-compatible provider that calls are passed on to. */
export type DirectRoute = "chat" | "embeddings" | "speech" | "transcriptions";

/** One event of a streamed answer: as it may be passed on, and what it says. */
export interface StreamEvent {
  data: string;
  value: Record<string, unknown>;
}

/** What a call has used, and what of it is no text. */
export interface DirectUsage extends Usage {
  /** Of sound that was heard or spoken, where its provider counts no tokens of it. */
  audioMs?: number;
  /** Pictures that the provider had to look at. */
  images?: number;
}

/** What of an answer is known before it has been read. */
interface AnswerHead {
  /** What was used so far: exact where the provider has said it, else our estimate, marked as such. */
  usage(): DirectUsage;
}

export type WholeAnswer = AnswerHead & { kind: "json"; text: string; value: Record<string, unknown> };
/** Several events at a time, as they come in. Ends when the answer is whole and throws where it breaks off. */
export type StreamedAnswer = AnswerHead & { kind: "events"; events: AsyncIterable<StreamEvent[]> };
/** A body that is no JSON: sound, or a text. Throws where it breaks off. */
export type RawAnswer = AnswerHead & { kind: "bytes"; contentType: string; bytes: AsyncIterable<Uint8Array> };
export type DirectAnswer = WholeAnswer | StreamedAnswer | RawAnswer;

export interface DirectRequest {
  route: DirectRoute;
  /** `<provider>/<model>`. */
  model: string;
  /** As the caller sent it, in OpenAI's shape; what is not known here is passed on. Its model's name is replaced. */
  body: Record<string, unknown> | FormData;
  /** What the provider is told to bound its answer to, whatever the body says of that. */
  outputTokensMax?: number;
  /** Aborting it closes the upstream socket. */
  signal: AbortSignal;
}

/**
 * The providers' own routes. A call resolves when the provider has begun to answer. Failures are `GatewayError`s: `model_busy` and
 * `model_unavailable` may be tried again (after `retryAfterSeconds` where the provider named it); `model_rejected`, `model_not_found` and
 * `model_refused` not. An abort throws the signal's reason.
 */
export interface DirectModels {
  /** Whether a name leads to a provider, or to a model that is built in. Which models a provider has, only it knows. */
  knows(model: string): boolean;
  /** The models that can be named: those built in, those of the settings, and those that the providers list. */
  list(): Promise<string[]>;
  call(request: DirectRequest): Promise<DirectAnswer>;
  /** Our estimate of what a call has used that was given up before it was answered. */
  promptUsage(request: Pick<DirectRequest, "route" | "body">): DirectUsage;
}
