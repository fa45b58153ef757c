import { ERRORS, GatewayError } from "@parley/contracts";
import type { DirectMeter } from "../billing/meter-direct.ts";
import type { Allowance, Purse } from "../billing/purse.ts";
import type { GatewayContext } from "../gateway-ports.ts";
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

/** What is set aside is rather too much than too little. */
const HOLD_FACTOR = 4 / 3;

/** Money for the prompt and the beginning of the answer; for all of it where the caller has bounded it, as it may come at once. */
function allow({ direct }: TryPorts, { route, body, model, signal }: DirectRequest, purse: Purse): Promise<Allowance> {
  const { inputTokens: tokens, audioMs = 0, images = 0 } = direct.promptUsage({ route, body });
  const inputTokens = Math.ceil(tokens * HOLD_FACTOR);
  const asked = body instanceof FormData ? undefined : (body["max_completion_tokens"] ?? body["max_tokens"]);
  const firmOutputTokens =
    Number.isSafeInteger(asked) && !(body instanceof FormData) && body["stream"] !== true ? Math.max(Number(asked), 0) : 0;
  return purse.begin({ model, inputTokens, firmOutputTokens: Math.min(firmOutputTokens, 10_000_000), audioMs, images, signal });
}

/** Whether the answer comes in one piece, of which nobody knows how large it will be. */
const isUnbounded = ({ route, body }: DirectRequest): boolean =>
  route === "chat" &&
  !(body instanceof FormData) &&
  body["stream"] !== true &&
  body["max_completion_tokens"] === undefined &&
  body["max_tokens"] === undefined;

const streamed = ({ body, ...request }: DirectRequest): DirectRequest => ({
  ...request,
  body: { ...body, stream: true, stream_options: { include_usage: true } },
});

async function begin(
  context: TryPorts,
  request: DirectRequest,
  { meter, allowance }: { meter: DirectMeter; allowance: Allowance | null },
): Promise<BegunAnswer> {
  // Where money has to be there first, it is heard piece by piece: there is no other way to stop it where the money ends.
  const gathers = allowance !== null && isUnbounded(request);
  const answer = await context.direct.call(gathers ? streamed(request) : request);
  if (gathers && answer.kind === "events") {
    meter.answers(() => answer.usage());
    return { ...(await gatherAnswer(answer, allowance)), model: request.model, allowance };
  }
  if (answer.kind !== "events") return { ...answer, model: request.model, allowance };
  const rest = answer.events[Symbol.asyncIterator]();
  const { done, value } = await rest.next();
  if (done) throw new GatewayError("model_unavailable", { detail: `${request.model}: a stream without an event` });
  return { kind: "events", usage: answer.usage, model: request.model, first: value, rest, allowance };
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
      let allowance: Allowance | null = null;
      try {
        if (purse !== null) allowance = await allow(context, { ...same, model }, purse);
        meter.tries(model);
        return await begin(context, { ...same, model }, { meter, allowance });
      } catch (error) {
        allowance?.settle(null);
        request.signal.throwIfAborted();
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
