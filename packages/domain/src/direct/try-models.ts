import { ERRORS, GatewayError, isObject } from "@parley/contracts";
import type { DirectMeter } from "../billing/meter-direct.ts";
import type { Allowance, ExpectedAnswer, Purse } from "../billing/purse.ts";
import type { GatewayContext } from "../gateway-ports.ts";
import { HOLD_FACTOR } from "./cover-stream.ts";
import type { DirectAnswer, DirectRequest, StreamEvent } from "./direct-models.ts";
import { gatherAnswer } from "./gather-answer.ts";

type TryPorts = Pick<GatewayContext, "direct" | "clock" | "limits">;

const FIRST_DELAY_MS = 100;

/** An answer that has begun: of a stream, its first events are there. */
export type BegunAnswer = { model: string; allowance: Allowance | null } & (
  | Exclude<DirectAnswer, { kind: "events" }>
  | { kind: "events"; usage: DirectAnswer["usage"]; first: StreamEvent[]; rest: AsyncIterator<StreamEvent[]> }
);

/** Another model may do what this one will not. A request that is wrong in itself stays wrong. */
const mayFallBack = ({ code }: GatewayError): boolean =>
  ERRORS[code].retry || code === "model_rejected" || code === "model_not_found" || code === "model_unpriced";

const countIn = (value: unknown): number | null => (Number.isSafeInteger(value) && Number(value) >= 0 ? Number(value) : null);

/** More than any answer has. */
const TOKENS_MAX = 10_000_000;
/** More than any provider gives. */
const CHOICES_MAX = 1_000;

/** The highest of what a caller has said, as a provider may know only one word of them; null where one of them bounds nothing. */
function boundIn(said: unknown[]): number | null {
  const counts = said.map(countIn);
  return counts.length === 0 || counts.some((count) => count === null || count === 0)
    ? null
    : Math.min(Math.max(...counts.map(Number)), TOKENS_MAX);
}

interface AskedAnswer extends ExpectedAnswer {
  /** It comes in one piece. */
  isWhole: boolean;
}

const speaks = ({ modalities }: Record<string, unknown>): boolean => Array.isArray(modalities) && modalities.includes("audio");
const thinks = ({ reasoning_effort: effort, reasoning }: Record<string, unknown>): boolean =>
  (typeof effort === "string" && effort !== "none") || isObject(reasoning);

/** What a caller expects to be said; null where nothing is. */
function expectedOf({ route, body, outputTokensMax }: DirectRequest): AskedAnswer | null {
  if (route !== "chat" || body instanceof FormData) return null;
  const said = [body["max_completion_tokens"], body["max_tokens"]].filter((bound) => bound !== undefined && bound !== null);
  return {
    tokensMax: outputTokensMax ?? boundIn(said),
    choices: Math.min(Math.max(countIn(body["n"]) ?? 1, 1), CHOICES_MAX),
    isUnseen: speaks(body) || thinks(body),
    isWhole: body["stream"] !== true,
  };
}

/** Money for the prompt and the beginning of the answer; for all of it where the caller has bounded it, as it may come at once. */
function allow({ direct }: TryPorts, request: DirectRequest, purse: Purse): Promise<Allowance> {
  const { route, body, model, signal } = request;
  const { inputTokens: tokens, audioMs = 0, images = 0 } = direct.promptUsage({ route, body });
  const asked = { model, inputTokens: Math.ceil(tokens * HOLD_FACTOR), audioMs, images, signal };
  const answer = expectedOf(request);
  if (answer === null) return purse.begin(asked);
  const { tokensMax, choices, isWhole } = answer;
  if (isWhole && tokensMax !== null) return purse.begin({ ...asked, firmOutputTokens: Math.min(tokensMax * choices, TOKENS_MAX) });
  return purse.begin({ ...asked, answer });
}

/** Whether the answer comes in one piece, of which nobody knows how large it will be. Sound in one piece has forms that no stream has, and is bounded. */
function isUnbounded(request: DirectRequest): boolean {
  const answer = expectedOf(request);
  return answer?.isWhole === true && answer.tokensMax === null && !(request.body instanceof FormData || speaks(request.body));
}

const streamed = ({ body, ...request }: DirectRequest): DirectRequest => ({
  ...request,
  body: { ...body, stream: true, stream_options: { include_usage: true } },
});

async function begin(
  context: TryPorts,
  asked: DirectRequest,
  { meter, allowance }: { meter: DirectMeter; allowance: Allowance | null },
): Promise<BegunAnswer> {
  const { model } = asked;
  const tokensMax = allowance?.tokensMax ?? null;
  const request = tokensMax === null ? asked : { ...asked, outputTokensMax: tokensMax };
  // Where money has to be there first, it is heard piece by piece: there is no other way to stop it where the money ends.
  const gathers = allowance !== null && isUnbounded(asked);
  let heard: DirectAnswer | null = null;
  try {
    const answer = await context.direct.call(gathers ? streamed(request) : request);
    if (gathers && answer.kind === "events") {
      heard = answer;
      meter.answers(() => answer.usage());
      return { ...(await gatherAnswer(answer, allowance)), model, allowance };
    }
    if (answer.kind !== "events") return { ...answer, model, allowance };
    const rest = answer.events[Symbol.asyncIterator]();
    const { done, value } = await rest.next();
    if (done) throw new GatewayError("model_unavailable", { detail: `${model}: a stream without an event` });
    return { kind: "events", usage: answer.usage, model, first: value, rest, allowance };
  } catch (error) {
    // What was heard of it is charged, so its money is not the next try's.
    allowance?.settle(heard?.usage() ?? null);
    throw error;
  }
}

/** How long to wait before the next try; null where the provider asks for more than is waited here. */
function pauseMs({ limits }: TryPorts, error: GatewayError, retry: number): number | null {
  const askedMs = (error.retryAfterSeconds ?? 0) * 1_000;
  if (askedMs > limits.directRetryWaitMs) return null;
  return Math.max(askedMs, Math.min(Math.random() * FIRST_DELAY_MS * 2 ** retry, limits.directRetryWaitMs));
}

/**
 * Asks the models in their order until one begins to answer: each again a bounded number of times where that may help, never once anything
 * was answered. Throws the first failure after which the same call may succeed later, else the last one.
 */
export async function tryModels(
  context: TryPorts,
  request: Omit<DirectRequest, "model"> & { models: readonly string[] },
  { meter, purse }: { meter: DirectMeter; purse: Purse | null },
): Promise<BegunAnswer> {
  const { models, ...same } = request;
  let hopeful: GatewayError | null = null;
  let last: GatewayError | null = null;
  for (const model of models) {
    for (let retry = 0; retry <= context.limits.directRetriesMax; retry += 1) {
      try {
        const allowance = purse === null ? null : await allow(context, { ...same, model }, purse);
        meter.tries(model);
        return await begin(context, { ...same, model }, { meter, allowance });
      } catch (error) {
        // Who leaves within a try has used it.
        request.signal.throwIfAborted();
        meter.fails();
        if (!(error instanceof GatewayError) || !mayFallBack(error)) throw error;
        last = error;
        if (!ERRORS[error.code].retry) break;
        hopeful ??= error;
        const waitMs = retry === context.limits.directRetriesMax ? null : pauseMs(context, error, retry);
        if (waitMs === null) break;
        await context.clock.sleep(waitMs, request.signal);
        request.signal.throwIfAborted();
      }
    }
  }
  throw hopeful ?? last ?? new GatewayError("model_not_found");
}
