import { describe, expect, it } from "vitest";
import { readEvents } from "./read-events.ts";

const read = async (parts: Uint8Array[]) => {
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      for (const part of parts) controller.enqueue(part);
      controller.close();
    },
  });
  const events: string[] = [];
  for await (const batch of readEvents(body)) events.push(...batch);
  return events;
};

const STREAM = ': comment\r\n\r\nevent: x\r\ndata: {"a":"é"}\r\n\r\ndata:one\ndata: two\n\nid: 7\n\ndata: [DONE]\n\ndata: after\n\n';

describe("readEvents", () => {
  it("gives the same events wherever the network cuts, also inside a character or a line end", async () => {
    const bytes = new TextEncoder().encode(STREAM);
    for (let size = 1; size <= bytes.length; size += 1) {
      const parts = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.slice(index * size, (index + 1) * size));
      expect(await read(parts)).toEqual(['{"a":"é"}', "one\ntwo"]);
    }
  });

  it("takes a last event without its blank line", async () => {
    expect(await read([new TextEncoder().encode("data: a\n\ndata: b")])).toEqual(["a", "b"]);
  });

  it("gives up a line without an end", async () => {
    const part = new TextEncoder().encode("x".repeat(1_048_576));
    await expect(read(Array.from({ length: 9 }, () => part))).rejects.toThrow("too large");
  });
});
