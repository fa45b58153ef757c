import type { Json, ResponseEvent } from "../response.ts";

const TERMINAL = new Set(["response.completed", "response.incomplete", "response.failed"]);

/** What an event may have, as far as it is looked at. */
interface Told extends Json {
  item: Json;
  part: Json;
  response?: Json;
  delta?: string;
}

interface Followed {
  item: Json;
  isDone: boolean;
  parts: { kind: unknown; text: string; isDone: boolean }[];
  arguments: string;
}

/** Reads events as the strictest readers do, and returns what is wrong with them: nothing, where they are right. */
export function wrongWith(events: readonly ResponseEvent[]): string[] {
  const wrong: string[] = [];
  const items: Followed[] = [];
  const bytes = new Map<number, unknown>();
  let id: unknown;
  let ended = false;
  const check = (isRight: boolean, what: string): void => void (isRight || wrong.push(what));

  for (const [index, { type, text }] of events.entries()) {
    const event: Told = JSON.parse(text);
    check(event.type === type, `${type}: is told as ${String(event.type)}`);
    check(event.sequence_number === index, `${type}: number ${String(event.sequence_number)} instead of ${index}`);
    check(!ended, `${type}: behind the end`);
    if (index === 0) check(type === "response.created", `${type}: comes first`);
    const followed = items[Number(event.output_index)];
    if (event.item_id !== undefined) {
      check(followed !== undefined && !followed.isDone && followed.item.id === event.item_id, `${type}: of an item that is not open`);
    }
    const part = followed?.parts[Number(event.content_index ?? event.summary_index)];
    if (event.response !== undefined) {
      id ??= event.response.id;
      check(event.response.id === id, `${type}: of another response`);
    }
    switch (type) {
      case "response.output_item.added":
        check(event.output_index === items.length, `${type}: not the next place`);
        check(!items.some(({ item }) => item.id === event.item.id), `${type}: an id that is taken`);
        check(
          event.item.call_id === undefined || !items.some(({ item }) => item.call_id === event.item.call_id),
          `${type}: a call id that is taken`,
        );
        check(event.item.status === "in_progress", `${type}: not in progress`);
        items.push({ item: event.item, isDone: false, parts: [], arguments: "" });
        break;
      case "response.content_part.added":
      case "response.reasoning_summary_part.added":
        check((event.content_index ?? event.summary_index) === followed?.parts.length, `${type}: not the next place`);
        followed?.parts.push({ kind: event.part.type, text: "", isDone: false });
        break;
      case "response.output_text.delta":
      case "response.refusal.delta":
      case "response.reasoning_summary_text.delta":
        check(part !== undefined && !part.isDone, `${type}: of a part that is not open`);
        if (part) part.text += event.delta;
        break;
      case "response.output_text.done":
      case "response.refusal.done":
      case "response.reasoning_summary_text.done":
        check((event.text ?? event.refusal) === part?.text, `${type}: another text than its pieces`);
        break;
      case "response.content_part.done":
      case "response.reasoning_summary_part.done":
        check((event.part.text ?? event.part.refusal) === part?.text, `${type}: another text than its pieces`);
        if (part) part.isDone = true;
        break;
      case "response.function_call_arguments.delta":
        if (followed) followed.arguments += event.delta;
        break;
      case "response.function_call_arguments.done":
        check(event.arguments === followed?.arguments, `${type}: other arguments than its pieces`);
        break;
      case "response.output_item.done":
        check(followed?.isDone === false && followed.parts.every(({ isDone }) => isDone), `${type}: something in it is open`);
        check(event.item.id === followed?.item.id && event.item.call_id === followed?.item.call_id, `${type}: another item`);
        if (followed) followed.isDone = true;
        bytes.set(Number(event.output_index), event.item);
        break;
      default:
        if (!TERMINAL.has(type)) break;
        ended = true;
        if (type === "response.failed") break;
        check(
          items.every(({ isDone }) => isDone),
          `${type}: an item is open`,
        );
        check(JSON.stringify(event.response?.output) === JSON.stringify([...bytes.values()]), `${type}: other items than were told`);
    }
  }
  check(ended, "there is no end");
  return wrong;
}
