import { chatUsage, isObject } from "@parley/contracts";
import type { StreamEvent } from "@parley/domain";
import { EventSplitter } from "../openai-compatible/event-splitter.ts";
import { brokenAnswer } from "../openai-compatible/model-error.ts";
import { doubleReasoning } from "./double-reasoning.ts";
import { type Json, objectsIn } from "./known.ts";
import { streamedRefusal } from "./refusal.ts";
import type { UsageCount } from "./usage-count.ts";

interface ChatStream {
  provider: string;
  body: AsyncIterable<Uint8Array>;
  count: UsageCount;
  /** Whether the caller asked for the usage; we always do. */
  showsUsage: boolean;
}

interface Progress {
  /** Choices, by their index. */
  begun: Set<unknown>;
  /** Those that have said why they stopped. */
  finished: Set<unknown>;
  /** What the usage chunk repeats. */
  head: Json | null;
  usageShown: boolean;
}

/**
 * A provider's chat stream, its chunks as they are wherever nothing has to be changed. Chunks without choices are left out, but for that of
 * the usage where it was asked for, which is made where the provider sends none. Throws where the provider reports an error, sends what is no
 * chunk, or stops before each choice has its finish reason.
 */
export async function* chatStream({ provider, body, count, showsUsage }: ChatStream): AsyncGenerator<StreamEvent[], void> {
  const splitter = new EventSplitter();
  const decoder = new TextDecoder();
  const progress: Progress = { begun: new Set(), finished: new Set(), head: null, usageShown: false };
  const take = (texts: string[], events: StreamEvent[]): void => {
    for (const data of texts) {
      const event = chunkOf(data, { provider, count, showsUsage, progress });
      if (event !== null) events.push(event);
    }
  };
  const isWhole = (): boolean => progress.finished.size > 0 && progress.finished.size === progress.begun.size;
  const source = body[Symbol.asyncIterator]();
  let over = false;
  try {
    for (;;) {
      let piece: IteratorResult<Uint8Array, unknown>;
      try {
        piece = await source.next();
      } catch (error) {
        // A connection that breaks behind the last word has lost the usage at most.
        if (!isWhole()) throw error;
        break;
      }
      const events: StreamEvent[] = [];
      let failure: unknown = null;
      try {
        take(splitter.push(piece.done ? `${decoder.decode()}\n\n` : decoder.decode(piece.value, { stream: true })), events);
      } catch (error) {
        failure = error;
      }
      // What came before a failure in the same piece is told still.
      if (events.length > 0) yield events;
      if (failure !== null) throw failure;
      if (piece.done || splitter.isDone) break;
    }
    over = true;
  } finally {
    // It fails, or nobody reads on: the provider is let go. A connection whose answer is over is another call's next.
    if (!over) void source.return?.();
  }
  if (!isWhole()) throw brokenAnswer(provider, "the stream ended without a finish reason");
  if (showsUsage && !progress.usageShown) yield [eventOf({ ...progress.head, choices: [], usage: chatUsage(count.usage()) })];
}

const eventOf = (value: Json): StreamEvent => ({ data: JSON.stringify(value), value });

interface Reading {
  provider: string;
  count: UsageCount;
  showsUsage: boolean;
  progress: Progress;
}

/** One chunk, changed where it has to be; null where it is not for the caller. */
function chunkOf(data: string, { provider, count, showsUsage, progress }: Reading): StreamEvent | null {
  const value = parsed(provider, data);
  if (value.error) throw streamedRefusal(provider, value.error);
  let changed = false;
  if (isObject(value.usage)) count.report(value.usage);
  if (!showsUsage && value.usage !== undefined) {
    delete value.usage;
    changed = true;
  }
  const choices = objectsIn(value.choices);
  if (choices.length === 0) {
    if (!isObject(value.usage)) return null;
    progress.usageShown = true;
    return { data, value };
  }
  progress.head ??= headOf(value);
  if (isObject(value.usage)) progress.usageShown = true;
  for (const choice of choices) if (readChoice(provider, choice, { count, progress })) changed = true;
  return changed ? eventOf(value) : { data, value };
}

function readChoice(provider: string, choice: Json, { count, progress }: Pick<Reading, "count" | "progress">): boolean {
  const { index = 0, delta, finish_reason: reason } = choice;
  if (reason === "error") throw streamedRefusal(provider, choice.error ?? "the provider ended with an error");
  progress.begun.add(index);
  if (typeof reason === "string" && reason !== "") progress.finished.add(index);
  if (!isObject(delta)) return false;
  count.add(delta);
  return doubleReasoning(delta);
}

function parsed(provider: string, data: string): Json {
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch (cause) {
    throw brokenAnswer(provider, "a chunk is not JSON", cause);
  }
  if (!isObject(value)) throw brokenAnswer(provider, "a chunk is not an object");
  return value;
}

const headOf = ({ id, created, model }: Json): Json => ({ id, object: "chat.completion.chunk", created, model });
