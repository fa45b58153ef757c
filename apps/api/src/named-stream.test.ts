import { Writable } from "node:stream";
import type { Response } from "express";
import { expect, test, vi } from "vitest";
import type { Attachments } from "./attachments.ts";
import { NamedStream, namedFrame } from "./named-stream.ts";

/** A client that takes nothing until it is told to. */
function openSlow() {
  const held: (() => void)[] = [];
  const taken: string[] = [];
  const client = new Writable({
    highWaterMark: 1,
    write(piece, _encoding, done) {
      held.push(() => {
        taken.push(String(piece));
        done();
      });
    },
  });
  const response = Object.assign(client, { writeHead() {}, socket: null }) as unknown as Response;
  const stream = new NamedStream({ response, credential: null, ping: "", farewell: () => "" });
  stream.open({ add: () => () => {}, close() {} } satisfies Attachments, "");
  const takeAll = async () => {
    while (held.length > 0) {
      held.shift()?.();
      await new Promise(setImmediate);
    }
  };
  return { stream, response, taken, takeAll };
}

test("every part of a stream that waits for a slow client goes on when it takes more", async () => {
  const { stream, taken, takeAll } = openSlow();
  const sent: string[] = [];
  for (const name of ["first", "second", "third"]) void stream.send(namedFrame(name)).then(() => sent.push(name));
  await new Promise(setImmediate);
  expect(sent).toEqual([]);
  await takeAll();
  await vi.waitFor(() => expect(sent).toEqual(["first", "second", "third"]), { timeout: 10_000 });
  expect(taken.join("")).toContain("event: third");
});

test("none of them waits for a client that has gone", async () => {
  const { stream, response } = openSlow();
  const sent = Promise.all([stream.send(namedFrame("first")), stream.send(namedFrame("second"))]);
  response.destroy();
  await sent;
  expect(stream.isOver).toBe(true);
});
