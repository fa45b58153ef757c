import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import { expect, test } from "vitest";
import { listen } from "./server.ts";

/** Longer than any test may take: what waits for it fails. */
const GRACE_MS = 600_000;

/** A server that leaves every request to the test, and raw connections to it. */
async function opened() {
  const answers: ServerResponse[] = [];
  const app = (_request: unknown, response: ServerResponse) => void answers.push(response);
  const server = await listen({ app, upgrade: () => {}, host: "127.0.0.1", port: 0, connectionsMax: 10 });
  const open = async (): Promise<Socket> => {
    const socket = connect(Number(new URL(server.url).port), "127.0.0.1").resume();
    socket.on("error", () => {});
    await once(socket, "connect");
    return socket;
  };
  return { server, answers, open };
}

test("closing ends connections that never sent a request, and those that were answered", async () => {
  const { server, answers, open } = await opened();
  const [silent, asking] = [await open(), await open()];
  asking.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  await expect.poll(() => answers.length).toBe(1);
  answers[0]?.end("done");
  const ended = Promise.all([once(silent, "close"), once(asking, "close")]);
  await server.close(GRACE_MS);
  await ended;
});

test("closing lets a request under way finish, and ends its connection then", async () => {
  const { server, answers, open } = await opened();
  const socket = await open();
  let heard = "";
  socket.on("data", (bytes: Buffer) => {
    heard += bytes.toString();
  });
  socket.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  await expect.poll(() => answers.length).toBe(1);
  const closed = server.close(GRACE_MS);
  answers[0]?.write("first ");
  await expect.poll(() => heard).toContain("first ");
  answers[0]?.end("last");
  await closed;
  await expect.poll(() => heard).toContain("last");
});

test("closing cuts what outlasts the grace", async () => {
  const { server, answers, open } = await opened();
  const socket = await open();
  socket.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  await expect.poll(() => answers.length).toBe(1);
  const ended = once(socket, "close");
  await server.close(10);
  await ended;
});
