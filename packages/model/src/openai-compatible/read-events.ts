/** Far above any event of a provider; the bound keeps a line without end from being gathered. */
const EVENT_CHARS_MAX = 8_388_608;
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
  let rest = "";
  let data: string[] = [];
  for (;;) {
    const { done, value } = await reader.read();
    const from = rest.length;
    rest += done ? `${decoder.decode()}\n\n` : decoder.decode(value, { stream: true });
    if (rest.length > EVENT_CHARS_MAX) throw new RangeError("an event of the stream is too large");
    const events: string[] = [];
    let start = 0;
    for (let end = rest.indexOf("\n", from); end !== -1; end = rest.indexOf("\n", start)) {
      const line = rest.charCodeAt(end - 1) === 13 && end > start ? rest.slice(start, end - 1) : rest.slice(start, end);
      start = end + 1;
      if (line.startsWith("data:")) data.push(line.slice(line.charCodeAt(5) === 32 ? 6 : 5));
      if (line !== "" || data.length === 0) continue;
      const event = data.length === 1 ? (data[0] ?? "") : data.join("\n");
      data = [];
      if (event === "[DONE]") {
        if (!done) void drain(reader);
        if (events.length > 0) yield events;
        return;
      }
      events.push(event);
    }
    rest = rest.slice(start);
    if (events.length > 0) yield events;
    if (done) return;
  }
}
