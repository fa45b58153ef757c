import { type Reply, startModelServer, tokenText } from "@parley/testkit/model-server";
import { describe, expect, it, vi } from "vitest";
import { readAll, requestFor, startModelsAt } from "../test-models.ts";

const MODEL = "openai/gpt";

const streamed = async (reply: Reply, more: Parameters<typeof requestFor>[1] = {}) => {
  const { models, server } = await startModelsAt(startModelServer);
  server.script(reply);
  return { ...(await readAll(models.stream(requestFor(MODEL, more)))), server, models };
};

const unavailable = { code: "model_unavailable" };
const rejected = { code: "model_rejected" };

describe("a whole answer", () => {
  it("assembles parallel calls whose arguments arrive interleaved", async () => {
    const toolCalls = [
      { id: "a", name: "one", arguments: { text: "first argument" } },
      { id: "b", name: "two", arguments: { list: [1, 2, 3] } },
      { id: "c", name: "three", arguments: {} },
    ];
    const { finish, text } = await streamed({ text: ["I will ", "look."], toolCalls });
    expect(text).toBe("I will look.");
    expect(finish?.toolCalls).toEqual(toolCalls.map((call) => ({ ...call, arguments: JSON.stringify(call.arguments) })));
  });

  it("passes malformed arguments on, calls it tool_calls even if the provider says stop, and makes up missing ids", async () => {
    const { finish } = await streamed({ toolCalls: [{ id: "", name: "one", arguments: '{"half' }], finish: "stop" });
    expect(finish).toMatchObject({ reason: "tool_calls", toolCalls: [{ id: expect.stringMatching(/^call_.+/), arguments: '{"half' }] });
  });

  it("keeps reasoning apart from text", async () => {
    expect(await streamed({ reasoning: ["let me ", "think"], text: "done" })).toMatchObject({ reasoning: "let me think", text: "done" });
  });

  it("reports usage with its details, and null where the provider sends none", async () => {
    const details = {
      prompt_tokens: 100,
      prompt_tokens_details: { cached_tokens: 60 },
      completion_tokens_details: { reasoning_tokens: 7 },
    };
    const { finish } = await streamed({ tokens: 3, usage: details, emptyChoices: true });
    expect(finish?.usage).toEqual({
      inputTokens: 100,
      outputTokens: 3,
      cachedTokens: 60,
      reasoningTokens: 7,
      modelCalls: 1,
      estimated: false,
    });
    expect((await streamed({ usage: null, tokens: 1 })).finish).toMatchObject({ usage: null });
  });

  it.each([
    ["length", "length"],
    ["content_filter", "content_filter"],
    ["end_turn", "stop"],
  ])("finish reason %s is %s", async (finish, reason) => {
    expect((await streamed({ tokens: 1, finish })).finish).toMatchObject({ reason });
  });

  it("needs no [DONE] once the finish reason is there", async () => {
    expect(await streamed({ tokens: 2, withoutDone: true })).toMatchObject({ text: "t0 t1", error: null });
  });

  it("leaves its connection to the next call", async () => {
    const { models, server } = await streamed({ tokens: 2 });
    for (let count = 0; count < 5; count += 1) await readAll(models.stream(requestFor(MODEL)));
    expect(server.journal.every((call) => call.socketClosedAtMs === null)).toBe(true);
  });

  it("of many tokens is complete, whatever pieces the network makes", async () => {
    const { text, chunks } = await streamed({ tokens: 5_000 });
    expect(text).toBe(tokenText(5_000));
    expect(chunks.length).toBeLessThan(2_500);
  });
});

describe("a request", () => {
  it("carries messages, tools, files, schema and bounds as the provider takes them", async () => {
    const call = { id: "a", name: "lookup", arguments: "{}" };
    const { server } = await streamed(
      {},
      {
        messages: [
          { role: "system", content: "be brief" },
          { role: "user", content: "look", files: ["https://example.com/a.PNG?x=1", "https://example.com/b.pdf"] },
          { role: "assistant", content: "", toolCalls: [call] },
          { role: "tool", toolCallId: "a", content: "found" },
          { role: "user", content: "and?", files: [] },
        ],
        tools: [{ name: "lookup", description: "d", parameters: { type: "object" } }],
        toolChoice: { name: "lookup" },
        responseSchema: { type: "object" },
        temperature: 0,
        maxOutputTokens: 50,
        reasoningEffort: "low",
      },
    );
    expect(server.journal[0]?.body).toEqual({
      model: "gpt",
      stream: true,
      stream_options: { include_usage: true },
      messages: [
        { role: "system", content: "be brief" },
        {
          role: "user",
          content: [
            { type: "text", text: "look\n[file] https://example.com/b.pdf" },
            { type: "image_url", image_url: { url: "https://example.com/a.PNG?x=1" } },
          ],
        },
        { role: "assistant", content: null, tool_calls: [{ id: "a", type: "function", function: { name: "lookup", arguments: "{}" } }] },
        { role: "tool", tool_call_id: "a", content: "found" },
        { role: "user", content: "and?" },
      ],
      tools: [{ type: "function", function: { name: "lookup", description: "d", parameters: { type: "object" } } }],
      tool_choice: { type: "function", function: { name: "lookup" } },
      response_format: { type: "json_schema", json_schema: { name: "answer", schema: { type: "object" } } },
      temperature: 0,
      max_completion_tokens: 50,
      reasoning_effort: "low",
    });
  });

  it("tells nothing about the machine it comes from", async () => {
    const { server } = await streamed({});
    expect(Object.keys(server.journal[0]?.headers ?? {}).filter((name) => name.startsWith("x-"))).toEqual([]);
  });
});

describe("an answer that breaks off", () => {
  it.each(["cut", "malformed", "error"] as const)("(%s) gives what came before, then model_unavailable", async (how) => {
    const { text, error, finish } = await streamed({ tokens: 10, delayMs: 1, breaks: { afterChunks: 4, how } });
    expect([tokenText(4), finish]).toEqual([text, null]);
    expect(error).toMatchObject(unavailable);
  });

  it("(no finish reason, though [DONE] came) is model_unavailable", async () => {
    expect(await streamed({ tokens: 2, finish: null })).toMatchObject({ text: "t0 t1", finish: null, error: unavailable });
  });

  it("(an error frame that says it is our fault) is model_rejected", async () => {
    const breaks = { afterChunks: 1, how: "error" as const, error: { code: 400, message: "bad schema" } };
    expect((await streamed({ tokens: 2, breaks })).error).toMatchObject({ ...rejected, detail: expect.stringContaining("bad schema") });
  });
});

describe("a refusal", () => {
  it.each([400, 402, 403, 404, 413, 422])("with %i is model_rejected and not sent again", async (status) => {
    const { error, server } = await streamed({ status });
    expect(error).toMatchObject(rejected);
    expect(server.journal).toHaveLength(1);
  });

  it.each([408, 429, 500, 502, 503, 529])("with %i is model_unavailable and not sent again", async (status) => {
    const { error, server } = await streamed({ status });
    expect(error).toMatchObject({ ...unavailable, retryAfterSeconds: undefined });
    expect(server.journal).toHaveLength(1);
  });

  it("passes Retry-After on, in seconds or as a date", async () => {
    expect((await streamed({ status: 429, retryAfter: "7" })).error).toMatchObject({ retryAfterSeconds: 7 });
    const date = new Date(Date.now() + 60_000).toUTCString();
    const { error } = await streamed({ status: 503, retryAfter: date });
    expect((error as { retryAfterSeconds: number }).retryAfterSeconds).toBeGreaterThan(50);
  });

  it("that repeats the key does not carry it into the log", async () => {
    const { error } = await streamed({ status: 401, error: { error: { message: "wrong key sk-test-key" } } });
    expect(error).toMatchObject(rejected);
    expect(String((error as { detail: string }).detail)).not.toContain("sk-test-key");
  });

  it("of a server that is gone is model_unavailable", async () => {
    const { models, server } = await startModelsAt(startModelServer);
    await server.close();
    expect((await readAll(models.stream(requestFor(MODEL)))).error).toMatchObject(unavailable);
  });
});

describe("an abort", () => {
  it.each([
    ["while the provider is silent", { hang: true }],
    ["before the first token", { tokens: 5, firstDelayMs: 60_000 }],
    ["between two tokens", { tokens: 1_000, delayMs: 5 }],
    ["while the stream hangs", { tokens: 3, breaks: { afterChunks: 2, how: "hang" as const } }],
  ])("%s closes the upstream socket, and no token is sent after it", async (_, reply: Reply) => {
    const { models, server } = await startModelsAt(startModelServer);
    server.script(reply);
    const controller = new AbortController();
    const reason = new Error("stopped");
    const reading = readAll(models.stream(requestFor(MODEL, { signal: controller.signal })));
    const wanted = reply.hang || reply.firstDelayMs ? 0 : 2;
    await vi.waitFor(() => expect(server.journal[0]?.tokensSent).toBeGreaterThanOrEqual(wanted), { timeout: 10_000 });
    controller.abort(reason);
    expect((await reading).error).toBe(reason);
    await vi.waitFor(() => expect(server.journal[0]).toMatchObject({ outcome: "aborted", socketClosedAtMs: expect.any(Number) }), {
      timeout: 10_000,
    });
    const { lastTokenAtMs, socketClosedAtMs } = server.journal[0] ?? {};
    expect(lastTokenAtMs ?? 0).toBeLessThanOrEqual(socketClosedAtMs ?? 0);
  });

  it("by the reader who leaves the loop closes the upstream socket too", async () => {
    const { models, server } = await startModelsAt(startModelServer);
    server.script({ tokens: 1_000, delayMs: 5 });
    for await (const chunk of models.stream(requestFor(MODEL))) if (chunk.type === "text") break;
    await vi.waitFor(() => expect(server.journal[0]).toMatchObject({ outcome: "aborted", socketClosedAtMs: expect.any(Number) }), {
      timeout: 10_000,
    });
  });
});
