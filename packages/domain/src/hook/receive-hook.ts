import { GatewayError, newId, strictDelivery, uuidOfHash } from "@parley/contracts";
import type { GatewayContext } from "../gateway-ports.ts";
import { hookPayload } from "./hook-payload.ts";
import { matchingMapping } from "./hook-presets.ts";
import type { HookAnswer, HookLock } from "./hook-store.ts";
import type { Delivery } from "./hook-use-cases.ts";
import { hookPlace, vaultOf } from "./manage-hooks.ts";
import { renderMessage, renderPlain, type TemplateFacts } from "./render-template.ts";

/** How far a sender's clock may be off, and how old a delivery may be. */
const TOLERANCE_MS = 300_000;
const NAME_CHARS_MAX = 255;
const CUT = "\n[cut: the rest is not shown]";

const refused = (text: string): GatewayError => new GatewayError("hook_refused", { text });

/** Accepts a delivery, in the order of its checks that senders know: time, signature, JSON, schema, mapping. */
export async function receiveHook(context: GatewayContext, delivery: Delivery): Promise<HookAnswer> {
  const { headers, body } = delivery;
  const timestamp = readTimestamp(context, headers["x-webhook-timestamp"]);
  const own = headers["x-webhook-signature"];
  const ofGithub = own === undefined ? headers["x-hub-signature-256"] : undefined;
  const hook = delivery.hookId === null ? null : await context.hooks.lock(delivery.hookId);
  if (timestamp === null && (context.hooksNeedTimestamp || hook?.requireTimestamp === true))
    throw refused("Missing required webhook timestamp");
  if (own === undefined && ofGithub === undefined) throw refused("Missing webhook signature");
  const isKnown = hook !== null && (ofGithub === undefined || takesGithub(hook));
  const signature = own ?? ofGithub?.replace(/^sha256=/, "") ?? "";
  const signed = context.checkSignature({
    algorithm: ofGithub === undefined ? (hook?.algorithm ?? "sha256") : "sha256",
    // Where there is no hook, a secret that nobody has takes its part, and as long.
    secrets: isKnown ? opened(context, hook) : [newId()],
    timestamp: ofGithub === undefined ? timestamp : null,
    body,
    signature,
  });
  if (!signed || !isKnown) throw new GatewayError("hook_refused");
  await delivery.admit({ id: hook.id, organizationId: hook.organizationId });

  const payload = readJson(body);
  if (hook.strict) checkStrict(payload);
  const mapping = matchingMapping(hook.mappings, { path: delivery.path, source: sourceOf(payload) });
  if (mapping === undefined) throw new GatewayError("hook_unmatched");
  const facts: TemplateFacts = {
    payload,
    headers,
    query: delivery.query,
    path: delivery.path,
    now: new Date(context.clock.now()).toISOString(),
  };
  const id = newId<string>();
  const named = headers["x-webhook-id"] || (ofGithub === undefined ? undefined : headers["x-github-delivery"]);
  const { answer, isNew } = await context.hooks.receive({
    organizationId: hook.organizationId,
    id,
    hookId: hook.id,
    // What is signed with a time is itself only once; what has neither name nor time cannot be told from another.
    deliveryId: named?.slice(0, NAME_CHARS_MAX) || (timestamp === null ? id : `${timestamp}.${signature}`),
    mappingId: mapping.id ?? mapping.preset ?? null,
    agentId: mapping.agentId,
    conversationId: conversationOf(context, hook, `${mapping.agentId} ${renderPlain(mapping.sessionKey, facts) || "webhook"}`),
    text: bounded(renderMessage(mapping.messageTemplate, facts), context.limits.messageCharsMax),
    answer: { received: true, mapping: mapping.id ?? mapping.preset ?? null, delivery: id },
    waitingMax: context.limits.hookDeliveriesWaitingMax,
  });
  if (isNew) {
    context.queue.enqueue("hook.run", hookPayload({ organizationId: hook.organizationId, id }), { once: id }).catch((error: unknown) => {
      context.log.warn({ err: error, hookId: hook.id }, "order not delivered; the sweep will give it again");
    });
  }
  return answer;
}

/** Seconds since 1970 as they were sent, which is how they are signed; null where there are none. */
function readTimestamp({ clock }: GatewayContext, header: string | undefined): string | null {
  if (header === undefined) return null;
  const sentMs = /^\d{1,12}$/.test(header) ? Number(header) * 1_000 : Number.NaN;
  if (!(Math.abs(clock.now() - sentMs) <= TOLERANCE_MS)) throw refused("Webhook timestamp expired or invalid");
  return header;
}

const takesGithub = ({ mappings }: HookLock): boolean => mappings.some(({ preset }) => preset === "github");

const opened = (context: GatewayContext, { organizationId, id, secrets }: HookLock): string[] =>
  secrets.map((secret) => vaultOf(context).open(secret, hookPlace(organizationId, id)));

function readJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch (cause) {
    throw new GatewayError("bad_request", { text: "Invalid JSON body", cause });
  }
}

function checkStrict(payload: unknown): void {
  const parsed = strictDelivery.safeParse(payload);
  if (parsed.success) return;
  const issues = parsed.error.issues.map(({ path, message, code }) => ({ path: path.map((part) => String(part)), message, code }));
  throw new GatewayError("invalid_input", { text: "Validation failed", issues });
}

function sourceOf(payload: unknown): string {
  const source = typeof payload === "object" && payload !== null && "source" in payload ? payload.source : undefined;
  return typeof source === "object" || source === undefined ? "" : String(source);
}

/** The same key is the same conversation; the salt keeps everybody else from making it first. */
const conversationOf = ({ hashBody }: GatewayContext, { id, salt }: HookLock, key: string): string =>
  uuidOfHash(hashBody(`${salt} ${id} ${key}`));

function bounded(text: string, charsMax: number): string {
  const said = text.trim() === "" ? "[a webhook without content]" : text;
  return said.length <= charsMax ? said : said.slice(0, charsMax - CUT.length).toWellFormed() + CUT;
}
