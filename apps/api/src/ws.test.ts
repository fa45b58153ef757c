import { once } from "node:events";
import { LIMITS } from "@parley/contracts";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { WebSocket } from "ws";
import { startTestApi, type TestApi } from "./testing/test-api.ts";

let api: TestApi;
const sockets: WebSocket[] = [];
beforeEach(async () => {
  api = await startTestApi();
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.terminate();
  await api.close();
});

function connect(path = "/trpc", headers: Record<string, string> = { "x-api-key": api.key }): WebSocket {
  const socket = new WebSocket(`${api.url.replace("http", "ws")}${path}`, { headers });
  socket.on("error", () => {});
  sockets.push(socket);
  return socket;
}

async function ask(socket: WebSocket, frame: string | Buffer): Promise<{ error?: { data: { code: string } }; result?: unknown }> {
  if (socket.readyState !== WebSocket.OPEN) await once(socket, "open");
  socket.send(frame);
  const [data] = await once(socket, "message");
  return JSON.parse(String(data));
}

const query = (path: string, input?: unknown) => JSON.stringify({ id: 1, method: "query", params: { path, input } });
const codeOf = async (socket: WebSocket, frame: string | Buffer) => (await ask(socket, frame)).error?.data.code;

describe("the socket", () => {
  test("is opened on its own path only", async () => {
    const socket = connect("/elsewhere");
    const [error] = await once(socket, "error");
    expect(String(error)).toContain("404");
  });

  test("takes the key from its head or from its first message", async () => {
    expect(await ask(connect(), query("system.whoami"))).toMatchObject({ result: { data: { organizationId: "o-1" } } });
    const named = connect("/trpc?connectionParams=1", {});
    await once(named, "open");
    named.send(JSON.stringify({ method: "connectionParams", data: { apiKey: api.key } }));
    expect(await ask(named, query("system.whoami"))).toMatchObject({ result: { data: { organizationId: "o-1" } } });
    expect(await codeOf(connect("/trpc", {}), query("system.whoami"))).toBe("unauthenticated");
  });

  test.each([
    ["no JSON", "{"],
    ["a frame of bytes", Buffer.from([1, 2, 3])],
    [
      "JSON nested too deeply",
      `{"id":1,"method":"query","params":{"path":"system.health","input":${"[".repeat(50_000)}${"]".repeat(50_000)}}}`,
    ],
    ["no call", "[1]"],
    [
      "a batch beyond the limit",
      JSON.stringify(Array.from({ length: 21 }, (_, id) => ({ id, method: "query", params: { path: "system.health" } }))),
    ],
  ])("answers %s with bad_request and goes on", async (_name, frame) => {
    const socket = connect();
    expect(await codeOf(socket, frame)).toBe("bad_request");
    await vi.waitFor(async () => expect(await ask(socket, query("system.health"))).toMatchObject({ result: {} }), { timeout: 10_000 });
  });

  test("is closed where a message is larger than a body may be", async () => {
    const socket = connect();
    await once(socket, "open");
    socket.send("x".repeat(LIMITS.bodyBytesMax + 1));
    const [code] = await once(socket, "close");
    expect(code).toBe(1009);
  });

  test("is closed when its key is revoked, with a code that says so", async () => {
    const socket = connect();
    await ask(socket, query("system.whoami"));
    api.gateway.callers.delete(api.key);
    const [code] = await once(socket, "close");
    expect(code).toBe(4401);
    await vi.waitFor(() => expect(api.connections.open).toBe(0), { timeout: 10_000 });
  });

  test("is asked to go on elsewhere before it is closed", async () => {
    const socket = connect();
    await ask(socket, query("system.whoami"));
    const heard: string[] = [];
    socket.on("message", (data) => heard.push(String(data)));
    const closed = once(socket, "close");
    await api.close();
    const [code] = await closed;
    expect(code).toBe(1001);
    expect(heard.map((text) => JSON.parse(text))).toEqual([{ id: null, method: "reconnect" }]);
  });
});
