import { isObject } from "@parley/contracts";
import type { Allowance } from "../billing/purse.ts";
import { coverStream } from "./cover-stream.ts";
import type { StreamedAnswer, WholeAnswer } from "./direct-models.ts";

type Json = Record<string, unknown>;

interface Choice {
  index: number;
  message: Json;
  finish_reason: unknown;
  [more: string]: unknown;
}

const objectsIn = (value: unknown): Json[] => (Array.isArray(value) ? value.filter(isObject) : []);
const indexOf = ({ index }: Json): number => (typeof index === "number" ? index : 0);

/** What names something comes once, or the same again; all other text is a piece. */
const NAMES = new Set(["role", "id", "type", "name"]);

function merge(into: Json, piece: Json): void {
  for (const [key, value] of Object.entries(piece)) {
    const known = into[key];
    if (known === undefined || known === null) into[key] = structuredClone(value);
    else if (typeof known === "string" && typeof value === "string") into[key] = NAMES.has(key) ? known || value : known + value;
    else if (Array.isArray(known) && Array.isArray(value)) mergeLists(known, value);
    else if (isObject(known) && isObject(value)) merge(known, value);
    else if (value !== null) into[key] = value;
  }
}

/** Parts with an index go to the one that has it already. */
function mergeLists(known: unknown[], pieces: unknown[]): void {
  for (const piece of pieces) {
    const at = isObject(piece) && typeof piece["index"] === "number" ? piece["index"] : null;
    const same = at === null ? undefined : known.filter(isObject).find(({ index }) => index === at);
    if (same !== undefined && isObject(piece)) merge(same, piece);
    else known.push(structuredClone(piece));
  }
}

function addChunk(choices: Map<number, Choice>, chunk: Json): void {
  for (const one of objectsIn(chunk["choices"])) {
    const { delta, finish_reason: reason, index: _, ...more } = one;
    const index = indexOf(one);
    const choice = choices.get(index) ?? { index, message: {}, finish_reason: null };
    choices.set(index, choice);
    if (isObject(delta)) merge(choice.message, delta);
    if (typeof reason === "string") choice.finish_reason = reason;
    merge(choice, more);
  }
}

/** A whole message does not count its calls. */
function withoutIndexes({ message, ...choice }: Choice): Choice {
  for (const call of objectsIn(message["tool_calls"])) delete call["index"];
  return { ...choice, message: { role: "assistant", content: null, ...message } };
}

/**
 * Makes one answer of a streamed one, as its provider would have given it in one piece. No more of it is heard than there is money for: what is beyond
 * throws `budget_exhausted`, and the provider is let go.
 */
export async function gatherAnswer(answer: StreamedAnswer, allowance: Allowance): Promise<WholeAnswer> {
  const choices = new Map<number, Choice>();
  const head: Json = {};
  const cover = coverStream(answer, allowance);
  for await (const events of answer.events) {
    for (const { value } of events) {
      const { choices: _, object: __, ...more } = value;
      // The newest says it, where it says anything: usage comes last.
      for (const [key, said] of Object.entries(more)) if (said !== null || !(key in head)) head[key] = said;
      addChunk(choices, value);
    }
    await cover(events);
  }
  const { id, created, model, ...rest } = head;
  const made = [...choices.values()].sort((a, b) => a.index - b.index).map(withoutIndexes);
  const value = { id, object: "chat.completion", created, model, choices: made, ...rest };
  return { kind: "json", text: JSON.stringify(value), value, usage: () => answer.usage() };
}
