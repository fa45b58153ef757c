import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
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

test("a request that offers another protocol than WebSocket is answered as an ordinary one", async () => {
  const { server, answers, open } = await opened();
  const socket = await open();
  let heard = "";
  socket.on("data", (bytes: Buffer) => {
    heard += bytes.toString();
  });
  socket.write(
    "POST / HTTP/1.1\r\nhost: a\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAM\r\ncontent-length: 2\r\n\r\n{}",
  );
  await expect.poll(() => answers.length).toBe(1);
  answers[0]?.end("answered");
  await expect.poll(() => heard).toContain("answered");
  await server.close(GRACE_MS);
});

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

test("a body that takes longer than it may is answered 408 and cut; one that is there in time is not", async () => {
  const bodies: string[] = [];
  const app = (request: IncomingMessage, response: ServerResponse) => {
    request.on("data", (bytes: Buffer) => bodies.push(bytes.toString()));
    request.on("end", () => response.end("taken"));
  };
  const server = await listen({ app, upgrade: () => {}, host: "127.0.0.1", port: 0, connectionsMax: 10, bodyMs: 200 });
  const ask = async (body: string) => {
    const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
    let heard = "";
    socket.on("data", (bytes: Buffer) => {
      heard += bytes.toString();
    });
    socket.on("error", () => {});
    socket.write(`POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 4\r\n\r\n${body}`);
    await once(socket, "close");
    return heard.split("\r\n", 1)[0];
  };
  expect(await Promise.all([ask("all."), ask("no")])).toEqual(["HTTP/1.1 200 OK", "HTTP/1.1 408 Request Timeout"]);
  expect(bodies.sort()).toEqual(["all.", "no"]);
  await server.close(10);
});
