import { Writable } from "node:stream";
import { GatewayError } from "@parley/contracts";
import type { Response } from "express";
import { expect, test } from "vitest";
import type { Attachment } from "../attachments.ts";
import { EventStream } from "./event-stream.ts";

/** A stream to a client that takes all at once, or nothing. */
function opened({ isSlow = false } = {}) {
  const taken: string[] = [];
  const attached = new Set<Attachment>();
  let stops = 0;
  const client = new Writable({
    highWaterMark: 1,
    write(piece, _encoding, done) {
      taken.push(String(piece));
      if (!isSlow) done();
    },
  });
  let head: [number, object] | undefined;
  const response = Object.assign(client, {
    writeHead: (...given: [number, object]) => (head = given),
    socket: null,
  }) as unknown as Response;
  const stream = new EventStream({
    ...{ response, credential: "key", failure: ({ code }) => `data: ${code}\n\n`, stop: () => (stops += 1) },
    attachments: {
      add(attachment) {
        attached.add(attachment);
        return () => attached.delete(attachment);
      },
      close() {},
    },
  });
  return { stream, response, taken, attached, head, stops: () => stops };
}

const soon = () => performance.now();

test("a silent stream gets a comment every ten seconds, and none where something was said since", () => {
  const { stream, taken, head } = opened();
  expect(head).toEqual([200, expect.objectContaining({ "content-type": "text/event-stream; charset=utf-8", "x-accel-buffering": "no" })]);
  stream.beat(soon() + 9_000);
  expect(taken).toEqual([]);
  stream.beat(soon() + 11_000);
  expect(taken).toEqual([": keepalive\n\n"]);
  stream.write("data: {}\n\n");
  stream.beat(soon() + 9_000);
  expect(taken).toEqual([": keepalive\n\n", "data: {}\n\n"]);
});

test("a client that takes nothing gets no comments on top, and is cut off after a minute", () => {
  const { stream, taken, response } = opened({ isSlow: true });
  stream.write("data: {}\n\n");
  stream.beat(soon() + 59_000);
  expect([taken, response.destroyed]).toEqual([["data: {}\n\n"], false]);
  stream.beat(soon() + 61_000);
  expect(response.destroyed).toBe(true);
});

test("a process that stops ends its streams without a word; any other refusal is the last one", () => {
  for (const [code, last] of [
    ["stream_ended", []],
    ["unauthenticated", ["data: unauthenticated\n\n"]],
  ] as const) {
    const { stream, taken, stops } = opened();
    stream.refuse(new GatewayError(code));
    expect([taken, stream.isOver, stops()]).toEqual([last, true, 1]);
  }
});

test("one that has ended is forgotten, and takes nothing more", async () => {
  const { stream, response, taken, attached } = opened();
  expect(attached.size).toBe(1);
  stream.end();
  response.destroy();
  await new Promise(setImmediate);
  stream.write("data: late\n\n");
  expect([taken, attached.size]).toEqual([[], 0]);
});
