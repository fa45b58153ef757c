import { randomBytes } from "node:crypto";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { ChatOpenAI, OpenAIEmbeddings } from "@langchain/openai";
import { embedMany, generateText, jsonSchema, type LanguageModel, streamText, tool } from "ai";
import type OpenAI from "openai";
import { APIError, RateLimitError, toFile } from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { type OpenaiSystem, startOpenai } from "./support/start-openai.ts";

const MODEL = "custom/scripted";
const messages = [{ role: "user" as const, content: "What is the weather in Paris?" }];
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const weather = { type: "function" as const, function: { name: "weather", description: "The weather of a city", parameters } };
const called = {
  toolCalls: [
    { name: "weather", arguments: { city: "Paris" } },
    { name: "weather", arguments: { city: "Oslo" } },
  ],
};

let door: OpenaiSystem;
let client: OpenAI;
/** The clients that read streams in their own ways. */
let models: Record<string, LanguageModel>;
let chain: (model: string) => ChatOpenAI;
beforeAll(async () => {
  door = await startOpenai({ MODEL_ALIASES: JSON.stringify({ fast: [MODEL, "local/chat"], smart: "custom/other" }) });
  client = door.client;
  const apiKey = door.system.ours.apiKey;
  models = {
    "@ai-sdk/openai": createOpenAI({ baseURL: door.baseUrl, apiKey }).chat(MODEL),
    "@ai-sdk/openai-compatible": createOpenAICompatible({ name: "parley", baseURL: door.baseUrl, apiKey })(MODEL),
  };
  chain = (model) => new ChatOpenAI({ model, apiKey, maxRetries: 0, configuration: { baseURL: door.baseUrl }, useResponsesApi: false });
});
afterAll(() => door.close());

const script = (...replies: Parameters<OpenaiSystem["system"]["model"]["script"]>) => door.system.model.script(...replies);
const asked = () => door.system.model.journal.at(-1)?.body ?? {};
const failureOf = async (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => null,
    (error: unknown) => error,
  );

describe("openai", () => {
  test("an answer is the provider's own, and what is not known here goes both ways", async () => {
    script({ text: "Sunny" });
    const whole = await client.chat.completions.create({ model: MODEL, messages, seed: 7, unheard_of: { deep: [1] } } as never);
    expect(whole).toMatchObject({ model: "scripted", choices: [{ message: { content: "Sunny" }, finish_reason: "stop" }] });
    expect(asked()).toMatchObject({ model: "scripted", seed: 7, unheard_of: { deep: [1] }, messages });
    expect(asked()).not.toHaveProperty("stream_options");
  });

  test("the strict stream helper puts parallel calls together", async () => {
    script(called);
    const runner = client.chat.completions.stream({ model: MODEL, messages, tools: [weather] });
    const { choices } = await runner.finalChatCompletion();
    expect(choices[0]?.finish_reason).toBe("tool_calls");
    expect(choices[0]?.message.tool_calls?.map((call) => "function" in call && JSON.parse(call.function.arguments))).toEqual([
      { city: "Paris" },
      { city: "Oslo" },
    ]);
  });

  test("usage is always asked for, and shown only to those who ask", async () => {
    script({ tokens: 3 }, { tokens: 3 }, { tokens: 3, usage: null });
    const read = async (options: object) => {
      const chunks = [];
      for await (const chunk of await client.chat.completions.create({ model: MODEL, messages, stream: true, ...options }))
        chunks.push(chunk);
      return chunks;
    };
    const silent = await read({});
    expect(asked().stream_options).toEqual({ include_usage: true });
    for (const chunk of silent) expect([chunk.choices.length, "usage" in chunk]).toEqual([1, false]);
    const shown = await read({ stream_options: { include_usage: true } });
    expect(shown.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 3 } });
    // The provider sends none: it is our estimate.
    const estimated = await read({ stream_options: { include_usage: true } });
    expect(estimated.at(-1)).toMatchObject({ id: estimated[0]?.id, choices: [], usage: { prompt_tokens: 8 } });
  });

  test("reasoning stands under both of its names", async () => {
    script({ reasoning: ["I think"], text: "so" });
    const deltas = [];
    for await (const { choices } of await client.chat.completions.create({ model: MODEL, messages, stream: true }))
      deltas.push(choices[0]?.delta);
    expect(deltas).toContainEqual({ reasoning: "I think", reasoning_content: "I think" });
  });

  test("parse gives what fits the schema", async () => {
    const response_format = zodResponseFormat(z.object({ city: z.string() }), "place");
    const { choices } = await client.chat.completions.parse({ model: "local/chat", messages, response_format });
    expect(choices[0]?.message.parsed).toEqual({ city: expect.any(String) });
  });

  test("embeddings come as asked for: as floats, and as base64 of the same", async () => {
    const plain = await client.embeddings.create({ model: "local/embed", input: ["sun", "rain"], encoding_format: "float" });
    // The client asks for base64 by itself, and decodes it.
    const packed = await client.embeddings.create({ model: "local/embed", input: ["sun", "rain"] });
    expect(packed.data.map(({ index }) => index)).toEqual([0, 1]);
    for (const [index, { embedding }] of packed.data.entries()) {
      expect(embedding).toHaveLength(256);
      for (const [place, value] of embedding.entries()) expect(value).toBeCloseTo(plain.data[index]?.embedding[place] ?? Number.NaN, 6);
    }
    const short = await client.embeddings.create({
      model: "local/embed",
      input: [[1, 2, 3], [4]],
      dimensions: 8,
      encoding_format: "float",
    });
    for (const { embedding } of short.data) expect([embedding.length, Math.hypot(...embedding)]).toEqual([8, expect.closeTo(1, 6)]);
    expect((await client.embeddings.create({ model: MODEL, input: "x", encoding_format: "float" })).data[0]?.embedding).toHaveLength(8);
  });

  test("sound is passed on, and what the built-in voice says is heard by the built-in ear", async () => {
    // More than the gateway takes in before it has passed some of it on.
    const sound = randomBytes(3_000_000);
    script({ sound });
    const spoken = await client.audio.speech.create({ model: MODEL, voice: "alloy", input: "Hello" });
    expect([spoken.headers.get("content-type"), Buffer.from(await spoken.arrayBuffer())]).toEqual(["audio/mpeg", sound]);
    script({ text: "Hello" });
    const heard = await client.audio.transcriptions.create({ model: MODEL, file: await toFile(sound, "hello.mp3"), language: "en" });
    expect([heard.text, asked()]).toEqual([
      "Hello",
      { model: "scripted", language: "en", file: { name: "hello.mp3", size: sound.length } },
    ]);

    const local = await client.audio.speech.create({ model: "local/tts", voice: "any", input: "Hello there", response_format: "wav" });
    const wav = Buffer.from(await local.arrayBuffer());
    expect([local.headers.get("content-type"), wav.toString("latin1", 0, 4)]).toEqual(["audio/wav", "RIFF"]);
    const back = await client.audio.transcriptions.create({ model: "local/stt", file: await toFile(wav, "hello.wav") });
    expect(back.text).toBe("[local/stt] Hello there");
    const lines = await client.audio.transcriptions.create({
      model: "local/stt",
      file: await toFile(wav, "a.wav"),
      response_format: "vtt",
    });
    expect(lines).toMatch(/^WEBVTT\n\n00:00:00\.000 --> 00:00:0\d/);
    const mp3 = await failureOf(client.audio.speech.create({ model: "local/tts", voice: "any", input: "Hello" }));
    expect(mp3).toMatchObject({ status: 400, param: "response_format" });
  });

  test("models are listed with aliases, and found by names with slashes", async () => {
    const ids = (await client.models.list()).data.map(({ id }) => id);
    expect(ids).toEqual(expect.arrayContaining(["fast", "smart", "custom/scripted", "local/chat", "local/embed"]));
    expect(await client.models.retrieve("local/chat")).toMatchObject({ id: "local/chat", owned_by: "local" });
    expect(await failureOf(client.models.retrieve("nobody/x"))).toMatchObject({ status: 404, code: "model_not_found", param: "model" });
  });
});

describe("local/chat", () => {
  const say = (more: object) =>
    client.chat.completions.create({ model: "local/chat", messages, ...more } as never) as Promise<OpenAI.ChatCompletion>;

  test("answers the same each time, and is labelled", async () => {
    const [one, two] = [await say({}), await say({})];
    expect(one.choices).toEqual(two.choices);
    expect(one.id).toBe(two.id);
    expect(one.choices[0]?.message.content).toMatch(/^\[local\/chat\]/);
    expect(one.usage).toMatchObject({ total_tokens: (one.usage?.prompt_tokens ?? 0) + (one.usage?.completion_tokens ?? 0) });
  });

  test("calls tools, and only as it is told to", async () => {
    const tools = [
      weather,
      { type: "function", function: { name: "traffic", description: "Roads", parameters: { type: "object", properties: {} } } },
    ];
    const names = ({ choices }: OpenAI.ChatCompletion) =>
      choices[0]?.message.tool_calls?.map((call) => "function" in call && call.function.name);
    expect(names(await say({ tools }))).toEqual(["weather"]);
    expect(names(await say({ tools, tool_choice: "none" }))).toBeUndefined();
    expect(names(await say({ tools, tool_choice: { type: "function", function: { name: "traffic" } } }))).toEqual(["traffic"]);
    const allowed = { mode: "required", tools: [{ type: "function", function: { name: "traffic" } }] };
    expect(names(await say({ tools, tool_choice: { type: "allowed_tools", allowed_tools: allowed } }))).toEqual(["traffic"]);
    const both = [{ role: "user", content: "weather and traffic" }];
    expect(names(await say({ tools, messages: both }))).toHaveLength(2);
    expect(names(await say({ tools, messages: both, parallel_tool_calls: false }))).toHaveLength(1);
  });

  test("ends at its bounds and at the words where it is to stop, streamed or not", async () => {
    expect((await say({ max_completion_tokens: 4 })).choices[0]).toMatchObject({ finish_reason: "length" });
    const stopped = await say({ stop: ["without"] });
    expect(stopped.choices[0]).toMatchObject({ finish_reason: "stop", message: { content: "[local/chat] I am the built-in model " } });
    const streamed = client.chat.completions.stream({ model: "local/chat", messages, stop: "out a" });
    expect(await streamed.finalContent()).toBe("[local/chat] I am the built-in model with");
  });

  test("refuses what it cannot do, and calls without their results", async () => {
    const call = { id: "c1", type: "function", function: { name: "weather", arguments: "{}" } };
    const open = [...messages, { role: "assistant", tool_calls: [call] }, { role: "user", content: "and?" }];
    const refused = async (more: object) => {
      const error = await failureOf(say(more));
      return error instanceof APIError ? [error.status, error.param] : error;
    };
    expect(await refused({ n: 2 })).toEqual([400, "n"]);
    expect(await refused({ messages: open })).toEqual([400, "messages[2]"]);
    expect(await refused({ stop: [""] })).toEqual([400, "stop"]);
  });
});

/** Streams whose provider breaks off: each client must be told, by whatever way it has. */
const BREAKS = [
  ["cut in the middle of a call", { ...called, breaks: { afterChunks: 3, how: "cut" as const } }],
  ["an error frame", { tokens: 4, breaks: { afterChunks: 2, how: "error" as const } }],
  ["a frame that is no JSON", { tokens: 4, breaks: { afterChunks: 2, how: "malformed" as const } }],
  ["no finish reason", { tokens: 4, finish: null }],
] as const;

describe.each(BREAKS)("a stream that breaks off (%s)", (_, reply) => {
  test("ends with the error frame, no finish and no [DONE]", async () => {
    script(reply as never);
    const answer = await door.system
      .rest()
      .call("/v1/chat/completions", { body: { model: MODEL, messages, tools: [weather], stream: true } });
    const frames = answer.text.split("\n\n").filter((frame) => frame.startsWith("data: "));
    const last = JSON.parse(frames.at(-1)?.slice(6) ?? "") as { error: object };
    expect(Object.keys(last.error)).toEqual(["message", "type", "param", "code"]);
    expect(last.error).toMatchObject({ type: "server_error", code: "model_unavailable" });
    expect(answer.text).not.toContain("[DONE]");
    expect(answer.text).not.toMatch(/"finish_reason":"/);
  });

  test("is a failure to every client", async () => {
    const broken = reply as never;
    script(broken);
    const stream = await client.chat.completions.create({ model: MODEL, messages, stream: true });
    const reading = async () => {
      for await (const chunk of stream) expect(chunk.choices).toHaveLength(1);
    };
    expect(await failureOf(reading())).toBeInstanceOf(APIError);

    for (const model of Object.values(models)) {
      script(broken);
      const errors: unknown[] = [];
      const { fullStream } = streamText({ model, messages, maxRetries: 0, onError: ({ error }) => void errors.push(error) });
      for await (const part of fullStream) if (part.type === "error") errors.push(part.error);
      expect(errors.length).toBeGreaterThan(0);
    }

    script(broken);
    const chained = async () => {
      for await (const chunk of await chain(MODEL).stream("Hello")) expect(chunk).toBeDefined();
    };
    expect(await failureOf(chained())).not.toBeNull();
  });
});

describe.each(["@ai-sdk/openai", "@ai-sdk/openai-compatible"])("%s", (name) => {
  const model = (): LanguageModel => models[name] as LanguageModel;

  test("reads answers, and streams with a chunk without choices at their beginning", async () => {
    script({ text: "Sunny" }, { tokens: 12, emptyChoices: true });
    expect(await generateText({ model: model(), messages })).toMatchObject({ text: "Sunny", finishReason: "stop" });
    const streamed = streamText({ model: model(), messages });
    expect(await streamed.text).toBe(Array.from({ length: 12 }, (_, index) => `t${index}`).join(" "));
    expect(await streamed.finishReason).toBe("stop");
  });

  test("runs tools to the end", async () => {
    script(called, { text: "Warm in both" });
    const cities: unknown[] = [];
    const inputSchema = jsonSchema<{ city: string }>({ ...parameters, additionalProperties: false } as never);
    const execute = async ({ city }: { city: string }) => {
      cities.push(city);
      return "warm";
    };
    const tools = { weather: tool({ description: "The weather of a city", inputSchema, execute }) };
    const result = await generateText({ model: model(), messages, tools, stopWhen: ({ steps }) => steps.length === 2 });
    expect([result.text, cities]).toEqual(["Warm in both", ["Paris", "Oslo"]]);
    expect(asked().messages?.map(({ role }) => role)).toEqual(["user", "assistant", "tool", "tool"]);
  });
});

test("@ai-sdk/openai-compatible reads reasoning and embeddings", async () => {
  script({ reasoning: ["I think"], text: "so" });
  const { reasoningText, text } = streamText({ model: models["@ai-sdk/openai-compatible"] as LanguageModel, messages });
  expect([await text, await reasoningText]).toEqual(["so", "I think"]);
  const provider = createOpenAICompatible({ name: "parley", baseURL: door.baseUrl, apiKey: door.system.ours.apiKey });
  const { embeddings } = await embedMany({ model: provider.embeddingModel("local/embed"), values: ["sun", "rain"] });
  expect(embeddings.map((vector) => vector.length)).toEqual([256, 256]);
});

describe("@langchain/openai", () => {
  test("invokes, streams and binds tools", async () => {
    script({ text: "Sunny" }, { tokens: 6 }, called);
    expect((await chain(MODEL).invoke("Hello")).content).toBe("Sunny");
    let text = "";
    for await (const chunk of await chain(MODEL).stream("Hello")) text += String(chunk.content);
    expect(text).toBe("t0 t1 t2 t3 t4 t5");
    const { tool_calls: calls } = await chain(MODEL).bindTools([weather]).invoke("Hello");
    expect(calls?.map(({ name, args }) => [name, args])).toEqual([
      ["weather", { city: "Paris" }],
      ["weather", { city: "Oslo" }],
    ]);
  });

  test("gets embeddings", async () => {
    const { apiKey } = door.system.ours;
    const embeddings = new OpenAIEmbeddings({ model: "local/embed", apiKey, configuration: { baseURL: door.baseUrl } });
    expect(await embeddings.embedQuery("sun")).toHaveLength(256);
  });
});

describe("a provider that refuses", () => {
  test("429 stays 429, with its Retry-After, in the envelope", async () => {
    script({ status: 429, retryAfter: "30" });
    const error = await failureOf(client.chat.completions.create({ model: MODEL, messages }));
    expect(error).toBeInstanceOf(RateLimitError);
    expect(error).toMatchObject({ status: 429, type: "rate_limit_error", code: "rate_limit_exceeded" });
    expect((error as APIError).headers?.get("retry-after")).toBe("30");
  });

  test("a short Retry-After is waited for, once, and then the answer comes", async () => {
    const before = door.system.model.journal.length;
    script({ status: 429, retryAfter: "1" }, { text: "at last" });
    expect((await client.chat.completions.create({ model: MODEL, messages })).choices[0]?.message.content).toBe("at last");
    const [first, second] = door.system.model.journal.slice(before);
    expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThanOrEqual(990);
  });

  test("a wrong request is told in the provider's words, and is not tried again", async () => {
    const before = door.system.model.journal.length;
    const error = { message: "Too long.", type: "invalid_request_error", param: "messages", code: "context_length_exceeded" };
    script({ status: 400, error: { error } });
    expect(await failureOf(client.chat.completions.create({ model: "fast", messages }))).toMatchObject({ status: 400, error });
    expect(door.system.model.journal.length).toBe(before + 1);
  });

  test.each([401, 403, 402])("%i is about our account: nothing of it is shown", async (status) => {
    script({ status, error: { error: { message: "key sk-secret is wrong" } } });
    const error = (await failureOf(client.chat.completions.create({ model: MODEL, messages }))) as APIError;
    expect([error.status, error.code, error.headers?.get("x-should-retry")]).toEqual([502, "model_rejected", "false"]);
    expect(error.message).not.toContain("sk-secret");
  });

  test("an alias falls back to its next model, before anything was answered", async () => {
    script({ status: 500 }, { status: 500 });
    expect((await client.chat.completions.create({ model: "fast", messages })).model).toBe("local/chat");
    script({ tokens: 2, breaks: { afterChunks: 0, how: "error" } });
    const streamed = client.chat.completions.stream({ model: "fast", messages });
    expect(await failureOf(streamed.finalContent())).toBeInstanceOf(APIError);
  });

  test("behind an alias that leads nowhere else it is the model's own failure", async () => {
    script({ status: 503, retryAfter: "20" });
    expect(await failureOf(client.chat.completions.create({ model: "smart", messages }))).toMatchObject({
      status: 503,
      code: "model_unavailable",
    });
  });
});
