import { afterEach, describe, expect, it, vi } from "vitest";
import { startToolServer, type ToolServer } from "./tool-server.ts";

const opened: ToolServer[] = [];
afterEach(async () => {
  for (const server of opened.splice(0)) await server.close();
});

const start = async () => {
  const server = await startToolServer();
  opened.push(server);
  const call = (path: string, given: unknown = {}, init: RequestInit = {}) =>
    fetch(`${server.url}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", "idempotency-key": "k1" },
      body: typeof given === "string" ? given : JSON.stringify(given),
      ...init,
    });
  return { server, call };
};

describe("the scripted tools", () => {
  it("choose queued replies first, then the rule that fits the call, then their default", async () => {
    const { server, call } = await start();
    server.when(({ path }) => path === "/rule", { body: { by: "rule" } });
    server.script({ body: "queued", status: 201, headers: { "x-more": "1" } });
    const first = await call("/rule");
    expect([first.status, first.headers.get("x-more"), await first.text()]).toEqual([201, "1", "queued"]);
    expect(await (await call("/rule")).json()).toEqual({ by: "rule" });
    expect(await (await call("/other")).text()).toBe("done");
    server.otherwise((request) => ({ body: request.arguments }));
    expect(await (await call("/other", { a: 1 })).json()).toEqual({ a: 1 });
  });

  it("note every call with its key, its arguments, when it acted and that it was answered", async () => {
    const { server, call } = await start();
    server.script({ delayMs: 20, answerDelayMs: 20 });
    await (await call("/one", { a: [1] })).text();
    await (await call("/two", "not json", { headers: {} })).text();
    await vi.waitFor(() => expect(server.journal.map(({ outcome }) => outcome)).toEqual(["answered", "answered"]), { timeout: 10_000 });
    const [one, two] = server.journal;
    expect(one).toMatchObject({ id: 1, path: "/one", method: "POST", key: "k1", arguments: { a: [1] }, contentType: "application/json" });
    expect(two).toMatchObject({ id: 2, key: null, arguments: "not json" });
    expect([one?.atMs, one?.actedAtMs, one?.endedAtMs].toSorted()).toEqual([one?.atMs, one?.actedAtMs, one?.endedAtMs]);
    expect(one?.actedAtMs).toBeGreaterThan(one?.atMs ?? Number.POSITIVE_INFINITY);
  });

  it.each([
    ["before", false],
    ["after", true],
    ["midway", true],
  ] as const)("cut the connection %s they act", async (when, acted) => {
    const { server, call } = await start();
    server.script({ breaks: { how: "cut", when } });
    await expect(call("/x").then((response) => response.text())).rejects.toThrow();
    await vi.waitFor(() => expect(server.journal[0]?.socketClosedAtMs).toBeGreaterThan(0), { timeout: 10_000 });
    expect([server.journal[0]?.outcome, server.journal[0]?.actedAtMs !== null]).toEqual(["broken", acted]);
  });

  it.each([
    ["before", false],
    ["after", true],
    ["midway", true],
  ] as const)("hang %s they act, until the caller goes away", async (when, acted) => {
    const { server, call } = await start();
    server.script({ breaks: { how: "hang", when } });
    const caller = new AbortController();
    const answer = call("/x", {}, { signal: caller.signal }).then((response) => response.text());
    await vi.waitFor(() => expect(server.journal).toHaveLength(1), { timeout: 10_000 });
    await vi.waitFor(() => expect(server.journal[0]?.actedAtMs !== null).toBe(acted), { timeout: 10_000 });
    expect(server.journal[0]?.outcome).toBe("open");
    caller.abort();
    await expect(answer).rejects.toThrow();
    await vi.waitFor(() => expect(server.journal[0]).toMatchObject({ outcome: "aborted", socketClosedAtMs: expect.any(Number) }), {
      timeout: 10_000,
    });
  });
});
