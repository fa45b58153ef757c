import { createOpenAI } from "@ai-sdk/openai";
import { ChatOpenAI } from "@langchain/openai";
import { Agent, OpenAIResponsesModel, Runner, setTracingDisabled, tool } from "@openai/agents";
import { type System, startSystem } from "@parley/testkit";
import { generateText, streamText } from "ai";
import OpenAI from "openai";
import { zodTextFormat } from "openai/helpers/zod";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";

let system: System;
let openai: OpenAI;
let baseURL: string;
const MODEL = "custom/scripted";

beforeAll(async () => {
  system = await startSystem();
  baseURL = `${system.apis[0]?.url}/v1`;
  openai = new OpenAI({ baseURL, apiKey: system.ours.apiKey, maxRetries: 0 });
  system.model.otherwise({ text: ["Hello ", "there."] });
  setTracingDisabled(true);
});
afterAll(() => system?.close());

test("openai parses what fits a schema", async () => {
  system.model.script({ text: ['{"city":', '"Paris"}'] });
  const format = zodTextFormat(z.object({ city: z.string() }), "place");
  const parsed = await openai.responses.parse({ model: MODEL, input: "Where?", text: { format } });
  expect(parsed.output_parsed).toEqual({ city: "Paris" });
});

test("openai ends a background response that hangs, again and again, and no other", async () => {
  // No order of replies: it may be cancelled before the model is asked.
  system.model.when(({ lastUserText }) => lastUserText === "hang", { text: ["a"], breaks: { afterChunks: 1, how: "hang" } });
  const { id } = await openai.responses.create({ model: MODEL, input: "hang", background: true });
  await expect.poll(async () => (await openai.responses.retrieve(id)).status, { timeout: 10_000 }).toBe("in_progress");
  const cancelled = await openai.responses.cancel(id);
  expect(cancelled.status).toBe("cancelled");
  expect((await openai.responses.cancel(id)).status).toBe("cancelled");
  // The socket to the model is closed, too.
  const asked = () => system.model.journal.find(({ body }) => body.messages?.at(-1)?.content === "hang");
  await expect.poll(() => asked()?.socketClosedAtMs, { timeout: 15_000 }).not.toBeNull();
  const done = await openai.responses.create({ model: MODEL, input: "x" });
  await expect(openai.responses.cancel(done.id)).rejects.toMatchObject({ status: 400 });
});

test("openai deletes, lists the input, and is refused what is not there", async () => {
  const first = await openai.responses.create({ model: MODEL, input: "Hi" });
  const items = await openai.responses.inputItems.list(first.id);
  expect(items.data).toMatchObject([{ type: "message", role: "user", content: [{ type: "input_text", text: "Hi" }] }]);
  await openai.responses.delete(first.id);
  await expect(openai.responses.retrieve(first.id)).rejects.toMatchObject({ status: 404 });
  const next = openai.responses.create({ model: MODEL, input: "x", previous_response_id: first.id });
  await expect(next).rejects.toMatchObject({ status: 400, code: "previous_response_not_found", param: "previous_response_id" });
});

test("openai goes on in a conversation of items", async () => {
  const conversation = await openai.conversations.create({ items: [{ type: "message", role: "user", content: "I am Ada." }] });
  await openai.responses.create({ model: MODEL, input: "Hi", conversation: conversation.id });
  await openai.responses.create({ model: MODEL, input: "Who am I?", conversation: conversation.id });
  const said = (system.model.journal.at(-1)?.body.messages ?? []).map(({ content }) => content);
  expect(said).toEqual(["I am Ada.", "Hi", "Hello there.", "Who am I?"]);
});

test("a stored response is told again byte for byte, from any number on", async () => {
  const answer = await fetch(`${baseURL}/responses`, {
    method: "POST",
    headers: { authorization: `Bearer ${system.ours.apiKey}`, "content-type": "application/json" },
    body: JSON.stringify({ model: MODEL, input: "Hi", stream: true }),
  });
  const text = await answer.text();
  const id = /"id":"(resp_\w+)"/.exec(text)?.[1];
  const again = async (query: string) =>
    (await fetch(`${baseURL}/responses/${id}?stream=true${query}`, { headers: { authorization: `Bearer ${system.ours.apiKey}` } })).text();
  expect(await again("")).toBe(text);
  expect(await again("&starting_after=3")).toBe(text.split("\n\n").slice(4).join("\n\n"));
});

test("a model that breaks off is an error to the streaming client, and the response is kept as failed", async () => {
  system.model.script({ text: ["half"], breaks: { afterChunks: 1, how: "cut" } });
  let id = "";
  const read = async () => {
    for await (const event of await openai.responses.create({ model: MODEL, input: "x", stream: true })) {
      if (event.type === "response.created") id = event.response.id;
    }
  };
  await expect(read()).rejects.toThrow();
  expect(await openai.responses.retrieve(id)).toMatchObject({ status: "failed", output: [] });
});

test("what was compacted opens for its own organization only", async () => {
  const compacted = await openai.responses.compact({ model: MODEL, input: [{ role: "user", content: "I am Ada." }] });
  const input = [...(compacted.output as OpenAI.Responses.ResponseInputItem[]), { role: "user" as const, content: "Who?" }];
  expect((await openai.responses.create({ model: MODEL, input, store: false })).status).toBe("completed");
  const stranger = new OpenAI({ baseURL, apiKey: (await system.newTenant("theirs")).apiKey, maxRetries: 0 });
  await expect(stranger.responses.create({ model: MODEL, input })).rejects.toMatchObject({ status: 400 });
});

test("the AI SDK's default model answers, streams and calls tools", async () => {
  const model = createOpenAI({ baseURL, apiKey: system.ours.apiKey })(MODEL);
  expect((await generateText({ model, prompt: "Hi" })).text).toBe("Hello there.");
  const streamed = streamText({ model, prompt: "Hi" });
  expect(await streamed.text).toBe("Hello there.");
  expect(await streamed.finishReason).toBe("stop");
});

test("the Agents SDK runs a tool and goes on with its result", async () => {
  system.model.script({ toolCalls: [{ name: "weather", arguments: { city: "Paris" } }] }, { text: ["Sunny."] });
  const weather = tool({
    name: "weather",
    description: "The weather",
    parameters: z.object({ city: z.string() }),
    execute: async ({ city }) => `${city}: sun`,
  });
  const agent = new Agent({ name: "a", instructions: "Help.", tools: [weather], model: new OpenAIResponsesModel(openai, MODEL) });
  const result = await new Runner().run(agent, "How is Paris?");
  expect(result.finalOutput).toBe("Sunny.");
  expect(system.model.journal.at(-1)?.body.messages?.at(-1)).toMatchObject({ role: "tool", content: "Paris: sun" });
});

test("LangChain answers over this route", async () => {
  const model = new ChatOpenAI({
    model: MODEL,
    apiKey: system.ours.apiKey,
    useResponsesApi: true,
    configuration: { baseURL },
    maxRetries: 0,
  });
  expect((await model.invoke("Hi")).text).toBe("Hello there.");
  let text = "";
  for await (const chunk of await model.stream("Hi")) text += chunk.text;
  expect(text).toBe("Hello there.");
});

test("an agent's response tells its turn, is stored, and its conversation goes on", async () => {
  const agent = `agent/${await system.ours.newAgent()}`;
  const first = await openai.responses.create({ model: agent, input: "Hi" });
  expect(first).toMatchObject({ status: "completed", model: agent });
  expect(first.output_text).toBe("Hello there.");
  expect(await openai.responses.retrieve(first.id)).toMatchObject({ status: "completed", output: first.output });
  const stream = openai.responses.stream({ model: agent, input: "And?", previous_response_id: first.id });
  expect((await stream.finalResponse()).output_text).toBe("Hello there.");
  expect((system.model.journal.at(-1)?.body.messages ?? []).filter(({ role }) => role === "user")).toHaveLength(2);
});

test("an agent's question ends its response as incomplete, with its text", async () => {
  const id = await system.ours.newAgent({ mayAsk: true });
  system.model.script({ toolCalls: [{ name: "ask_user_questions", arguments: { questions: [{ id: "q", text: "Which one?" }] } }] });
  const asked = await openai.responses.create({ model: `agent/${id}`, input: "Buy it" });
  expect(asked).toMatchObject({ status: "incomplete", incomplete_details: { reason: "awaiting_input" } });
  expect(asked.output_text).toContain("Which one?");
  const next = await openai.responses.create({ model: `agent/${id}`, input: "The red one", previous_response_id: asked.id });
  expect(next).toMatchObject({ status: "completed" });
});
