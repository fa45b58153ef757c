import { type AgentConfig, agentConfig, type HttpTool, LIMITS } from "@parley/contracts";
import type { AgentTool, ToolRun, TurnAgent } from "@parley/domain";
import { createEgress } from "@parley/egress";
import { startToolServer } from "@parley/testkit/tool-server";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createHttpTools } from "./http-tools.ts";

const opened: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.close();
});

const place = { organizationId: "o", conversationId: "c" };
const agentWith = (tools: (Partial<HttpTool> & { url: string })[]): TurnAgent => {
  const config: AgentConfig = agentConfig.parse({ tools: tools.map((tool) => ({ name: "book", ...tool })) });
  return { id: "a", version: 1, name: "A", description: "", config };
};

const callWith = (more: Partial<ToolRun> = {}): ToolRun => ({
  arguments: { seat: "12A" },
  key: "turn/1/0",
  organizationId: "o",
  conversationId: "c",
  turnId: "t",
  executionId: "e",
  userEmail: null,
  agentId: "a",
  signal: new AbortController().signal,
  ...more,
});

/** One tool at a scripted server, reached through the real egress. */
const start = async (more: Partial<HttpTool> = {}, { allowed = true } = {}) => {
  const server = await startToolServer();
  const egress = createEgress({ allow: allowed ? [server.host] : [] });
  opened.push(server, egress);
  const [tool] = await createHttpTools({ fetch: egress.fetch, limits: LIMITS, secrets: [] })(
    agentWith([{ url: `${server.url}/book?token=hidden`, ...more }]),
    place,
  );
  return { server, egress, tool: tool as AgentTool };
};

const UNSURE = "Whether it acted is not known.";

describe("a tool behind an address", () => {
  it("is offered as the agent's configuration says, and not called for that", async () => {
    const { server, egress } = await start();
    const parameters = { type: "object", properties: { seat: { type: "string" } } };
    const [book, cancel] = await createHttpTools({ fetch: egress.fetch, limits: LIMITS, secrets: [] })(
      agentWith([
        { url: server.url, description: "Books a seat.", parameters },
        { url: server.url, name: "cancel", idempotent: true, needsApproval: true },
      ]),
      place,
    );
    expect(book?.definition).toEqual({ name: "book", description: "Books a seat.", parameters });
    expect([book?.idempotent, book?.needsApproval]).toEqual([false, false]);
    expect([cancel?.definition.name, cancel?.idempotent, cancel?.needsApproval]).toEqual(["cancel", true, true]);
    expect(server.journal).toEqual([]);
  });

  it("is posted the arguments as JSON with the call's key, and the body of its 2xx is the result", async () => {
    const { server, tool } = await start();
    server.script({ status: 201, body: { booked: "12A" } }, { status: 204, body: "" });
    expect(await tool.run(callWith())).toEqual({ text: '{"booked":"12A"}', isError: false });
    expect(await tool.run(callWith())).toEqual({ text: "", isError: false });
    expect(server.journal[0]).toMatchObject({
      method: "POST",
      path: "/book?token=hidden",
      key: "turn/1/0",
      contentType: "application/json",
      arguments: { seat: "12A" },
    });
  });

  it("has its result cut where it is too long for a model, and no more of it is read than 1 MiB", async () => {
    const { server, tool } = await start();
    server.script({ body: "x".repeat(65_536) }, { body: "y".repeat(65_537) }, { body: `${"z".repeat(65_535)}😀`.padEnd(50_000_000) });
    expect(await tool.run(callWith())).toEqual({ text: "x".repeat(65_536), isError: false });
    expect(await tool.run(callWith())).toEqual({ text: `${"y".repeat(65_536)}\n[cut after 65536 characters]`, isError: false });
    expect((await tool.run(callWith())).text).toBe(`${"z".repeat(65_535)}\uFFFD\n[cut after 65536 characters]`);
    await vi.waitFor(() => expect(server.journal[2]).toMatchObject({ outcome: "aborted", socketClosedAtMs: expect.any(Number) }), {
      timeout: 10_000,
    });
  });

  it("is one of as many, and tells as much, as was set", async () => {
    const { server, egress } = await start();
    const tools = ["one", "two", "three"].map((name) => ({ url: server.url, name }));
    const limits = { toolsMax: 2, toolResultCharsMax: 5 };
    const offered = await createHttpTools({ fetch: egress.fetch, limits, secrets: [] })(agentWith(tools), place);
    expect(offered.map(({ definition }) => definition.name)).toEqual(["one", "two"]);
    server.script({ body: "1234567" });
    expect(await offered[0]?.run(callWith())).toEqual({ text: "12345\n[cut after 5 characters]", isError: false });
  });

  it("has what the log cannot keep replaced in its result", async () => {
    const { server, tool } = await start();
    server.script({ body: "a\0b" });
    expect(await tool.run(callWith())).toEqual({ text: "a\uFFFDb", isError: false });
  });
});

describe("a call that fails", () => {
  it.each([400, 401, 404, 409, 500])("with %i is told with the status and the beginning of what the tool says", async (status) => {
    const { server, tool } = await start({ idempotent: true });
    server.script({ status, body: `no seat ${"x".repeat(3_000)}` });
    const { text, isError } = await tool.run(callWith());
    expect(isError).toBe(true);
    expect(text).toBe(`The tool answered ${status}: no seat ${"x".repeat(1_992)}\n[cut after 2000 characters]`);
    expect(server.journal).toHaveLength(1);
  });

  it("with a redirect is not made elsewhere", async () => {
    const { server, tool } = await start();
    server.script({ status: 307, body: "", headers: { location: "/other" } });
    expect(await tool.run(callWith())).toEqual({ text: "The tool answered 307.", isError: true });
    expect(server.journal).toHaveLength(1);
  });

  it("at a private address that is not allow-listed never leaves, and nothing says where it would have gone", async () => {
    const { server, tool } = await start({}, { allowed: false });
    expect(await tool.run(callWith())).toEqual({ text: "The tool's address may not be called from here.", isError: true });
    expect(server.journal).toEqual([]);
  });

  it("for want of a connection says that, and nothing of where it went", async () => {
    const { server, tool } = await start();
    await server.close();
    expect(await tool.run(callWith())).toEqual({ text: "The tool could not be reached.", isError: true });
  });

  it.each(["before", "after", "midway"] as const)("by a cut %s the tool has acted says that nobody knows which", async (when) => {
    const { server, tool } = await start();
    server.script({ breaks: { how: "cut", when } });
    expect(await tool.run(callWith())).toEqual({ text: `The connection to the tool broke off. ${UNSURE}`, isError: true, unknown: true });
    expect(server.journal).toHaveLength(1);
  });

  it.each(["before", "after", "midway"] as const)("by a tool that hangs %s it has acted ends in its time, socket closed", async (when) => {
    const { server, tool } = await start({ timeoutMs: 200, idempotent: true });
    server.script({ breaks: { how: "hang", when } });
    expect(await tool.run(callWith())).toEqual({ text: `The tool did not answer in time. ${UNSURE}`, isError: true, unknown: true });
    await vi.waitFor(() => expect(server.journal[0]).toMatchObject({ outcome: "aborted", socketClosedAtMs: expect.any(Number) }), {
      timeout: 10_000,
    });
    expect(server.journal).toHaveLength(1);
  });
});

describe("a tool that is not idempotent", () => {
  it.each([429, 502, 503, 504])("is not asked again after a %i, whatever Retry-After says", async (status) => {
    const { server, tool } = await start();
    server.script({ status, headers: { "retry-after": "0" }, body: "busy" });
    expect(await tool.run(callWith())).toEqual({ text: `The tool answered ${status}: busy`, isError: true });
    expect(server.journal).toHaveLength(1);
  });
});

describe("an idempotent tool", () => {
  it.each([429, 502, 503, 504])("is asked again after a %i, with the same key and the same arguments", async (status) => {
    const { server, tool } = await start({ idempotent: true });
    server.script({ status });
    expect(await tool.run(callWith())).toEqual({ text: "done", isError: false });
    expect(server.journal.map(({ key, arguments: given }) => [key, given])).toEqual([
      ["turn/1/0", { seat: "12A" }],
      ["turn/1/0", { seat: "12A" }],
    ]);
  });

  it("is asked three times at most, and its last answer counts", async () => {
    const { server, tool } = await start({ idempotent: true });
    server.otherwise(() => ({ status: 503, body: `try ${server.journal.length + 1}` }));
    expect(await tool.run(callWith())).toEqual({ text: "The tool answered 503: try 3", isError: true });
    expect(server.journal).toHaveLength(3);
  });

  it("is asked again after a cut; where it then refuses, the cut's doubt stays", async () => {
    const { server, tool } = await start({ idempotent: true });
    server.script({ breaks: { how: "cut", when: "after" } });
    expect(await tool.run(callWith())).toEqual({ text: "done", isError: false });
    server.script({ breaks: { how: "cut", when: "after" } }, { status: 400, body: "no" });
    expect(await tool.run(callWith())).toEqual({ text: `The tool answered 400: no ${UNSURE}`, isError: true, unknown: true });
  });

  it("is not asked again sooner than it wants", async () => {
    const { server, tool } = await start({ idempotent: true });
    server.script({ status: 429, headers: { "retry-after": "1" } });
    expect((await tool.run(callWith())).isError).toBe(false);
    const [first, second] = server.journal;
    expect((second?.atMs ?? 0) - (first?.endedAtMs ?? 0)).toBeGreaterThanOrEqual(990);
  });

  it.each(["3600", new Date(Date.now() + 3_600_000).toUTCString()])(
    "is not waited for beyond its time (Retry-After %s)",
    async (retryAfter) => {
      const { server, tool } = await start({ idempotent: true, timeoutMs: 60_000 });
      server.script({ status: 503, body: "", headers: { "retry-after": retryAfter } });
      expect(await tool.run(callWith())).toEqual({ text: "The tool answered 503.", isError: true });
      expect(server.journal).toHaveLength(1);
    },
  );
});

describe("an abort", () => {
  const reason = new Error("stopped by the user");

  it("before the call lets nothing out", async () => {
    const { server, tool } = await start();
    await expect(tool.run(callWith({ signal: AbortSignal.abort(reason) }))).rejects.toBe(reason);
    expect(server.journal).toEqual([]);
  });

  it.each(["before", "midway"] as const)("while the tool is silent (%s) closes the socket and throws its reason", async (when) => {
    const { server, tool } = await start({ idempotent: true });
    server.script({ breaks: { how: "hang", when } });
    const stop = new AbortController();
    const running = tool.run(callWith({ signal: stop.signal }));
    await vi.waitFor(() => expect(server.journal).toHaveLength(1), { timeout: 10_000 });
    stop.abort(reason);
    await expect(running).rejects.toBe(reason);
    await vi.waitFor(() => expect(server.journal[0]).toMatchObject({ outcome: "aborted", socketClosedAtMs: expect.any(Number) }), {
      timeout: 10_000,
    });
    expect(server.journal).toHaveLength(1);
  });

  it("while it waits to ask again ends the waiting", async () => {
    const { server, tool } = await start({ idempotent: true });
    server.script({ status: 503, headers: { "retry-after": "30" } });
    const stop = new AbortController();
    const running = tool.run(callWith({ signal: stop.signal }));
    await vi.waitFor(() => expect(server.journal[0]?.outcome).toBe("answered"), { timeout: 10_000 });
    stop.abort(reason);
    await expect(running).rejects.toBe(reason);
    expect(server.journal).toHaveLength(1);
  });
});
