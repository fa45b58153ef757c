import { gzipSync } from "node:zlib";
import { describe, expect, it, vi } from "vitest";
import { toEgressError } from "./egress-error.ts";
import { egressOptions, egressSettings } from "./settings.ts";
import { egress, failure, serve } from "./test-server.ts";

describe("bounds", () => {
  it("a body larger than the cap breaks off, streamed or not", async () => {
    const server = await serve((_, response) => {
      const write = () => {
        while (!response.destroyed && response.write("x".repeat(1_000)));
      };
      response.on("drain", write);
      write();
    });
    const { fetch } = egress({ allow: [server.host], responseBytesMax: 50_000 });
    const response = await fetch(server.url);
    const error = await response.text().catch((cause: unknown) => toEgressError(cause, server.url));
    expect(error).toMatchObject(failure);
    expect(server.requests[0]?.socket.bytesWritten ?? 0).toBeLessThan(5_000_000);
  });

  it("a small compressed body that unpacks beyond the cap breaks off", async () => {
    const packed = gzipSync(Buffer.alloc(5_000_000));
    const server = await serve((_, response) => response.writeHead(200, { "content-encoding": "gzip" }).end(packed));
    const fits = await egress({ allow: [server.host] }).fetch(server.url);
    expect((await fits.arrayBuffer()).byteLength).toBe(5_000_000);
    const response = await egress({ allow: [server.host], responseBytesMax: 100_000 }).fetch(server.url);
    await expect(response.arrayBuffer()).rejects.toMatchObject(failure);
  });

  it("a server that sends no headers, or falls silent inside a body, is given up", async () => {
    const server = await serve((request, response) => {
      if (request.url === "/silent-body") response.write("a");
    });
    const { fetch } = egress({ allow: [server.host], headersTimeoutMs: 300, idleTimeoutMs: 300 });
    await expect(fetch(server.url)).rejects.toMatchObject(failure);
    const response = await fetch(`${server.url}/silent-body`);
    expect(toEgressError(await response.text().catch((cause: unknown) => cause), server.url)).toMatchObject(failure);
  });

  it.each(["before the headers", "inside the body"])("an abort %s closes the socket and throws its reason", async (moment) => {
    let closed = false;
    const server = await serve((request, response) => {
      request.socket.on("close", () => {
        closed = true;
      });
      if (moment === "inside the body") response.write("a");
    });
    const controller = new AbortController();
    const reason = new Error("stopped by the user");
    const { fetch } = egress({ allow: [server.host] });
    const answer = fetch(server.url, { signal: controller.signal });
    const text = moment === "inside the body" ? (await answer).text() : answer;
    await vi.waitFor(() => expect(server.requests).toHaveLength(1), { timeout: 10_000 });
    controller.abort(reason);
    await expect(text).rejects.toBe(reason);
    await vi.waitFor(() => expect(closed).toBe(true), { timeout: 10_000 });
  });

  it("giving up a body closes the socket", async () => {
    let closed = false;
    const server = await serve((request, response) => {
      request.socket.on("close", () => {
        closed = true;
      });
      response.write("a");
    });
    const response = await egress({ allow: [server.host] }).fetch(server.url);
    await response.body?.cancel();
    await vi.waitFor(() => expect(closed).toBe(true), { timeout: 10_000 });
  });

  it("a reader who does not read holds the server back, and loses nothing", async () => {
    const total = 40_000_000;
    let written = 0;
    let waits = false;
    const server = await serve((_, response) => {
      const write = () => {
        waits = false;
        while (written < total && !waits) {
          written += 50_000;
          waits = !response.write("x".repeat(50_000));
        }
        if (written >= total) response.end();
      };
      response.on("drain", write);
      write();
    });
    const response = await egress({ allow: [server.host] }).fetch(server.url);
    const writtenAt = async () => {
      const before = written;
      await new Promise((resolve) => setTimeout(resolve, 100));
      return written - before;
    };
    await vi.waitFor(async () => expect([await writtenAt(), waits]).toEqual([0, true]), { timeout: 5_000 });
    expect(written).toBeLessThan(total);
    expect((await response.arrayBuffer()).byteLength).toBe(total);
  });

  it("connections are used again", async () => {
    const server = await serve((_, response) => response.end("a"));
    const { fetch } = egress({ allow: [server.host] });
    for (let count = 0; count < 20; count += 1) await (await fetch(server.url)).text();
    // The second may be asked for before the first is free again.
    expect(server.connections()).toBeLessThan(4);
  });
});

describe("settings", () => {
  it("have defaults, take exact host:ports only and positive bounds", () => {
    expect(egressOptions(egressSettings.parse({})).allow).toEqual([]);
    const settings = egressSettings.parse({ EGRESS_ALLOW: "LocalHost:11434, [::1]:80", EGRESS_TIMEOUT_MS: "500" });
    expect(egressOptions(settings)).toMatchObject({ allow: ["localhost:11434", "[::1]:80"], headersTimeoutMs: 500 });
    for (const bad of ["localhost", "*.example.com:443", "http://a:1"])
      expect(egressSettings.safeParse({ EGRESS_ALLOW: bad }).success).toBe(false);
    expect(egressSettings.safeParse({ EGRESS_TIMEOUT_MS: "-1" }).success).toBe(false);
  });
});
