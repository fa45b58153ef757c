import { uuidOfHash } from "@parley/contracts";
import type { GatewayContext } from "../gateway-ports.ts";
import { hashInput } from "../idempotency/hash-input.ts";
import type { Once } from "../idempotency/repeat-store.ts";
import type { Caller } from "../identity/caller.ts";
import type { LiveTail } from "../log/live-tail.ts";
import { builderFor, type CreateFacts, modelsOf, prepareResponse, toKeep } from "./create-response.ts";
import { orderResponse } from "./order-response.ts";
import type { Item, ResponseSnapshot } from "./response.ts";
import type { ResponseRequest } from "./response-request.ts";
import type { ResponseKey } from "./response-store.ts";

/** What a worker needs to make a response; kept with its row until it has ended. */
export interface ResponseJob {
  request: ResponseRequest;
  /** Null: those of its conversation, as they are when it is made, and then its own input. */
  items: Item[] | null;
  inputs: Item[];
  conversationId: string | null;
  models: string[];
  principalId: string;
  requestId: string;
  head: ResponseSnapshot;
}

/** How many events there are before a worker writes the first of its own: what it was begun with. */
export const EVENTS_AT_START = 2;

/** Wakes those who follow a response. */
export const tellFollowers = ({ tail }: { tail: Pick<LiveTail, "publish"> }, { responseId }: Pick<ResponseKey, "responseId">): void =>
  tail.publish({ conversationId: responseId, events: [] });

interface StartFacts extends Pick<CreateFacts, "requestId"> {
  /** What a repeated call has in common with the first: they are one response, also where the first was never answered. */
  once: (Once & { input: unknown }) | undefined;
}

/** The same id for all calls under a key that say the same; null where there is no key. */
function repeatedId(context: GatewayContext, { organizationId, principalId }: Caller, { once }: StartFacts): string | null {
  if (once === undefined) return null;
  const { route, key, input } = once;
  return uuidOfHash(context.hashBody(JSON.stringify([organizationId, principalId, route, key, hashInput(context, input)])));
}

interface Started {
  uuid: string;
  snapshot: ResponseSnapshot;
}

async function alreadyStarted({ responses }: GatewayContext, organizationId: string, uuid: string): Promise<Started | null> {
  const stored = await responses.read({ organizationId, responseId: uuid });
  return stored === null ? null : { uuid, snapshot: stored.snapshot as ResponseSnapshot };
}

/** Accepts a response that a worker makes: when this resolves it is committed. */
export async function startBackground(
  context: GatewayContext,
  caller: Caller,
  request: ResponseRequest,
  facts: StartFacts,
): Promise<Started> {
  const { organizationId, principalId } = caller;
  const { requestId } = facts;
  const known = repeatedId(context, caller, facts);
  const started = known === null ? null : await alreadyStarted(context, organizationId, known);
  if (started !== null) return started;
  const models = modelsOf(context, request);
  const prepared = await prepareResponse(context, caller, request, null, known ?? undefined);
  const { uuid, inputs, head, before } = prepared;
  const { conversationId } = before;
  const job: ResponseJob = {
    ...{ request, inputs, conversationId, models, principalId, requestId, head },
    items: conversationId === null ? [...before.items, ...inputs] : null,
  };
  const builder = builderFor(context, organizationId, request, head);
  builder.begin("queued");
  const events = builder.take().map(({ text }) => text);
  const kept = toKeep(caller, prepared, { job, events, background: true, snapshot: builder.snapshot });
  await context.responses.save(kept, { waitingMax: context.limits.backgroundResponsesMax });
  // The row is the truth: an order that is lost is given again by the sweep.
  orderResponse(context.queue, { organizationId, responseId: uuid }, 0).catch((error: unknown) =>
    context.log.warn({ err: error }, "order not delivered; the sweep will give it again"),
  );
  return { uuid, snapshot: builder.snapshot };
}
