import type { AcceptedPayment } from "@parley/domain";

const CHARS_MAX = 1_000;
const ENTRY = /^([a-z0-9-]+|\*)\/([a-z0-9-]+|\*)$/;
const WEIGHT = /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/;

function entryOf(text: string): AcceptedPayment | null {
  const [name = "", ...parameters] = text.split(";").map((part) => part.trim());
  const [, method, intent] = ENTRY.exec(name) ?? [];
  if (method === undefined || intent === undefined) return null;
  let weight = 1;
  for (const parameter of parameters) {
    const [key = "", value = ""] = parameter.split("=").map((part) => part.trim());
    if (key.toLowerCase() !== "q") continue;
    if (!WEIGHT.test(value)) return null;
    weight = Number(value);
  }
  return { method, intent, weight };
}

/** `Accept-Payment: tempo/charge, stripe/charge;q=0.5`. Null where nothing is said, or nothing that can be read: then everything is offered. */
export function readAcceptPayment(header: string | undefined): AcceptedPayment[] | null {
  if (header === undefined || header.length > CHARS_MAX) return null;
  const entries: AcceptedPayment[] = [];
  for (const text of header.split(",")) {
    if (text.trim() === "") continue;
    const entry = entryOf(text);
    if (entry === null) return null;
    entries.push(entry);
  }
  return entries.length === 0 ? null : entries;
}
