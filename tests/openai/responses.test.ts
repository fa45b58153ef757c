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
