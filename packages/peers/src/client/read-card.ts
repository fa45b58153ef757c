import { did, isObject, type PeerSkill } from "@parley/contracts";
import type { PeerCard } from "@parley/domain";
import { type JsonObject, listOf, textOf } from "../json-shape.ts";

/** One way to talk to a peer, as its card lists it. */
export interface PeerInterface {
  path: string | null;
  binding: "JSONRPC" | "HTTP+JSON";
  version: "1.0" | "0.3";
}

export interface ReadCard extends PeerCard {
  /** The one that we take; null where the card names none that we speak. */
  way: PeerInterface | null;
  /** Such peers are given the id of a task with the message that begins it. */
  takesTaskIds: boolean;
  pushes: boolean;
}

const DESCRIPTION_CHARS_MAX = 4_000;
const NAME_CHARS_MAX = 200;

/** An agent card of any version; null for what is none. What it says is the peer's own word. */
export function readCard(raw: unknown, skillsMax: number): ReadCard | null {
  if (!isObject(raw) || textOf(raw.name) === undefined) return null;
  const capabilities = isObject(raw.capabilities) ? raw.capabilities : {};
  const ways = waysOf(raw);
  return {
    name: cut(textOf(raw.name), NAME_CHARS_MAX),
    description: cut(textOf(raw.description), DESCRIPTION_CHARS_MAX),
    skills: listOf(raw.skills).flatMap(readSkill).slice(0, skillsMax),
    did: didOf(raw, capabilities),
    streaming: capabilities.streaming === true,
    pushes: (capabilities.pushNotifications ?? capabilities.push_notifications) === true,
    way:
      PREFERRED.map((wanted) => ways.find((way) => way.binding === wanted.binding && way.version === wanted.version)).find(Boolean) ?? null,
    // No version of the protocol has an id in its card; those that do are of a family that does.
    takesTaskIds: textOf(raw.id) !== undefined && raw.supportedInterfaces === undefined,
  };
}

const PREFERRED = [
  { binding: "JSONRPC", version: "1.0" },
  { binding: "JSONRPC", version: "0.3" },
  { binding: "HTTP+JSON", version: "1.0" },
  { binding: "HTTP+JSON", version: "0.3" },
] as const;

function waysOf(raw: JsonObject): PeerInterface[] {
  const listed = listOf(raw.supportedInterfaces ?? raw.supported_interfaces).flatMap((one) =>
    isObject(one) ? wayOf(one.url, one.protocolBinding ?? one.protocol_binding, one.protocolVersion ?? one.protocol_version ?? "1.0") : [],
  );
  if (listed.length > 0) return listed;
  const more = listOf(raw.additionalInterfaces ?? raw.additional_interfaces).flatMap((one) =>
    isObject(one) ? wayOf(one.url, one.transport, "0.3") : [],
  );
  return [...wayOf(raw.url, raw.preferredTransport ?? raw.preferred_transport ?? "JSONRPC", "0.3"), ...more];
}

function wayOf(url: unknown, binding: unknown, version: unknown): PeerInterface[] {
  if (binding !== "JSONRPC" && binding !== "HTTP+JSON") return [];
  const said = typeof version === "number" ? String(version) : (textOf(version) ?? "");
  const spoken = said.startsWith("1.") || said === "1" ? "1.0" : said.startsWith("0.") ? "0.3" : null;
  if (spoken === null) return [];
  return [{ path: pathOf(textOf(url) ?? ""), binding, version: spoken }];
}

function pathOf(address: string): string | null {
  if (!URL.canParse(address)) return null;
  const { protocol, pathname, search } = new URL(address);
  // What stands behind any other scheme may be anything, also another address.
  return protocol === "http:" || protocol === "https:" ? pathname + search : null;
}

function readSkill(raw: unknown): PeerSkill[] {
  if (!isObject(raw)) return [];
  const id = textOf(raw.id);
  // A call names it by its id as it is: one that cannot be kept cannot be called.
  if (id === undefined || id === "" || id !== cut(id, NAME_CHARS_MAX)) return [];
  const texts = (value: unknown) => listOf(value).flatMap((one) => (typeof one === "string" ? [cut(one, NAME_CHARS_MAX)] : []));
  return [
    {
      id,
      name: cut(textOf(raw.name), NAME_CHARS_MAX),
      description: cut(textOf(raw.description), DESCRIPTION_CHARS_MAX),
      tags: texts(raw.tags).slice(0, 50),
      outputModes: texts(raw.outputModes ?? raw.output_modes).slice(0, 50),
    },
  ];
}

/** Its id where that is a DID, else the first extension that is one. */
function didOf(raw: JsonObject, capabilities: JsonObject): string | null {
  const named = [raw.id, ...listOf(capabilities.extensions).map((one) => (isObject(one) ? one.uri : null))];
  return named.map(textOf).find((text) => did.safeParse(text).success) ?? null;
}

/** As it can be kept: Postgres has neither NUL nor half a surrogate pair. */
const cut = (text: string | undefined, charsMax: number): string =>
  (text ?? "").slice(0, charsMax).replaceAll("\0", "\uFFFD").toWellFormed();
