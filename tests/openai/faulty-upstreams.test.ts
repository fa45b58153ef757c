import { createOpenAI } from "@ai-sdk/openai";
import { ChatOpenAI } from "@langchain/openai";
import { Agent, OpenAIResponsesModel, Runner, setTracingDisabled } from "@openai/agents";
import { tokenText } from "@parley/testkit";
import { streamText } from "ai";
import type OpenAI from "openai";
import { APIError, RateLimitError } from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type OpenaiSystem, startOpenai } from "./support/start-openai.ts";

const MODEL = "custom/scripted";
const weather = {
  type: "function" as const,
  name: "weather",
  description: null,
  strict: false,
  parameters: { type: "object", properties: { city: { type: "string" } } },
};
const called = { toolCalls: [{ name: "weather", arguments: { city: "Paris" } }] };

let door: OpenaiSystem;
let client: OpenAI;
beforeAll(async () => {
  door = await startOpenai({}, 1);
  client = door.client;
  setTracingDisabled(true);
});
afterAll(() => door?.close());

const SAID = /The model is not answering|The model's answer broke off/;
const script = (...replies: Parameters<typeof door.system.model.script>) => door.system.model.script(...replies);
const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => null,
    (error: unknown) => error,
  );
const create = (more: object = {}) => client.responses.create({ model: MODEL, input: "Hi", tools: [weather], ...more, stream: false });

/** Streams whose provider breaks off after it has said something. */
const BREAKS = [
  ["cut in the middle of a call", { ...called, breaks: { afterChunks: 2, how: "cut" as const } }],
  ["an error frame", { tokens: 4, breaks: { afterChunks: 2, how: "error" as const } }],
  ["a frame that is no JSON", { tokens: 4, breaks: { afterChunks: 2, how: "malformed" as const } }],
  ["no finish reason", { tokens: 4, finish: null }],
] as const;

describe.each(BREAKS)("a response whose provider breaks off (%s)", (_, reply) => {
  test("whole: it is failed where it is stored, and a failure of the call where it is not; what was half said is in neither", async () => {
    script(reply as never);
    const stored = await create();
    expect(stored).toMatchObject({ status: "failed", error: { type: "server_error", code: "model_unavailable" }, output: [] });
    expect(await client.responses.retrieve(stored.id)).toMatchObject({ status: "failed", output: [] });
    script(reply as never);
    expect(await failureOf(create({ store: false }))).toMatchObject({ status: 503, code: "model_unavailable" });
  });

  test("streamed: one error, then the failed response, numbered without a hole, and the end", async () => {
    script(reply as never);
    const body = { model: MODEL, input: "Hi", tools: [weather], stream: true };
    const { text } = await door.system.rest().call("/v1/responses", { body });
    const frames = text.split("\n\n").filter((frame) => frame.startsWith("event: "));
    const events = frames.map((frame) => JSON.parse(frame.slice(frame.indexOf("data: ") + 6)) as { type: string; sequence_number: number });
    expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_event, index) => index));
    expect(events.slice(-2).map(({ type }) => type)).toEqual(["error", "response.failed"]);
    expect(events.at(-1)).toMatchObject({ response: { status: "failed", error: { code: "model_unavailable" } } });
    expect(text).not.toContain("response.completed");
    expect(text.endsWith("data: [DONE]\n\n")).toBe(true);
  });

  test("in the background: it ends as failed, once", async () => {
    script(reply as never);
    const { id } = await create({ background: true });
    await expect.poll(async () => (await client.responses.retrieve(id)).status, { timeout: 15_000 }).toBe("failed");
    expect(await client.responses.retrieve(id)).toMatchObject({ error: { code: "model_unavailable" }, output: [] });
  });

  test("is a failure to every client", async () => {
    const broken = reply as never;
    script(broken);
    expect(await failureOf(client.responses.stream({ model: MODEL, input: "Hi" }).finalResponse())).toBeInstanceOf(APIError);

    script(broken);
    const errors: unknown[] = [];
    const model = createOpenAI({ baseURL: door.baseUrl, apiKey: door.system.ours.apiKey })(MODEL);
    const { fullStream } = streamText({ model, prompt: "Hi", maxRetries: 0, onError: ({ error }) => void errors.push(error) });
    for await (const part of fullStream) if (part.type === "error") errors.push(part.error);
    expect(errors.map(String).join()).toMatch(SAID);

    script(broken);
    const agent = new Agent({ name: "a", instructions: "Help.", model: new OpenAIResponsesModel(client, MODEL) });
    const running = async () => {
      const result = await new Runner().run(agent, "Hi", { stream: true });
      for await (const _event of result);
      await result.completed;
    };
    expect(String(await failureOf(running()))).toMatch(SAID);

    script(broken);
    const chain = new ChatOpenAI({
      ...{ model: MODEL, apiKey: door.system.ours.apiKey, useResponsesApi: true, maxRetries: 0 },
      configuration: { baseURL: door.baseUrl },
    });
    const chained = async () => {
      for await (const _chunk of await chain.stream("Hi"));
    };
    expect(String(await failureOf(chained()))).toMatch(SAID);
  });
});

describe("a provider that sends no usage", () => {
  test("responses have our estimate, whole, streamed and in the background", async () => {
    script({ tokens: 5, usage: null }, { tokens: 5, usage: null }, { tokens: 5, usage: null });
    const whole = await create();
    const streamed = await client.responses.stream({ model: MODEL, input: "Hi" }).finalResponse();
    const { id } = await create({ background: true });
    await expect.poll(async () => (await client.responses.retrieve(id)).status, { timeout: 15_000 }).toBe("completed");
    for (const { usage } of [whole, streamed, await client.responses.retrieve(id)]) {
      expect(usage?.input_tokens).toBeGreaterThan(0);
      expect(usage?.output_tokens).toBeGreaterThan(0);
      expect(usage?.total_tokens).toBe((usage?.input_tokens ?? 0) + (usage?.output_tokens ?? 0));
    }
  });

  test("a chat is whole all the same, streamed or not", async () => {
    script({ tokens: 5, usage: null }, { tokens: 5, usage: null });
    const messages = [{ role: "user" as const, content: "Hi" }];
    expect((await client.chat.completions.create({ model: MODEL, messages })).choices[0]?.message.content).toBe(tokenText(5));
    expect(await client.chat.completions.stream({ model: MODEL, messages }).finalContent()).toBe(tokenText(5));
  });
});

test("chunks without choices are no part of an answer, in a chat or a response, and calls among them stay whole", async () => {
  const messages = [{ role: "user" as const, content: "Hi" }];
  script({ tokens: 3, emptyChoices: true }, { ...called, emptyChoices: true }, { tokens: 3, emptyChoices: true });
  expect((await client.responses.stream({ model: MODEL, input: "Hi" }).finalResponse()).output_text).toBe("t0 t1 t2");
  const { output } = await create();
  expect(output).toMatchObject([{ type: "function_call", name: "weather", arguments: '{"city":"Paris"}' }]);
  expect(await client.chat.completions.stream({ model: MODEL, messages }).finalContent()).toBe("t0 t1 t2");
});

test("a slow provider is waited for, in its head, before its first word and between any two", async () => {
  const slow = { tokens: 3, headersDelayMs: 700, firstDelayMs: 700, delayMs: 300 };
  const messages = [{ role: "user" as const, content: "Hi" }];
  script(slow, slow, slow, slow);
  const answers = await Promise.all([
    create().then((response) => response.output_text),
    client.responses
      .stream({ model: MODEL, input: "Hi" })
      .finalResponse()
      .then((response) => response.output_text),
    client.chat.completions.create({ model: MODEL, messages }).then(({ choices }) => choices[0]?.message.content),
    client.chat.completions.stream({ model: MODEL, messages }).finalContent(),
  ]);
  expect(answers).toEqual(Array.from({ length: 4 }, () => tokenText(3)));
});

describe("a provider that takes no more for now", () => {
  const busy = { status: 429, retryAfter: "30" };
  const messages = [{ role: "user" as const, content: "Hi" }];

  test.each([
    ["a chat", () => client.chat.completions.create({ model: MODEL, messages })],
    ["a streamed chat", () => client.chat.completions.create({ model: MODEL, messages, stream: true })],
    ["a response", () => create()],
    ["a streamed response", () => client.responses.create({ model: MODEL, input: "Hi", stream: true })],
  ])("%s: 429, with its Retry-After, before anything was streamed", async (_, ask) => {
    script(busy);
    const error = await failureOf(ask() as Promise<unknown>);
    expect(error).toBeInstanceOf(RateLimitError);
    expect(error).toMatchObject({ status: 429, code: "rate_limit_exceeded" });
    expect((error as APIError).headers?.get("retry-after")).toBe("30");
  });

  test("a background response fails with the same code", async () => {
    script(busy);
    const { id } = await create({ background: true });
    await expect.poll(async () => (await client.responses.retrieve(id)).status, { timeout: 15_000 }).toBe("failed");
    expect((await client.responses.retrieve(id)).error).toMatchObject({ type: "rate_limit_error", code: "rate_limit_exceeded" });
  });

  test("a short Retry-After is waited for", async () => {
    const before = door.system.model.journal.length;
    script({ status: 429, retryAfter: "1" }, { text: "at last" });
    expect((await create()).output_text).toBe("at last");
    const [first, second] = door.system.model.journal.slice(before);
    expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThanOrEqual(990);
  });
});
