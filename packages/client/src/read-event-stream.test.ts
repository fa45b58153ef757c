import { expect, test } from "vitest";
import { type Frame, readEventStream } from "./read-event-stream.ts";

async function read(text: string, size: number): Promise<Frame[]> {
  const bytes = new TextEncoder().encode(text);
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size));
      controller.close();
    },
  });
  const frames: Frame[] = [];
  for await (const frame of readEventStream(body, () => {})) frames.push(frame);
  return frames;
}

const TEXT = ': ping\n\nevent: connected\ndata: {}\n\nid: 1-1\ndata: "tschüß 👋"\n\ndata: a\ndata:b\n\nevent: nothing\n\ndata: cut off';

test.each([1, 2, 3, 7, 1_000])("frames come out whole, however the bytes are cut: %i at a time", async (size) => {
  expect(await read(TEXT, size)).toEqual([
    { event: "connected", data: "{}", id: null },
    { event: "message", data: '"tschüß 👋"', id: "1-1" },
    { event: "message", data: "a\nb", id: null },
  ]);
});

test.each([1, 5, 1_000])("line ends may be those of the web's other half: %i at a time", async (size) => {
  expect(await read("id: 1-1\r\ndata: x\r\n\r\n", size)).toEqual([{ event: "message", data: "x", id: "1-1" }]);
});
