import { GatewayError, isGatewayError, isObject } from "@parley/contracts";
import type { GatewayContext } from "../gateway-ports.ts";
import { EVENTS_AT_START, tellFollowers } from "./background-response.ts";
import { type Item, isEnded, type Json, type ResponseSnapshot, wrongParameter } from "./response.ts";
import { ResponseBuilder } from "./response-builder.ts";
import type { ResponseKey, StoredResponse } from "./response-store.ts";

type Ports = Pick<GatewayContext, "responses" | "clock" | "tail">;

/** Enough for the one write that ends a response. */
const LEASE_MS = 10_000;
/** Those who cancel at the same time take the right to write from one another. */
const TRIES_MAX = 10;

const noSuchResponse = (id: string): GatewayError => new GatewayError("not_found", { text: `Response with id '${id}' not found.` });

/** Throws `not_found`, in the words of the id that was asked for. */
export async function findResponse({ responses }: Ports, key: ResponseKey, shown: string): Promise<StoredResponse> {
  const found = await responses.read(key);
  if (found === null) throw noSuchResponse(shown);
  return found;
}

/** The items that these events have finished. */
function finishedIn(events: readonly string[]): Item[] {
  return events.flatMap((text): Item[] => {
    const event: Json = JSON.parse(text);
    return event.type === "response.output_item.done" && isObject(event.item) ? [event.item as Item] : [];
  });
}

/** A response that somebody else than who makes it ends: what was finished stays. */
async function endNow(ports: Ports, key: ResponseKey, epoch: number): Promise<void> {
  const [stored, told] = await Promise.all([ports.responses.read(key), ports.responses.readEvents(key, -1)]);
  if (stored === null || told === null) throw new GatewayError("not_found");
  const builder = new ResponseBuilder({ ...stored.snapshot, output: [] } as unknown as ResponseSnapshot, {
    showsSummary: false,
    seal: null,
  });
  builder.resume(told.events.length, finishedIn(told.events));
  builder.end({ status: "cancelled", reason: "cancelled", usage: null, at: Math.floor(ports.clock.now() / 1_000) });
  const events = builder.take().map(({ text }) => text);
  const { snapshot } = builder;
  const first = told.events.length;
  try {
    await ports.responses.append(key, { epoch, first, events, leaseMs: LEASE_MS, status: snapshot.status, snapshot });
  } catch (error) {
    // Another has the right by now: whoever cancels as well, or a worker after all this time.
    if (!isGatewayError(error, "stale_epoch")) throw error;
  }
  tellFollowers(ports, key);
}

/** Ends a background response. Repeated, it answers the same; one that has ended otherwise cannot be cancelled. */
export async function cancelResponse(ports: Ports, key: ResponseKey, shown: string): Promise<ResponseSnapshot> {
  const found = await findResponse(ports, key, shown);
  if (!found.background)
    throw wrongParameter([], "Only responses created with background=true can be cancelled.", "response_not_background");
  let { status, snapshot } = found;
  for (let tries = 0; tries < TRIES_MAX && !isEnded(status); tries += 1) {
    const claimed = await ports.responses.claim(key, { leaseMs: LEASE_MS, force: true, kept: EVENTS_AT_START });
    if (claimed.state === "claimed") await endNow(ports, key, claimed.epoch);
    ({ status, snapshot } = await findResponse(ports, key, shown));
  }
  if (status === "cancelled") return snapshot as ResponseSnapshot;
  throw wrongParameter([], `Cannot cancel a ${status} response.`, "response_already_ended");
}

/** Removes a response, and what it was made of. One that is being made is ended first. */
export async function deleteResponse(ports: Ports, key: ResponseKey, shown: string): Promise<void> {
  const found = await findResponse(ports, key, shown);
  if (!isEnded(found.status)) await ports.responses.claim(key, { leaseMs: LEASE_MS, force: true, kept: EVENTS_AT_START });
  if (!(await ports.responses.delete(key))) throw noSuchResponse(shown);
}
