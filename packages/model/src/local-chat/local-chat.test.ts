import { askUserQuestions, type Usage } from "@parley/contracts";
import type { ModelChunk, ModelMessage, ModelRequest, ToolDefinition } from "@parley/domain";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { streamLocalChat } from "./local-chat.ts";

const tool = (
  name: string,
  description: string,
  properties: Record<string, unknown> = { message: { type: "string" } },
): ToolDefinition => ({
  name,
  description,
  parameters: { type: "object", properties, required: Object.keys(properties) },
});

const WEATHER = tool("get_weather", "Looks up the forecast for a city", { city: { type: "string" } });
const JOKES = tool("joke_agent", "Tells jokes about anything");
const STOCKS = tool("stock_prices", "Current quotes of shares on the market");
const ASK: ToolDefinition = {
  name: "ask_user_questions",
  description: "Asks the user",
  parameters: z.toJSONSchema(askUserQuestions, { io: "input" }),
};

const run = async (messages: ModelMessage[] | string, more: Partial<ModelRequest> = {}) => {
  const given: ModelMessage[] = typeof messages === "string" ? [{ role: "user", content: messages }] : messages;
  const chunks: ModelChunk[] = [];
  for await (const chunk of streamLocalChat({ model: "local/chat", messages: given, signal: AbortSignal.timeout(10_000), ...more }))
    chunks.push(chunk);
  const finish = chunks.at(-1);
  if (finish?.type !== "finish") throw new Error("no finish");
  const texts = chunks.flatMap((chunk) => (chunk.type === "text" ? [chunk.text] : []));
  return { chunks, texts, text: texts.join(""), calls: finish.toolCalls, reason: finish.reason, usage: finish.usage as Usage };
};

const names = (calls: { name: string }[]) => calls.map((call) => call.name);

describe("an answer", () => {
  it("is labelled, comes in several pieces and is the same for the same input", async () => {
    const first = await run("hello");
    expect(first.text).toMatch(/^\[local\/chat\] .*You said: hello$/);
    expect(first.texts.length).toBeGreaterThan(2);
    expect(await run("hello")).toEqual(first);
    expect((await run("goodbye")).text).not.toBe(first.text);
  });

  it("keeps every character, spaces and line breaks too", async () => {
    expect((await run("  a\n\n b\tc  ")).text.endsWith("You said:   a\n\n b\tc  ")).toBe(true);
  });

  it("is one of the choices that the instructions list, picked by what the user said", async () => {
    const system = {
      role: "system" as const,
      content: "You tell jokes.\n\nAnswer with one of:\n\n- one\n- two\n- three\n\nBe kind.\n- not this",
    };
    const said = new Set<string>();
    for (let index = 0; index < 40; index += 1) said.add((await run([system, { role: "user", content: `joke ${index}` }])).text);
    expect([...said].sort()).toEqual(["[local/chat] one", "[local/chat] three", "[local/chat] two"]);
  });

  it("stops at the bound on its length", async () => {
    const { text, reason, usage } = await run("hello", { maxOutputTokens: 5 });
    expect([text.length, reason, usage.outputTokens]).toEqual([20, "length", 5]);
  });

  it("counts four characters as a token", async () => {
    const { text, usage } = await run("12345678");
    expect(usage).toEqual({
      inputTokens: 2,
      outputTokens: Math.ceil(text.length / 4),
      cachedTokens: 0,
      reasoningTokens: 0,
      modelCalls: 1,
      estimated: false,
    });
  });

  it("to a schema is valid JSON", async () => {
    const responseSchema = {
      type: "object",
      properties: { topic: { type: "string" }, score: { type: "integer", minimum: 1 } },
      required: ["topic", "score"],
    };
    expect(JSON.parse((await run("tea", { responseSchema })).text)).toEqual({ topic: "tea", score: 1 });
  });

  it("to a huge prompt comes quickly, and an abort in the middle is heard", async () => {
    const huge = `${"x".repeat(1_000_000)} ${"word ".repeat(200_000)}`;
    const started = performance.now();
    expect((await run(huge, { tools: [WEATHER] })).reason).toBe("stop");
    expect(performance.now() - started).toBeLessThan(2_000);
    const controller = new AbortController();
    const reason = new Error("stopped");
    const messages: ModelMessage[] = [
      { role: "user", content: "x" },
      { role: "tool", toolCallId: "a", content: "word ".repeat(200_000) },
    ];
    const read = async () => {
      for await (const chunk of streamLocalChat({ model: "local/chat", messages, signal: controller.signal })) {
        if (chunk.type === "text") setImmediate(() => controller.abort(reason));
      }
    };
    await expect(read()).rejects.toBe(reason);
  });
});

describe("tools", () => {
  const tools = [WEATHER, JOKES, STOCKS];

  it.each([
    ["What's the weather in Paris?", ["get_weather"]],
    ["any forecasts for tomorrow", ["get_weather"]],
    ["Tell me a joke about cats", ["joke_agent"]],
    ["how are my shares", ["stock_prices"]],
    ["a joke about the weather", ["joke_agent", "get_weather"]],
    ["hello there", []],
    ["What can you do for me?", []],
  ])("%s → %j", async (text, expected) => {
    const { calls, reason } = await run(text, { tools });
    expect(names(calls)).toEqual(expected);
    expect(reason).toBe(expected.length > 0 ? "tool_calls" : "stop");
  });

  it("are never called with none, always with required, and by name when named", async () => {
    expect((await run("the weather?", { tools, toolChoice: "none" })).calls).toEqual([]);
    expect(names((await run("hello", { tools, toolChoice: "required" })).calls)).toEqual(["get_weather"]);
    expect(names((await run("shares", { tools, toolChoice: "required" })).calls)).toEqual(["stock_prices"]);
    expect(names((await run("the weather?", { tools, toolChoice: { name: "joke_agent" } })).calls)).toEqual(["joke_agent"]);
  });

  it("get valid arguments and an id that differs from call to call but not from run to run", async () => {
    const { calls } = await run("a joke about the weather", { tools });
    expect(calls.map((call) => JSON.parse(call.arguments))).toEqual([
      { message: "a joke about the weather" },
      { city: "a joke about the weather" },
    ]);
    expect(new Set(calls.map((call) => call.id)).size).toBe(2);
    expect((await run("a joke about the weather", { tools })).calls).toEqual(calls);
  });

  it("are not called again: their results are quoted, each with its tool's name", async () => {
    const text = "a joke about the weather";
    const { calls } = await run(text, { tools });
    const results = calls.map((call, index) => ({ role: "tool" as const, toolCallId: call.id, content: `result ${index}` }));
    const messages: ModelMessage[] = [{ role: "user", content: text }, { role: "assistant", content: "", toolCalls: calls }, ...results];
    for (const toolChoice of ["auto", "required"] as const) {
      const answer = await run(messages, { tools, toolChoice });
      expect(answer.text).toBe("[local/chat] joke_agent says: result 0\nget_weather says: result 1");
      expect(answer.calls).toEqual([]);
    }
    expect(names((await run([...messages, { role: "user", content: "and my shares?" }], { tools })).calls)).toEqual(["stock_prices"]);
  });
});

describe("a question to the user", () => {
  it("is asked when told to, with options where they are listed", async () => {
    const { calls } = await run("Ask me which colour I like: red, green or blue", { tools: [ASK, JOKES] });
    expect(names(calls)).toEqual(["ask_user_questions"]);
    const [question] = askUserQuestions.parse(JSON.parse(calls[0]?.arguments ?? "")).questions;
    expect(question?.text).toBe("[local/chat] Which colour I like?");
    expect(question?.options.map((option) => option.label)).toEqual(["red", "green", "blue"]);
  });

  it("is not asked otherwise, nor where the tool is not offered", async () => {
    expect((await run("The user questions everything", { tools: [ASK] })).calls).toEqual([]);
    expect((await run("ask me something", { tools: [JOKES] })).calls).toEqual([]);
  });

  it("that is demanded fits its schema, and its answer is quoted", async () => {
    const { calls } = await run("colours", { tools: [ASK], toolChoice: "required" });
    expect(askUserQuestions.safeParse(JSON.parse(calls[0]?.arguments ?? "")).success).toBe(true);
    const messages: ModelMessage[] = [
      { role: "user", content: "ask me a colour" },
      { role: "assistant", content: "", toolCalls: calls },
      { role: "tool", toolCallId: calls[0]?.id ?? "", content: "green" },
    ];
    expect((await run(messages, { tools: [ASK] })).text).toBe("[local/chat] ask_user_questions says: green");
  });
});
