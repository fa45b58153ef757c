import { GatewayError, userName } from "@parley/contracts";
import { meterDirect } from "../billing/meter-direct.ts";
import type { GatewayContext } from "../gateway-ports.ts";
import type { Caller } from "../identity/caller.ts";
import { coverStream } from "./cover-stream.ts";
import type { DirectOutcome, ResponseAttempt } from "./direct-call-store.ts";
import type { DirectAnswer, DirectRequest } from "./direct-models.ts";
import { type BegunAnswer, tryModels } from "./try-models.ts";

/** One call on the direct path: no queue, no conversation, and nothing left of it but its usage. */
export interface DirectCall extends Omit<DirectRequest, "model" | "route"> {
  kind: DirectRequest["route"];
  /** The name in the registry of the route that it came by. */
  route: string;
  /** Tried in this order, until one begins to answer. */
  models: readonly string[];
  requestId: string;
  /** Whom the call is for, as its request says: whose budgets it counts against. */
  user?: string | null | undefined;
  /** Where it is made for a background response. */
  attempt?: ResponseAttempt | undefined;
  /** The payment of the call that is sold, where it is made for one. */
  saleId?: string | undefined;
}

export type DirectPorts = Pick<GatewayContext, "direct" | "directUsage" | "purses" | "clock" | "limits">;

/** The answer, and the model that gives it. */
export type DirectResult = DirectAnswer & { model: string };

/**
 * Calls the models directly. Resolves when one has begun to answer; what it streams must be read or its signal aborted, as the call is over,
 * and metered, with its last piece. Throws `storage_unavailable` where usage cannot be kept, and what the models throw.
 */
export async function callDirect(
  context: DirectPorts,
  caller: Pick<Caller, "organizationId" | "principalId">,
  call: DirectCall,
): Promise<DirectResult> {
  const { route, kind, models, body, outputTokensMax, requestId, attempt, saleId, signal } = call;
  const userId = userName(call.user);
  const { organizationId, principalId } = caller;
  signal.throwIfAborted();
  // Of no order: as one that sorts by time it costs 3 % of a call, most of it for its random bits.
  const id = crypto.randomUUID();
  const meter = meterDirect(context.directUsage, context.clock, {
    id,
    model: models[0] ?? "",
    organizationId,
    principalId,
    userId,
    route,
    requestId,
    attempt,
    saleId,
    assumed: () => context.direct.promptUsage({ route: kind, body }),
  });
  const bound = boundCall(context, signal);
  const end = (outcome: DirectOutcome): void => {
    bound.release();
    meter.ends(outcome);
  };
  const state = { answered: false };
  // A stream that nobody reads any more must end its call, too.
  bound.signal.addEventListener(
    "abort",
    () => {
      if (!state.answered) meter.givesUp();
      end(signal.aborted ? "cancelled" : "cut");
    },
    { once: true },
  );
  try {
    const purse = await context.purses({ organizationId, principalId, userId, id });
    const request = { route: kind, models, body, signal: bound.signal, ...(outputTokensMax !== undefined && { outputTokensMax }) };
    const answer = await tryModels(context, request, { meter, purse });
    state.answered = true;
    meter.answers(() => answer.usage());
    if (answer.kind === "json") end("answered");
    return told(answer, end);
  } catch (error) {
    // Where it was given up, it has ended with that.
    end("refused");
    throw error;
  }
}

/** The caller's signal, and the bound on the time of a call, as one. */
function boundCall({ limits }: DirectPorts, signal: AbortSignal) {
  const abort = new AbortController();
  const leave = (): void => abort.abort(signal.reason);
  signal.addEventListener("abort", leave, { once: true });
  const tooLate = (): void => abort.abort(new GatewayError("model_unavailable", { text: "The model took too long." }));
  const timer = setTimeout(tooLate, limits.directCallMs);
  return {
    signal: abort.signal,
    release(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", leave);
    },
  };
}

type End = (outcome: DirectOutcome) => void;

function told(answer: BegunAnswer, end: End): DirectResult {
  if (answer.kind === "json") return answer;
  if (answer.kind === "bytes") {
    const { allowance, ...sound } = answer;
    const covered = allowance === null ? undefined : () => allowance.coverSound(sound.usage().audioMs ?? 0);
    return { ...sound, bytes: metered(sound.bytes[Symbol.asyncIterator](), end, { covered }) };
  }
  const { first, rest, allowance, ...head } = answer;
  const covered = allowance === null ? undefined : coverStream(head, allowance);
  return { ...head, events: metered(rest, end, { first, covered }) };
}

interface Passing<Piece> {
  first?: Piece;
  /** Resolves when there is money for what has been said so far, with this. */
  covered?: ((piece: Piece) => Promise<void>) | undefined;
}

async function* metered<Piece>(rest: AsyncIterator<Piece>, end: End, { first, covered }: Passing<Piece>): AsyncGenerator<Piece, void> {
  let outcome: DirectOutcome = "cancelled";
  try {
    if (first !== undefined) {
      await covered?.(first);
      yield first;
    }
    for (let next = await rest.next(); !next.done; next = await rest.next()) {
      if (covered !== undefined) await covered(next.value);
      yield next.value;
    }
    outcome = "answered";
  } catch (error) {
    outcome = "cut";
    throw error;
  } finally {
    if (outcome !== "answered") await rest.return?.();
    end(outcome);
  }
}
