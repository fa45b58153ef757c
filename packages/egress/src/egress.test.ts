import { isGatewayError } from "@parley/contracts";
import { describe, expect, it } from "vitest";
import type { Lookup } from "./guarded-connector.ts";
import { body, egress, failure, opened, refusal, serve } from "./test-server.ts";

describe("where a request may go", () => {
  it("an allow-listed host:port is reached, another port of the same host is not", async () => {
    const server = await serve((_, response) => response.end("hello"));
    const other = await serve((_, response) => response.end("secret"));
    const { fetch } = egress({ allow: [server.host] });
    expect(await (await fetch(server.url)).text()).toBe("hello");
    await expect(fetch(other.url)).rejects.toMatchObject(refusal);
    expect(other.connections()).toBe(0);
  });

  it.each([
    "http://127.0.0.1:PORT/",
    "http://2130706433:PORT/",
    "http://0x7f000001:PORT/",
    "http://0177.0.0.1:PORT/",
    "http://127.1:PORT/",
    "http://127.0.0.1.:PORT/",
    "http://[::ffff:127.0.0.1]:PORT/",
    "http://[::ffff:7f00:1]:PORT/",
    "http://[::1]:PORT/",
    "http://[::]:PORT/",
    "http://0.0.0.0:PORT/",
    "http://localhost:PORT/",
    "http://169.254.169.254/latest/meta-data/",
    "http://[fd00:ec2::254]/",
    "ftp://127.0.0.1/",
    "file:///etc/passwd",
    "data:text/plain,hello",
    "http://user:password@example.com/",
    "nonsense",
  ])("%s is refused without a connection", async (address) => {
    const server = await serve((_, response) => response.end());
    const { fetch } = egress({ connectTimeoutMs: 1_000 });
    await expect(fetch(address.replace("PORT", String(server.port)))).rejects.toMatchObject(refusal);
    expect(server.connections()).toBe(0);
  });

  it("a name is refused when any of its addresses is private", async () => {
    const lookup: Lookup = async () => [
      { address: "93.184.216.34", family: 4 },
      { address: "::ffff:10.0.0.1", family: 6 },
    ];
    await expect(egress({ lookup }).fetch("http://mixed.example/")).rejects.toMatchObject(refusal);
  });

  it("a name that answers public first and loopback later never reaches loopback", async () => {
    const server = await serve((_, response) => response.end("inside"));
    const answers = ["93.184.216.34", "127.0.0.1"];
    let asked = 0;
    const lookup: Lookup = async () => [{ address: answers[Math.min(asked++, 1)] ?? "", family: 4 }];
    const { fetch } = egress({ lookup, connectTimeoutMs: 200 });
    const address = `http://rebinding.example:${server.port}/`;
    await expect(fetch(address)).rejects.toMatchObject(failure);
    expect(asked).toBe(1);
    await expect(fetch(address)).rejects.toMatchObject(refusal);
    expect(server.connections()).toBe(0);
  });

  it("the dispatcher itself is guarded, and a caller's own dispatcher is ignored", async () => {
    const server = await serve((_, response) => response.end());
    const guarded = egress();
    const error = await guarded.dispatcher.request({ origin: server.url, path: "/", method: "GET" }).catch((cause: unknown) => cause);
    expect(isGatewayError(error, "egress_refused")).toBe(true);
    const free = egress({ allow: [server.host] });
    const smuggled: object = { dispatcher: free.dispatcher };
    await expect(guarded.fetch(server.url, smuggled)).rejects.toMatchObject(refusal);
    expect(server.connections()).toBe(0);
  });

  it("a name without an address, and a port without a server, may be tried again", async () => {
    const lookup: Lookup = async () => Promise.reject(Object.assign(new Error("no such name"), { code: "ENOTFOUND" }));
    await expect(egress({ lookup }).fetch("http://nowhere.example/")).rejects.toMatchObject(failure);
    const gone = await serve(() => undefined);
    await opened.pop()?.close();
    await expect(egress({ allow: [gone.host] }).fetch(gone.url)).rejects.toMatchObject(failure);
  });
});

describe("what SDKs send", () => {
  it("a form keeps its fields and files", async () => {
    const seen: string[] = [];
    const server = await serve(async (request, response) => {
      seen.push(`${request.headers["content-type"]} ${await body(request)}`);
      response.end();
    });
    const form = new FormData();
    form.append("model", "whisper");
    form.append("file", new File(["sound"], "a.wav"));
    await egress({ allow: [server.host] }).fetch(server.url, { method: "POST", body: form });
    expect(seen[0]).toMatch(/^multipart\/form-data/);
    expect(seen[0]).toMatch(/name="file"; filename="a.wav"[^]*sound/);
  });

  it("a Request object is sent as it is, a host header is not", async () => {
    const server = await serve(async (request, response) => response.end(`${request.method} ${await body(request)}`));
    const { fetch } = egress({ allow: [server.host] });
    const request = new Request(server.url, { method: "POST", body: "text", headers: { "x-a": "1", host: "other.example" } });
    expect(await (await fetch(request)).text()).toBe("POST text");
    expect(server.requests[0]?.headers).toMatchObject({ "x-a": "1", host: server.host });
  });
});
