import { GatewayError, type Limits } from "@parley/contracts";
import {
  contextTooLarge,
  type Item,
  itemId,
  type Json,
  noSuchPrevious,
  uuidOfConversation,
  uuidOfResponse,
  wrongParameter,
} from "./response.ts";
import type { ResponseRequest } from "./response-request.ts";
import type { ContextBounds, LoadedItems, ResponseStore, ResponseTurn } from "./response-store.ts";

interface Ports {
  responses: ResponseStore;
  limits: Limits;
}

/** What one connection knows by itself: its newest response, and all that was said up to it. */
export interface Remembered {
  responseId: string;
  items: Item[];
  /** The turn that it told. */
  turn: ResponseTurn | null;
}

/** Where a response goes on, and what was said there before. */
export interface Before {
  previousId: string | null;
  conversationId: string | null;
  items: Item[];
  /** The turn that the response before told. */
  turn: ResponseTurn | null;
}

const boundsOf = ({ responseContextItemsMax: itemsMax, responseContextBytesMax: bytesMax }: Limits): ContextBounds => ({
  itemsMax,
  bytesMax,
});

const noSuchConversation = (id: string): GatewayError =>
  new GatewayError("not_found", {
    text: `Conversation with id '${id}' not found.`,
    issues: [{ path: ["conversation"], code: "conversation_not_found", message: "not found" }],
  });

function foundIn(loaded: LoadedItems, missing: () => GatewayError) {
  if (loaded.state === "found") return loaded;
  if (loaded.state === "too_large") throw contextTooLarge();
  if (loaded.state === "running")
    throw wrongParameter("previous_response_id", "The previous response has not ended yet.", "previous_response_not_ended");
  throw missing();
}

/** The UUID of the conversation of items that a request names. Throws `not_found` for what is no such id. */
export function conversationUuid(id: string): string {
  const uuid = uuidOfConversation(id);
  if (uuid === null) throw noSuchConversation(id);
  return uuid;
}

/** All items of a conversation. */
export async function conversationItems(ports: Ports, organizationId: string, conversationId: string, shown: string): Promise<Item[]> {
  const loaded = await ports.responses.loadItems({ organizationId, conversationId }, boundsOf(ports.limits));
  return foundIn(loaded, () => noSuchConversation(shown)).items;
}

/** What was said before a new response. Throws `previous_response_not_found`, `not_found` for a conversation, `context_length_exceeded`. */
export async function itemsBefore(
  ports: Ports,
  organizationId: string,
  { previousResponseId, conversation }: ResponseRequest,
  remembered: Remembered | null,
): Promise<Before> {
  const nothing: Before = { previousId: null, conversationId: null, items: [], turn: null };
  if (conversation !== null) {
    const conversationId = conversationUuid(conversation);
    return { ...nothing, conversationId, items: await conversationItems(ports, organizationId, conversationId, conversation) };
  }
  if (previousResponseId === null) return nothing;
  const previousId = uuidOfResponse(previousResponseId);
  if (previousId === null) throw noSuchPrevious(previousResponseId);
  if (remembered?.responseId === previousResponseId) return { ...nothing, previousId, items: remembered.items, turn: remembered.turn };
  const loaded = await ports.responses.loadChain({ organizationId, responseId: previousId }, boundsOf(ports.limits));
  const { items, turn = null } = foundIn(loaded, () => noSuchPrevious(previousResponseId));
  return { ...nothing, previousId, items, turn };
}

/**
 * A request's own items, each with an id, and references followed: to what was said before, else to what is kept. Throws `not_found` for a reference
 * that leads nowhere.
 */
export async function resolveInput(ports: Ports, organizationId: string, input: readonly Json[], before: readonly Item[]): Promise<Item[]> {
  const known = new Map(before.map((item) => [item.id, item]));
  const wanted = input.flatMap(({ type, id }) => (type === "item_reference" && !known.has(String(id)) ? [String(id)] : []));
  const found = wanted.length === 0 ? new Map<string, Item>() : await ports.responses.findItems(organizationId, [...new Set(wanted)]);
  return input.map((item, index): Item => {
    if (item.type !== "item_reference") {
      const type = String(item.type);
      return { ...item, type, id: typeof item.id === "string" && item.id !== "" ? item.id : itemId(type) };
    }
    const id = String(item.id);
    const meant = known.get(id) ?? found.get(id);
    if (meant !== undefined) return meant;
    const text = `Item with id '${id}' not found.`;
    throw new GatewayError("not_found", { text, issues: [{ path: ["input", index], code: "item_not_found", message: text }] });
  });
}

/** Throws where all that is to be read is more than one response may have. */
export function checkContext(items: readonly Item[], { responseContextItemsMax, responseContextBytesMax }: Limits): void {
  if (items.length > responseContextItemsMax) throw contextTooLarge();
  let chars = 0;
  for (const item of items) chars += JSON.stringify(item).length;
  if (chars > responseContextBytesMax) throw contextTooLarge();
}
