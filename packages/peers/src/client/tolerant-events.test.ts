import { expect, it } from "vitest";
import { tolerantEvents } from "./tolerant-events.ts";

async function told(pieces: Iterable<string>): Promise<string> {
  const body = ReadableStream.from(pieces).pipeThrough(new TextEncoderStream());
  let text = "";
  const events = tolerantEvents(body, { bytesLeft: 100_000_000, refusal: null }, (data) => data).pipeThrough(new TextDecoderStream());
  for await (const piece of events) text += piece;
  return text;
}

const EVENTS = ': hello\r\ndata: {"a":\r\ndata: 1}\r\n\r\ndata:{"b":2}\n\nevent: x\n\ndata: [3]';

it("events are the same however they are cut into pieces", async () => {
  const whole = 'data: {"a":1}\n\ndata: {"b":2}\n\ndata: [3]\n\n';
  expect(await told([EVENTS])).toBe(whole);
  expect(await told(EVENTS)).toBe(whole);
});

// One pass over what has come for each new piece took half a minute here.
it("a line without an end in small pieces costs no more than its length", { timeout: 10_000 }, async () => {
  const piece = '"'.padEnd(1_400, "a");
  const long = function* () {
    yield "data: ";
    for (let size = 0; size < 8_388_608; size += piece.length) yield piece;
  };
  expect((await told(long())).length).toBeGreaterThan(8_388_608);
});
