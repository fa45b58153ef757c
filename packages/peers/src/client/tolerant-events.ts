import { parseJson } from "../json-shape.ts";
import { TooMuch } from "../too-much.ts";
import type { Exchange } from "./exchange.ts";

/** Server-sent events whose data goes through `adapt`, as text where it is no JSON, as long as there is anything left to be read. Comments and names of events go by. */
export function tolerantEvents(
  body: ReadableStream<Uint8Array>,
  exchange: Exchange,
  adapt: (data: unknown) => unknown,
): ReadableStream<Uint8Array> {
  const decoder = new TextDecoder();
  const encoder = new TextEncoder();
  let rest = "";
  let data: string[] = [];

  function* taken(text: string): Generator<string> {
    const [first = "", ...more] = text.split("\n");
    // A line that comes in ever so many pieces is looked through once, not once for each of them.
    rest += first;
    const last = more.pop();
    if (last === undefined) return;
    const lines = [rest, ...more];
    rest = last;
    for (const raw of lines) {
      const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
      if (line.startsWith("data:")) data.push(line.slice(line.startsWith("data: ") ? 6 : 5));
      if (line !== "" || data.length === 0) continue;
      yield eventOf(data);
      data = [];
    }
  }

  function eventOf(told: string[]): string {
    const json = parseJson(told.join("\n"));
    return `data: ${json === undefined ? String(adapt(told.join(""))) : JSON.stringify(adapt(json))}\n\n`;
  }

  return body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        exchange.bytesLeft -= chunk.byteLength;
        if (exchange.bytesLeft < 0) throw new TooMuch();
        for (const event of taken(decoder.decode(chunk, { stream: true }))) controller.enqueue(encoder.encode(event));
      },
      flush(controller) {
        for (const event of taken(`${decoder.decode()}\n\n`)) controller.enqueue(encoder.encode(event));
      },
    }),
  );
}
