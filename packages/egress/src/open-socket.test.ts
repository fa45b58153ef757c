import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import type { SocketRequest } from "./open-socket.ts";
import { egress, failure, opened, refusal, serve } from "./test-server.ts";

async function serveSockets(onSocket: (socket: WebSocket) => void = () => undefined) {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await once(server, "listening");
  let count = 0;
  server.on("connection", (socket) => {
    count += 1;
    onSocket(socket);
  });
  opened.push({
    close: () => {
      for (const socket of server.clients) socket.terminate();
      server.close();
    },
  });
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url: `http://${host}`, host, count: () => count, clients: server.clients };
}

const to = (url: string, more: Partial<SocketRequest> = {}): SocketRequest => ({
  ...{ url: new URL(url), handshakeMs: 5_000, bytesMax: 1_000, signal: new AbortController().signal },
  ...more,
});

async function read(messages: AsyncIterable<string>): Promise<{ texts: string[]; error: unknown }> {
  const texts: string[] = [];
  try {
    for await (const text of messages) texts.push(text);
    return { texts, error: null };
  } catch (error) {
    return { texts, error };
  }
}

describe("a socket", () => {
  it("says and hears texts, in order, and what came before its end is still heard", async () => {
    const server = await serveSockets((socket) =>
      socket.on("message", (data) => {
        socket.send("one");
        socket.send(String(data));
        socket.close();
      }),
    );
    const socket = await egress({ allow: [server.host] }).socket(to(server.url));
    socket.send("two");
    expect(await read(socket.messages)).toMatchObject({ texts: ["one", "two"], error: failure });
  });

  it("goes where a request may go, and nowhere else", async () => {
    const server = await serveSockets();
    const { socket } = egress();
    for (const url of [server.url, "http://169.254.169.254/", "http://user:secret@example.com/", "ftp://example.com/"])
      await expect(socket(to(url))).rejects.toMatchObject(refusal);
    expect(server.count()).toBe(0);
  });

  it("is dialled at the address that was checked: a name that leads to a private one is refused", async () => {
    const server = await serveSockets();
    let asked = 0;
    const lookup = async () => {
      asked += 1;
      return [{ address: "127.0.0.1", family: 4 }];
    };
    const port = new URL(server.url).port;
    await expect(egress({ lookup }).socket(to(`http://gateway.example:${port}`))).rejects.toMatchObject(refusal);
    expect([asked, server.count()]).toEqual([1, 0]);
  });

  it("tells a secret to the secret's own host only, and in a message only", async () => {
    const heard: string[] = [];
    const server = await serveSockets((socket) =>
      socket.on("message", (data) => {
        heard.push(String(data));
        socket.close();
      }),
    );
    const other = await serveSockets();
    const secrets = [{ name: "key", value: "sk-1", hosts: [server.host] }];
    const { socket } = egress({ allow: [server.host, other.host], secrets });
    await expect(socket(to(other.url, { secret: "key" }))).rejects.toMatchObject(refusal);
    await expect(socket(to(server.url, { secret: "nobody's" }))).rejects.toMatchObject(refusal);
    expect([server.count(), other.count()]).toEqual([0, 0]);
    const open = await socket(to(server.url, { secret: "key" }));
    open.sendSecret((secret) => JSON.stringify({ token: secret }));
    await read(open.messages);
    expect(heard).toEqual(['{"token":"sk-1"}']);
    const without = await socket(to(server.url));
    expect(() => without.sendSecret(String)).toThrow(expect.objectContaining(refusal));
    without.close();
  });

  it.each([
    ["one message", ["x".repeat(1_001)]],
    ["all of them", ["x".repeat(600), "y".repeat(600)]],
    ["bytes", [Buffer.from("x")]],
  ])("is cut by too much: %s", async (_what, given) => {
    const server = await serveSockets((socket) => {
      for (const one of given) socket.send(one);
    });
    const socket = await egress({ allow: [server.host] }).socket(to(server.url));
    expect((await read(socket.messages)).error).toMatchObject(failure);
    await expect.poll(() => server.clients.size).toBe(0);
  });

  it("is given up by its signal: while it opens, and while it is read", async () => {
    const silent = await serve(() => undefined);
    const early = new AbortController();
    const opening = egress({ allow: [silent.host] }).socket(to(silent.url, { signal: early.signal }));
    const refused = expect(opening).rejects.toThrow("enough");
    await expect.poll(() => silent.connections()).toBe(1);
    early.abort(new Error("enough"));
    await refused;

    const server = await serveSockets();
    const late = new AbortController();
    const socket = await egress({ allow: [server.host] }).socket(to(server.url, { signal: late.signal }));
    const reading = read(socket.messages);
    late.abort(new Error("enough"));
    expect((await reading).error).toMatchObject({ message: "enough" });
    await expect.poll(() => server.clients.size).toBe(0);
  });

  it("fails where there is no socket, no answer in time, or nobody at all", async () => {
    const plain = await serve((_, response) => response.writeHead(302, { location: "http://169.254.169.254/" }).end());
    const silent = await serve(() => undefined);
    const allow = [plain.host, silent.host, "127.0.0.1:1"];
    const { socket } = egress({ allow });
    await expect(socket(to(plain.url))).rejects.toMatchObject(failure);
    silent.requests.length = 0;
    await expect(socket(to(silent.url, { handshakeMs: 50 }))).rejects.toMatchObject(failure);
    await expect(socket(to("http://127.0.0.1:1"))).rejects.toMatchObject(failure);
  });
});
