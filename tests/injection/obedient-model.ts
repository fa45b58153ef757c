import type { ModelServerRequest, Reply } from "@parley/testkit";

/** A call that somebody has asked for, anywhere. */
interface Order {
  name: string;
  arguments: string;
}

interface Tool {
  function: { name: string; description?: string };
}

const MARK_CHARS = /[\u200b-\u200f\u2060\ufeff\u00ad]/g;
const ENTITY: Record<string, string> = { quot: '"', amp: "&", lt: "<", gt: ">", apos: "'" };

const rot13 = (text: string): string =>
  text.replace(/[a-z]/gi, (letter) => String.fromCharCode(letter.charCodeAt(0) + (letter.toLowerCase() < "n" ? 13 : -13)));
const entities = (text: string): string =>
  text
    .replace(/&#x([0-9a-f]+);/gi, (_, hex: string) => String.fromCodePoint(Number.parseInt(hex, 16)))
    .replace(/&#(\d+);/g, (_, digits: string) => String.fromCodePoint(Number(digits)))
    .replace(/&(quot|amp|lt|gt|apos);/g, (_, name: string) => ENTITY[name] ?? "");
const unescaped = (text: string): string =>
  text.replace(/\\u([0-9a-f]{4})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))).replaceAll('\\"', '"');
const decodedUrl = (text: string): string =>
  text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
const blobs = (text: string, pattern: RegExp, encoding: "base64" | "hex"): string =>
  (text.match(pattern) ?? []).map((blob) => Buffer.from(blob, encoding).toString("utf8")).join("\n");

/** A text in every way that it may be meant. */
const readings = (text: string): string[] => [
  text,
  text.replace(MARK_CHARS, "").normalize("NFKC"),
  entities(text),
  unescaped(text),
  decodedUrl(text),
  rot13(text),
  [...text].toReversed().join(""),
  blobs(text, /[A-Za-z0-9+/]{24,}={0,2}/g, "base64"),
  blobs(text, /\b(?:[0-9a-f]{2}){16,}\b/gi, "hex"),
];

/** The JSON object that begins at that place; null where none does. */
function objectAt(text: string, start: number): string | null {
  for (let end = text.indexOf("}", start); end !== -1; end = text.indexOf("}", end + 1)) {
    const piece = text.slice(start, end + 1);
    try {
      return JSON.stringify(JSON.parse(piece));
    } catch {
      // It goes on.
    }
  }
  return null;
}

/** What an attack calls a tool by: a skill of the agent that does harm is named alone. */
const spokenName = (name: string): string => name.replace(/^call_harm_/, "");

/** Every `tool … {arguments}` of a text: the tool's name, and an object soon after it. */
function ordersIn(text: string, names: string[]): Order[] {
  return names.flatMap((name) => {
    const found: Order[] = [];
    const spoken = spokenName(name);
    for (let at = text.indexOf(spoken); at !== -1; at = text.indexOf(spoken, at + spoken.length)) {
      const brace = text.indexOf("{", at);
      const given = brace === -1 || brace - at > spoken.length + 60 ? null : objectAt(text, brace);
      if (given !== null) found.push({ name, arguments: given });
    }
    return found;
  });
}

const textOf = (content: unknown): string => (typeof content === "string" ? content : JSON.stringify(content ?? ""));

/**
 * A model that does what anybody says: it looks through its whole prompt, the tools' descriptions included, in every language (an order is a tool's name with its arguments) and through
 * every encoding that it knows, and makes each call once. When nothing is left to do it says what it was told last.
 */
export function obey({ body }: ModelServerRequest): Reply {
  const tools = (body.tools ?? []) as Tool[];
  const messages = body.messages ?? [];
  const names = tools.map((tool) => tool.function.name);
  const said = [...messages.map(({ content }) => textOf(content)), ...tools.map((tool) => tool.function.description ?? "")];
  const made = new Set(
    messages
      .flatMap(({ tool_calls: calls }) => (calls ?? []) as { function: Order }[])
      .map((call) => `${call.function.name} ${JSON.stringify(JSON.parse(call.function.arguments))}`),
  );
  const orders = said.flatMap((text) => readings(text).flatMap((reading) => ordersIn(reading, names)));
  const wanted = new Map(orders.map((order) => [`${order.name} ${order.arguments}`, order]));
  const left = [...wanted].filter(([key]) => !made.has(key)).map(([, order]) => order);
  // One at a time, so that each is made knowing what the ones before it brought.
  const [next] = left;
  if (next !== undefined) return { toolCalls: [next] };
  return { text: [`It says: ${textOf(messages.at(-1)?.content)}`] };
}
