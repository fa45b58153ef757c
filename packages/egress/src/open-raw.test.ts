import { gzipSync } from "node:zlib";
import { describe, expect, it, vi } from "vitest";
import type { RawRequest } from "./open-raw.ts";
import { body, egress, failure, refusal, serve } from "./test-server.ts";

const get = (url: string, more: Partial<RawRequest> = {}): RawRequest => ({
  ...{ url: new URL(url), method: "GET", headers: {}, body: null, signal: new AbortController().signal },
  ...more,
});

const textOf = async (pieces: AsyncIterable<Uint8Array>): Promise<string> => {
  let text = "";
  for await (const piece of pieces) text += Buffer.from(piece).toString();
  return text;
};

describe("a raw request", () => {
  it("goes where any other may go, and nowhere else; no redirect is followed", async () => {
    const inner = await serve((_, response) => response.end("secret"));
    const server = await serve((_, response) => response.writeHead(302, { location: inner.url }).end());
    const { open } = egress({ allow: [server.host] });
    expect((await open(get(server.url))).status).toBe(302);
    await expect(open(get(inner.url))).rejects.toMatchObject(refusal);
    await expect(open(get("http://169.254.169.254/latest"))).rejects.toMatchObject(refusal);
    expect(inner.connections()).toBe(0);
  });

  it("sends its body as it is, and a secret to the secret's own host only", async () => {
    const server = await serve(async (request, response) => response.end(`${request.headers.authorization} ${await body(request)}`));
    const other = await serve((_, response) => response.end());
    const secrets = [{ name: "key", value: "sk-1", hosts: [server.host] }];
    const { open } = egress({ allow: [server.host, other.host], secrets });
    const posted = await open(get(server.url, { method: "POST", body: '{"a":1}', secret: "key" }));
    expect(await textOf(posted.body)).toBe('Bearer sk-1 {"a":1}');
    expect(server.requests[0]?.headers).toMatchObject({ "accept-encoding": "identity", "content-length": "7" });
    await expect(open(get(other.url, { secret: "key" }))).rejects.toMatchObject(refusal);
    expect(other.connections()).toBe(0);
  });

  it("unpacks what was packed though nobody asked for it", async () => {
    const server = await serve((_, response) => response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync("hello")));
    const { body: pieces } = await egress({ allow: [server.host] }).open(get(server.url));
    expect(await textOf(pieces)).toBe("hello");
  });

  it("gives what came before a cut, and then fails", async () => {
    const server = await serve((_, response) => {
      response.write("half");
      setTimeout(() => response.destroy(), 20);
    });
    const { body: pieces } = await egress({ allow: [server.host] }).open(get(server.url));
    let text = "";
    const reading = (async () => {
      for await (const piece of pieces) text += Buffer.from(piece).toString();
    })();
    await expect(reading).rejects.toMatchObject(failure);
    expect(text).toBe("half");
  });

  it.each(["before the head", "in the body"])("aborted %s it closes the socket and throws the reason", async (when) => {
    let closed = 0;
    const server = await serve((request, response) => {
      request.socket.once("close", () => (closed += 1));
      if (when === "in the body") response.write("first");
    });
    const abort = new AbortController();
    const reason = new Error("left");
    const opening = egress({ allow: [server.host] }).open(get(server.url, { signal: abort.signal }));
    const reading = opening.then(({ body: pieces }) => textOf(pieces));
    const expected = expect(reading).rejects.toBe(reason);
    if (when === "in the body") await opening;
    await vi.waitFor(() => expect(server.requests).toHaveLength(1), { timeout: 10_000 });
    abort.abort(reason);
    await expected;
    await vi.waitFor(() => expect(closed).toBe(1), { timeout: 10_000 });
  });

  it("left early it closes the socket", async () => {
    let closed = 0;
    const server = await serve((request, response) => {
      request.socket.once("close", () => (closed += 1));
      response.write("first");
    });
    const { body: pieces } = await egress({ allow: [server.host] }).open(get(server.url));
    for await (const _ of pieces) break;
    await vi.waitFor(() => expect(closed).toBe(1), { timeout: 10_000 });
  });

  it("read slowly it holds the other side up, gathers little, and goes on to the end", async () => {
    let sent = 0;
    const server = await serve(async (_, response) => {
      const piece = Buffer.alloc(65_536);
      for (let count = 0; count < 400 && !response.destroyed; count += 1) {
        sent += piece.length;
        if (!response.write(piece)) await new Promise((resolve) => response.once("drain", resolve));
      }
      response.end();
    });
    const { body: pieces } = await egress({ allow: [server.host] }).open(get(server.url));
    const iterator = pieces[Symbol.asyncIterator]();
    await iterator.next();
    // The kernel's buffers take a few megabytes; then the server has to wait.
    let before = -1;
    await vi.waitFor(
      () => {
        const now = sent;
        const still = now === before;
        before = now;
        expect(still).toBe(true);
      },
      { interval: 100, timeout: 4_000 },
    );
    expect(sent).toBeLessThan(400 * 65_536);
    for (let next = await iterator.next(); !next.done; ) next = await iterator.next();
    expect(sent).toBe(400 * 65_536);
  });
});
