import { GatewayError, type Limits, newId } from "@parley/contracts";
import { resolveModel } from "../direct/resolve-model.ts";
import type { GatewayContext } from "../gateway-ports.ts";
import type { Caller } from "../identity/caller.ts";
import { type Answering, type BegunResponse, beginAnswer, sealFor } from "./answer-response.ts";
import { type Before, checkContext, itemsBefore, type Remembered, resolveInput } from "./gather-context.ts";
import { lockConversation } from "./lock-conversation.ts";
import { type Item, type ResponseEvent, type ResponseSnapshot, responseIdOf, wrongParameter } from "./response.ts";
import { ResponseBuilder } from "./response-builder.ts";
import { responseFailure } from "./response-failure.ts";
import { responseHead } from "./response-head.ts";
import type { ResponseRequest } from "./response-request.ts";
import type { NewResponse } from "./response-store.ts";

export interface CreateFacts {
  /** The route's name in the registry: usage is counted under it. */
  route: string;
  requestId: string;
  /** Its abort ends a response that is no background one. */
  signal: AbortSignal;
  /** What the connection knows by itself. */
  remembered?: Remembered | null;
  /** False: nothing is asked of the model; the response is there to go on from. */
  generates?: boolean;
}

/** A response that has begun. Its events must be read to their end, or its signal aborted. */
export interface RunningResponse {
  id: string;
  events: AsyncIterable<ResponseEvent[]>;
  /** As it is now. */
  snapshot(): ResponseSnapshot;
  /** All that was said up to its end, its own answer included. */
  items(): Item[];
  /** What it failed with. */
  failure(): unknown;
}

/** A response that is about to begin. */
export interface Prepared {
  id: string;
  uuid: string;
  before: Before;
  inputs: Item[];
  head: ResponseSnapshot;
}

/** The response's head, and all that it is to read. */
export async function prepareResponse(
  context: Pick<GatewayContext, "responses" | "limits" | "clock">,
  { organizationId }: Pick<Caller, "organizationId">,
  request: ResponseRequest,
  remembered: Remembered | null = null,
  uuid: string = newId<string>(),
): Promise<Prepared> {
  const before = await itemsBefore(context, organizationId, request, remembered);
  const inputs = await resolveInput(context, organizationId, request.input, before.items);
  if (inputs.length === 0 && before.items.length === 0 && request.instructions === null)
    throw wrongParameter("input", "Missing required parameter: 'input'.", "missing_required_parameter");
  checkContext([...before.items, ...inputs], context.limits);
  const id = responseIdOf(uuid);
  const createdAt = Math.floor(context.clock.now() / 1_000);
  const head = responseHead(request, { id, model: request.model, createdAt, conversation: before.conversationId });
  return { id, uuid, before, inputs, head };
}

export const builderFor = (
  context: Pick<GatewayContext, "vault">,
  organizationId: string,
  request: ResponseRequest,
  head: ResponseSnapshot,
) =>
  new ResponseBuilder(structuredClone(head), {
    showsSummary: (request.reasoning?.summary ?? null) !== null,
    seal: sealFor(context.vault, organizationId, request),
  });

/** What is kept of a response. */
export const toKeep = (
  { organizationId, principalId }: Caller,
  { uuid, before, inputs, head }: Prepared,
  facts: Partial<NewResponse> & Pick<NewResponse, "events">,
): NewResponse => ({
  organizationId,
  principalId,
  responseId: uuid,
  background: false,
  previousId: before.previousId,
  conversationId: before.conversationId,
  job: null,
  turn: null,
  snapshot: head,
  inputs,
  ...facts,
});

/** The models that a response is asked of. An agent is none. */
export function modelsOf(context: GatewayContext, { model }: ResponseRequest): string[] {
  const resolved = resolveModel(context, model);
  if (resolved.kind === "agent") throw wrongParameter("model", "An agent does not serve this.", "unsupported_value");
  return resolved.models;
}

/**
 * Begins a response straight from a model: resolves when the model has begun to answer, and throws where it refuses before. What is to be stored is
 * stored before its last event is told: whoever has that can ask for it again.
 */
export async function createResponse(
  context: GatewayContext,
  caller: Caller,
  request: ResponseRequest,
  facts: CreateFacts,
): Promise<RunningResponse> {
  const models = modelsOf(context, request);
  const unlock = await lockConversation(context, caller.organizationId, request, facts.signal);
  try {
    const prepared = await prepareResponse(context, caller, request, facts.remembered);
    const items = [...prepared.before.items, ...prepared.inputs];
    const { route, requestId, signal, generates = true } = facts;
    const answering: Answering = { request, items, models, route, requestId, signal };
    const answer = generates ? await beginAnswer(context, caller, answering) : null;
    return running(context, caller, { request, prepared, answer, signal, unlock });
  } catch (error) {
    await unlock();
    throw error;
  }
}

interface Run {
  request: ResponseRequest;
  prepared: Prepared;
  /** Null: nothing is asked. */
  answer: BegunResponse | null;
  signal: AbortSignal;
  unlock: () => Promise<void>;
}

/** More than is kept of one response is not let come. */
export function boundKept({ responseContextBytesMax }: Limits) {
  let chars = 0;
  return (events: readonly ResponseEvent[]): void => {
    for (const { text } of events) chars += text.length;
    if (chars > responseContextBytesMax) throw new GatewayError("model_unavailable", { text: "The answer is too long." });
  };
}

function running(context: GatewayContext, caller: Caller, { request, prepared, answer, signal, unlock }: Run): RunningResponse {
  const builder = builderFor(context, caller.organizationId, request, prepared.head);
  const events: string[] = [];
  const bound = boundKept(context.limits);
  let failure: unknown = null;
  let told = 0;

  const keep = async (last: readonly ResponseEvent[]): Promise<void> => {
    events.push(...last.map(({ text }) => text));
    const { organizationId } = caller;
    const { conversationId } = prepared.before;
    const { status, output } = builder.snapshot;
    if (!request.store) {
      if (conversationId === null || status === "failed" || status === "cancelled") return;
      return context.responses.addItems({ organizationId, conversationId }, [...prepared.inputs, ...output], null);
    }
    const kept = toKeep(caller, prepared, { snapshot: builder.snapshot, events });
    await context.responses.save(kept, { waitingMax: context.limits.backgroundResponsesMax });
  };
  const note = (some: ResponseEvent[]): ResponseEvent[] => {
    bound(some);
    told += some.length;
    if (request.store) events.push(...some.map(({ text }) => text));
    return some;
  };
  const at = (): number => Math.floor(context.clock.now() / 1_000);

  /** The end of one that its caller has left, for those who ask for it later. */
  async function cancelled(): Promise<void> {
    builder.end({ status: "cancelled", reason: "cancelled", usage: answer?.usage() ?? null, at: at() });
    await keep(builder.take()).catch((error: unknown) => context.log.warn({ err: error }, "a cancelled response was not stored"));
  }

  async function* tell(): AsyncGenerator<ResponseEvent[], void> {
    let ended = false;
    try {
      builder.begin("in_progress");
      yield note(builder.take());
      if (answer === null) builder.end({ status: "completed", reason: null, usage: null, at: at() });
      else for await (const some of answer.tell(builder, context.clock)) yield note(some);
      const last = builder.take();
      await keep(last);
      ended = true;
      yield last;
    } catch (error) {
      if (signal.aborted) return;
      failure = error;
      // What was made and not told: a failure takes its place.
      builder.take();
      builder.resume(told);
      events.splice(told);
      builder.fail(responseFailure(error), answer?.usage() ?? null);
      const last = builder.take();
      await keep(last).catch((cause: unknown) => context.log.warn({ err: cause }, "a failed response was not stored"));
      ended = true;
      yield last;
    } finally {
      if (!ended) await cancelled();
      await unlock();
    }
  }

  return {
    id: prepared.id,
    events: tell(),
    snapshot: () => builder.snapshot,
    items: () => [...prepared.before.items, ...prepared.inputs, ...builder.snapshot.output],
    failure: () => failure,
  };
}
