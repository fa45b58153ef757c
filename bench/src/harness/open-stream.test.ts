import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { openStream } from "./open-stream.ts";
import { withPool } from "./with-pool.ts";

const server = createServer((request, response) => {
  response.writeHead(request.url === "/refused" ? 409 : 200, { "content-type": "text/event-stream" });
  if (request.url === "/refused") return void response.end('{"error":"busy"}');
  response.write(": a comment\n\nid: 1\nda");
  response.write('ta: {"a":1}\n\nevent: x\ndata: {\ndata: }\n');
  setImmediate(() => response.end("\ndata: last\n\n"));
});

afterEach(() => new Promise<void>((resolve) => void server.close(() => resolve())));

async function framesOf(path: string): Promise<string[]> {
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const frames: string[] = [];
  const { port } = server.address() as AddressInfo;
  await withPool(
    `http://127.0.0.1:${port}`,
    1,
    (pool) => openStream(pool, { method: "GET", path, headers: {}, body: null }, (data) => frames.push(data)).ended,
  );
  return frames;
}

test("a frame is read whole however its bytes arrive, its data lines joined, comments left out", async () => {
  expect(await framesOf("/")).toEqual(['{"a":1}', "{\n}", "last"]);
});

test("a status that is not 200 is a failure that shows what was answered", async () => {
  await expect(framesOf("/refused")).rejects.toThrow('/refused answered 409: {"error":"busy"}');
});
