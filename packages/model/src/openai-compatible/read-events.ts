import { EventSplitter } from "./event-splitter.ts";

/** After its last event a response gets so long to end by itself, so that its connection can be used again. */
const DRAIN_MS = 1_000;

type Reader = ReadableStreamDefaultReader<Uint8Array>;

const drain = async (reader: Reader): Promise<void> => {
  const late = setTimeout(() => void reader.cancel().catch(() => undefined), DRAIN_MS);
  late.unref();
  try {
    while (!(await reader.read()).done);
  } catch {
    // The answer is whole already; how its connection ends concerns nobody.
  } finally {
    clearTimeout(late);
  }
};

/**
 * The data of a response's server-sent events. One array per network read, so that a burst of tokens costs one step of
 * the consumer and not one each. Ends at `[DONE]` or at the end of the body, and throws what the body throws.
 */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<string[]> {
  const reader: Reader = body.getReader();
  const decoder = new TextDecoder();
  const splitter = new EventSplitter();
  for (;;) {
    const { done, value } = await reader.read();
    const events = splitter.push(done ? `${decoder.decode()}\n\n` : decoder.decode(value, { stream: true }));
    if (splitter.isDone && !done) void drain(reader);
    if (events.length > 0) yield events;
    if (done || splitter.isDone) return;
  }
}
