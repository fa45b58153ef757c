import { type System, startSystem } from "@parley/testkit";
import OpenAI from "openai";
import { afterAll, beforeAll, expect, test } from "vitest";

let system: System;
let openai: OpenAI;
const MODEL = "custom/scripted";

beforeAll(async () => {
  system = await startSystem();
  openai = new OpenAI({ baseURL: `${system.apis[0]?.url}/v1`, apiKey: system.ours.apiKey, maxRetries: 0 });
  system.model.otherwise({ text: ["Hello ", "there."] });
});
afterAll(() => system?.close());

test("a response comes whole, is stored, and can be gone on from", async () => {
  const first = await openai.responses.create({ model: MODEL, input: "Hi", instructions: "Be kind.", metadata: { a: "b" } });
  expect(first.output_text).toBe("Hello there.");
  expect(first).toMatchObject({ status: "completed", usage: { output_tokens: 2 }, metadata: { a: "b" }, instructions: "Be kind." });
  const again = await openai.responses.retrieve(first.id);
  expect({ ...again }).toEqual(JSON.parse(JSON.stringify(first)));
  const next = await openai.responses.create({ model: MODEL, input: "And?", previous_response_id: first.id });
  expect(next.previous_response_id).toBe(first.id);
  expect(system.model.journal.at(-1)?.body.messages).toEqual([
    { role: "user", content: "Hi" },
    { role: "assistant", content: "Hello there." },
    { role: "user", content: "And?" },
  ]);
});

test("what is known of a conversation is only taken away by its name", async () => {
  const { id } = await openai.conversations.create({ metadata: { about: "jokes" } });
  await expect(openai.post(`/conversations/${id}`, { body: {} })).rejects.toMatchObject({ status: 400, param: "metadata" });
  expect((await openai.conversations.retrieve(id)).metadata).toEqual({ about: "jokes" });
  expect((await openai.conversations.update(id, { metadata: {} })).metadata).toEqual({});
});

test("a streamed response is read by the client's strictest reader", async () => {
  const stream = openai.responses.stream({ model: MODEL, input: "Hi" });
  const types: string[] = [];
  for await (const event of stream) types.push(event.type);
  const final = await stream.finalResponse();
  expect(final.output_text).toBe("Hello there.");
  expect(types[0]).toBe("response.created");
  expect(types.at(-1)).toBe("response.completed");
});

test("a background response is made by a worker, and told again as it was told", async () => {
  const queued = await openai.responses.create({ model: MODEL, input: "Hi", background: true });
  expect(queued.status).toBe("queued");
  await expect.poll(async () => (await openai.responses.retrieve(queued.id)).status, { timeout: 10_000 }).toBe("completed");
  const events: string[] = [];
  const stream = await openai.responses.retrieve(queued.id, { stream: true });
  for await (const event of stream) events.push(event.type);
  expect(events[0]).toBe("response.created");
  expect(events.at(-1)).toBe("response.completed");
});

const TOO_LONG = { status: 400, error: { error: { message: "too long", type: "invalid_request_error", code: "context_length_exceeded" } } };

test("with truncation the oldest of a context that is too long is left out, a call never parted from its result, and only where that is asked for", async () => {
  const input: OpenAI.Responses.ResponseInput = [
    { role: "system", content: "Be kind." },
    { role: "user", content: "one" },
    { type: "function_call", call_id: "c1", name: "f", arguments: "{}" },
    { type: "function_call_output", call_id: "c1", output: "r1" },
    { role: "user", content: "two" },
    { role: "assistant", content: "answer" },
    { role: "user", content: "three" },
  ];
  system.model.script(TOO_LONG, TOO_LONG);
  await expect(openai.responses.create({ model: MODEL, input })).rejects.toMatchObject({ status: 400, code: "context_length_exceeded" });
  const before = system.model.journal.length;
  const answer = await openai.responses.create({ model: MODEL, input, truncation: "auto" });
  expect(answer).toMatchObject({ status: "completed", truncation: "auto" });
  const asked = system.model.journal.slice(before).map(({ body }) => (body.messages ?? []).map(({ role }) => role));
  expect(asked).toEqual([
    ["system", "user", "assistant", "tool", "user", "assistant", "user"],
    ["system", "user", "assistant", "user"],
  ]);
  expect(system.model.journal.at(-1)?.body.messages?.[0]).toMatchObject({ content: "Be kind." });
});
