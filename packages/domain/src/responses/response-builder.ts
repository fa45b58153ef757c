import type { Usage } from "@parley/contracts";
import {
  type Item,
  itemId,
  type Json,
  type ResponseEvent,
  type ResponseFailure,
  type ResponseSnapshot,
  type ResponseStatus,
} from "./response.ts";

type PartKind = "output_text" | "refusal";
type Message = Item & { status: string; content: (Json & { type: PartKind; text?: string; refusal?: string })[] };
type Call = Item & { status: string; call_id: string; name: string; arguments: string };
type Reasoning = Item & { status: string; summary: { type: "summary_text"; text: string }[] };

/** An item that is still being said, and its place in the output. */
type Open =
  | { kind: "message"; index: number; item: Message }
  | { kind: "reasoning"; index: number; item: Reasoning; text: string }
  | { kind: "call"; index: number; item: Call };

/** How a response ends, other than by a failure. */
export interface Ending {
  status: Exclude<ResponseStatus, "queued" | "in_progress" | "failed">;
  /** Why it is not whole; null where it is. */
  reason: string | null;
  usage: Usage | null;
  /** Unix seconds. */
  at: number;
}

const ENDED_BY = { completed: "response.completed", incomplete: "response.incomplete", cancelled: "response.incomplete" } as const;

const usageOf = ({ inputTokens, outputTokens, cachedTokens, reasoningTokens }: Usage) => ({
  input_tokens: inputTokens,
  input_tokens_details: { cached_tokens: cachedTokens },
  output_tokens: outputTokens,
  output_tokens_details: { reasoning_tokens: reasoningTokens },
  total_tokens: inputTokens + outputTokens,
});

/**
 * Makes the events of one response in their only order: what is open is closed before anything ends, numbers have no gap, and an item's last event
 * repeats all of it. The same calls make the same bytes. Not for use once `end` or `fail` was called.
 */
export class ResponseBuilder {
  readonly #snapshot: ResponseSnapshot;
  readonly #showsSummary: boolean;
  /** Turns the text of reasoning into what its caller may give back, and nobody else can read; null where it was not asked for. */
  readonly #seal: ((text: string) => string) | null;
  readonly #output: Item[] = [];
  #open: Open[] = [];
  #events: ResponseEvent[] = [];
  #next = 0;

  constructor(head: ResponseSnapshot, { showsSummary, seal }: { showsSummary: boolean; seal: ((text: string) => string) | null }) {
    this.#snapshot = head;
    this.#showsSummary = showsSummary;
    this.#seal = seal;
  }

  get snapshot(): ResponseSnapshot {
    return { ...this.#snapshot, output: [...this.#output] };
  }

  /** The number of the next event. */
  get next(): number {
    return this.#next;
  }

  /** Goes on behind events that were made elsewhere, and with the items that they have finished. */
  resume(next: number, finished: readonly Item[] = []): void {
    this.#next = next;
    this.#output.push(...finished);
  }

  /** The events since the last call. */
  take(): ResponseEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  begin(status: "queued" | "in_progress"): void {
    this.#snapshot.status = status;
    this.#tell("response.created", { response: this.snapshot });
    this.progress(status);
  }

  progress(status: "queued" | "in_progress"): void {
    this.#snapshot.status = status;
    this.#tell(`response.${status}`, { response: this.snapshot });
  }

  reasoning(text: string): void {
    const open = this.#current("reasoning") ?? this.#openReasoning();
    open.text += text;
    const [part] = open.item.summary;
    if (part === undefined) return;
    part.text += text;
    this.#tell("response.reasoning_summary_text.delta", { ...placeOf(open), summary_index: 0, delta: text });
  }

  text(delta: string, logprobs: unknown[] = []): void {
    const { open, contentIndex, part } = this.#part("output_text");
    part.text = `${part.text ?? ""}${delta}`;
    if (logprobs.length > 0) part.logprobs = [...((part.logprobs as unknown[] | undefined) ?? []), ...logprobs];
    this.#tell("response.output_text.delta", { ...placeOf(open), content_index: contentIndex, delta, logprobs });
  }

  refusal(delta: string): void {
    const { open, contentIndex, part } = this.#part("refusal");
    part.refusal = `${part.refusal ?? ""}${delta}`;
    this.#tell("response.refusal.delta", { ...placeOf(open), content_index: contentIndex, delta });
  }

  /** Begins a call. Its id is the provider's, unless that is empty or taken. Returns what `callArguments` takes. */
  call(callId: string, name: string): number {
    this.#close((open) => open.kind !== "call", "completed");
    const index = this.#output.length;
    const isTaken = this.#output.some((item) => item.call_id === callId);
    const id = itemId("function_call", this.#place());
    const call_id = callId === "" || isTaken ? `call_${id.slice("fc_".length)}` : callId;
    const item: Call = { type: "function_call", id, call_id, name, arguments: "", status: "in_progress" };
    this.#add({ kind: "call", index, item });
    return index;
  }

  callArguments(index: number, delta: string): void {
    const open = this.#open.find((one) => one.index === index);
    if (open?.kind !== "call" || delta === "") return;
    open.item.arguments += delta;
    this.#tell("response.function_call_arguments.delta", { ...placeOf(open), delta });
  }

  /** Everything that the open text says so far; empty where none is open. */
  get said(): string {
    const open = this.#current("message");
    return (open?.item.content ?? []).map(({ text = "" }) => text).join("");
  }

  get hasOutput(): boolean {
    return this.#output.length > 0;
  }

  /** Closes what is open, in the order in which it was opened, but for one item that may be said on. */
  end({ status, reason, usage, at }: Ending): void {
    this.#closeForEnd(status === "completed" ? "completed" : "incomplete");
    Object.assign(this.#snapshot, {
      status,
      incomplete_details: reason === null ? null : { reason },
      completed_at: status === "completed" ? at : null,
      usage: usage === null ? null : usageOf(usage),
    });
    this.#tell(ENDED_BY[status], { response: this.snapshot });
  }

  /** What was finished stays; what was not is left out. The error stands in both of the forms that clients read. */
  fail(failure: ResponseFailure, usage: Usage | null): void {
    this.#tell("error", { code: failure.code, message: failure.message, param: failure.param, error: failure });
    const open = new Set(this.#open.map(({ item }) => item));
    Object.assign(this.#snapshot, {
      status: "failed",
      error: failure,
      incomplete_details: null,
      completed_at: null,
      usage: usage === null ? null : usageOf(usage),
    });
    this.#open = [];
    const output = this.#output.filter((item) => !open.has(item as Open["item"]));
    this.#output.splice(0, this.#output.length, ...output);
    this.#tell("response.failed", { response: this.snapshot });
  }

  #place() {
    return { responseId: this.#snapshot.id, index: this.#output.length };
  }

  #current<Kind extends Open["kind"]>(kind: Kind): Extract<Open, { kind: Kind }> | undefined {
    return this.#open.find((open): open is Extract<Open, { kind: Kind }> => open.kind === kind);
  }

  #add(open: Open): void {
    this.#output.push(open.item);
    this.#open.push(open);
    this.#tell("response.output_item.added", { output_index: open.index, item: open.item });
  }

  #openReasoning() {
    this.#close(() => true, "completed");
    const item: Reasoning = { type: "reasoning", id: itemId("reasoning", this.#place()), summary: [], status: "in_progress" };
    const open = { kind: "reasoning" as const, index: this.#output.length, item, text: "" };
    this.#add(open);
    if (this.#showsSummary) {
      item.summary.push({ type: "summary_text", text: "" });
      this.#tell("response.reasoning_summary_part.added", { ...placeOf(open), summary_index: 0, part: item.summary[0] });
    }
    return open;
  }

  #part(type: PartKind) {
    let open = this.#current("message");
    if (open === undefined) {
      this.#close(({ kind }) => kind === "reasoning", "completed");
      const item: Message = {
        type: "message",
        id: itemId("message", this.#place()),
        role: "assistant",
        status: "in_progress",
        content: [],
      };
      open = { kind: "message", index: this.#output.length, item };
      this.#add(open);
    }
    const { content } = open.item;
    const last = content.at(-1);
    if (last?.type === type) return { open, contentIndex: content.length - 1, part: last };
    this.#closePart(open);
    const part: Message["content"][number] = type === "refusal" ? { type, refusal: "" } : { type, text: "", annotations: [], logprobs: [] };
    content.push(part);
    this.#tell("response.content_part.added", { ...placeOf(open), content_index: content.length - 1, part });
    return { open, contentIndex: content.length - 1, part };
  }

  #closePart(open: Extract<Open, { kind: "message" }>): void {
    const contentIndex = open.item.content.length - 1;
    const part = open.item.content[contentIndex];
    if (part === undefined) return;
    const place = { ...placeOf(open), content_index: contentIndex };
    if (part.type === "refusal") this.#tell("response.refusal.done", { ...place, refusal: part.refusal });
    else this.#tell("response.output_text.done", { ...place, text: part.text, logprobs: part.logprobs ?? [] });
    this.#tell("response.content_part.done", { ...place, part });
  }

  #closeForEnd(status: "completed" | "incomplete"): void {
    // Only the last item of a response may be unfinished.
    for (const open of [...this.#open]) {
      const isLast = open.index === this.#output.length - 1;
      this.#close((one) => one === open, isLast ? status : "completed");
    }
  }

  #close(which: (open: Open) => boolean, status: "completed" | "incomplete"): void {
    for (const open of this.#open.filter(which)) {
      open.item.status = status;
      if (open.kind === "message") this.#closePart(open);
      else if (open.kind === "call") this.#closeCall(open);
      else this.#closeReasoning(open);
      this.#open = this.#open.filter((one) => one !== open);
      this.#tell("response.output_item.done", { output_index: open.index, item: open.item });
    }
  }

  #closeCall(open: Extract<Open, { kind: "call" }>): void {
    const { item } = open;
    this.#tell("response.function_call_arguments.done", { ...placeOf(open), name: item.name, arguments: item.arguments });
  }

  #closeReasoning(open: Extract<Open, { kind: "reasoning" }>): void {
    const [part] = open.item.summary;
    if (part !== undefined) {
      const place = { ...placeOf(open), summary_index: 0 };
      this.#tell("response.reasoning_summary_text.done", { ...place, text: part.text });
      this.#tell("response.reasoning_summary_part.done", { ...place, part });
    }
    if (this.#seal !== null) open.item.encrypted_content = this.#seal(open.text);
  }

  #tell(type: string, fields: Json): void {
    this.#events.push({ type, text: JSON.stringify({ type, sequence_number: this.#next, ...fields }) });
    this.#next += 1;
  }
}

const placeOf = ({ index, item }: Open) => ({ item_id: item.id, output_index: index });
