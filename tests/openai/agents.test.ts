import { randomUUID } from "node:crypto";
import type OpenAI from "openai";
import { APIError } from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type OpenaiSystem, startOpenai } from "./support/start-openai.ts";

let door: OpenaiSystem;
let client: OpenAI;
let agentId: string;
let model: string;
beforeAll(async () => {
  door = await startOpenai({}, 1);
  client = door.client;
  agentId = await door.system.ours.newAgent({ mayAsk: true });
  model = `agent/${agentId}`;
});
afterAll(() => door.close());

const user = (content: string) => [{ role: "user" as const, content }];
/** What the agent's model was told last. */
const told = () => door.system.model.journal.at(-1)?.body.messages ?? [];
const failureOf = async (call: Promise<unknown>): Promise<APIError> => {
  const error = await call.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (error instanceof APIError) return error;
  throw new Error(`This was no refusal: ${String(error)}`);
};

const ask = { toolCalls: [{ name: "ask_user_questions", arguments: { questions: [{ id: "q", text: "Which colour?" }] } }] };

test("a turn of an agent is answered whole, with its usage and the conversation that it is of", async () => {
  door.system.model.script({ text: ["Hello", " there"], usage: { prompt_tokens: 7, completion_tokens: 3 } });
  const { data, response } = await client.chat.completions.create({ model, messages: user("Hi") }).withResponse();
  expect(data).toMatchObject({ object: "chat.completion", model, choices: [{ index: 0, finish_reason: "stop" }] });
  expect(data.choices[0]?.message).toMatchObject({ role: "assistant", content: "Hello there" });
  expect(data.usage).toMatchObject({ prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 });
  expect(response.headers.get("x-conversation-id")).toMatch(/^[0-9a-f-]{36}$/);
  expect(Math.abs(data.created - Date.now() / 1_000)).toBeLessThan(600);
});

test("it is streamed as chunks that the strict helper takes, and the pieces are the answer", async () => {
  door.system.model.script({ tokens: 20, delayMs: 2 });
  const stream = client.chat.completions.stream({ model, messages: user("Count"), stream_options: { include_usage: true } });
  const pieces: string[] = [];
  stream.on("content", (piece) => void pieces.push(piece));
  const whole = await stream.finalChatCompletion();
  expect(pieces.join("")).toBe(whole.choices[0]?.message.content);
  expect(whole.choices[0]).toMatchObject({ finish_reason: "stop", message: { content: expect.stringMatching(/^t0 t1 .* t19$/) } });
  expect(whole.usage?.completion_tokens).toBeGreaterThan(0);
});

describe("a conversation is continued", () => {
  test.each([
    ["by its header", (id: string) => [{}, { headers: { "x-conversation-id": id } }] as const],
    ["by its id in the body", (id: string) => [{ conversation: id }, {}] as const],
    ["by its id in an object", (id: string) => [{ conversation: { id } }, {}] as const],
  ])("%s, and only the newest message is new", async (_, naming) => {
    const first = await client.chat.completions.create({ model, messages: user("My name is Ada") }).withResponse();
    const id = first.response.headers.get("x-conversation-id") ?? "";
    const [body, options] = naming(id);
    const messages = [...user("forget this"), { role: "assistant" as const, content: "invented" }, ...user("Who am I?")];
    const next = await client.chat.completions.create({ model, messages, ...body } as never, options).withResponse();
    expect(next.response.headers.get("x-conversation-id")).toBe(id);
    const heard = JSON.stringify(told());
    expect(heard).toContain("My name is Ada");
    expect(heard).not.toContain("invented");
    expect(told().at(-1)).toMatchObject({ role: "user", content: "Who am I?" });
  });

  test("by its user, who has one conversation with each agent", async () => {
    const name = randomUUID();
    const once = await client.chat.completions.create({ model, messages: user("one"), user: name }).withResponse();
    const again = await client.chat.completions.create({ model, messages: user("two"), user: name }).withResponse();
    const other = await client.chat.completions.create({ model, messages: user("two"), user: `${name}x` }).withResponse();
    const ids = [once, again, other].map(({ response }) => response.headers.get("x-conversation-id"));
    expect(ids[1]).toBe(ids[0]);
    expect(ids[2]).not.toBe(ids[0]);
  });

  test("and where none is named, what was said before and the system's words are context", async () => {
    const messages = [
      { role: "system" as const, content: "Be brief." },
      ...user("I am Grace"),
      { role: "assistant" as const, content: "Hello Grace" },
      ...user("Who am I?"),
    ];
    await client.chat.completions.create({ model, messages });
    const [system] = told();
    expect(system?.role).toBe("system");
    for (const text of ["Be brief.", "user: I am Grace", "assistant: Hello Grace"]) expect(system?.content).toContain(text);
  });
});

describe("a question of the agent", () => {
  test("is its text, and the next message is its answer: the same turn goes on", async () => {
    door.system.model.script(ask, { text: "Blue it is" });
    const asked = await client.chat.completions.create({ model, messages: user("Paint it") }).withResponse();
    expect(asked.data.choices[0]).toMatchObject({ finish_reason: "stop", message: { content: "Which colour?" } });
    const id = asked.response.headers.get("x-conversation-id") ?? "";
    const answered = await client.chat.completions.create({ model, messages: user("blue") }, { headers: { "x-conversation-id": id } });
    expect(answered.id).toBe(asked.data.id);
    expect(answered.choices[0]?.message.content).toBe("Blue it is");
    expect(told().at(-1)).toMatchObject({ role: "tool", content: expect.stringContaining("blue") });
  });

  test("that is more than one question is void when something else is said", async () => {
    const two = {
      questions: [
        { id: "a", text: "Which colour?" },
        { id: "b", text: "Which size?" },
      ],
    };
    door.system.model.script({ toolCalls: [{ name: "ask_user_questions", arguments: two }] }, { text: "As you like" });
    const asked = await client.chat.completions.create({ model, messages: user("Paint it") }).withResponse();
    expect(asked.data.choices[0]?.message.content).toBe("Which colour?\n\nWhich size?");
    const id = asked.response.headers.get("x-conversation-id") ?? "";
    const answered = await client.chat.completions.create(
      { model, messages: user("never mind") },
      { headers: { "x-conversation-id": id } },
    );
    expect(answered.choices[0]?.message.content).toBe("As you like");
    expect(told().at(-1)).toMatchObject({ role: "user", content: "never mind" });
  });
});

test("a message that comes while a turn runs waits for it, and is then streamed", async () => {
  const going = Promise.withResolvers<void>();
  door.system.model.script({ text: "first", after: going.promise }, { text: "second" });
  const name = randomUUID();
  const first = client.chat.completions.create({ model, messages: user("one"), user: name });
  const before = door.system.model.journal.length;
  await expect.poll(() => door.system.model.journal.length).toBe(before + 1);
  const second = client.chat.completions.stream({ model, messages: user("two"), user: name });
  // The head comes with the acceptance: by then it is in the queue.
  await new Promise((resolve) => stream(second, resolve));
  going.resolve();
  expect((await first).choices[0]?.message.content).toBe("first");
  expect(await second.finalContent()).toBe("second");
});

/** Resolves with a stream's first chunk. */
const stream = (of: ReturnType<typeof client.chat.completions.stream>, resolve: (value: unknown) => void) => of.once("chunk", resolve);

test("whoever leaves a stream leaves the turn alone", async () => {
  door.system.model.script({ tokens: 30, delayMs: 20 });
  const leaving = new AbortController();
  const { data, response } = await client.chat.completions
    .create({ model, messages: user("Count"), stream: true }, { signal: leaving.signal })
    .withResponse();
  const id = response.headers.get("x-conversation-id") ?? "";
  for await (const chunk of data) if (chunk.choices[0]?.delta.content) break;
  leaving.abort();
  const row = async () => (await door.system.rest().call(`/v1/tasks/${id}`)).body;
  await expect.poll(row, { timeout: 15_000 }).toMatchObject({ status: "completed", result: expect.stringMatching(/t29$/) });
});

test("an attempt that begins anew behind what was said ends the stream with a failure that may be repeated, and a cursor", async () => {
  door.system.model.script({ tokens: 30, breaks: { afterChunks: 10, how: "cut" }, delayMs: 30 }, { tokens: 3 });
  const { data, response } = await client.chat.completions.create({ model, messages: user("Count"), stream: true }).withResponse();
  const failure = await failureOf(
    (async () => {
      for await (const chunk of data) expect(chunk.choices[0]?.finish_reason ?? null).toBeNull();
    })(),
  );
  expect(failure.error).toMatchObject({ code: "attempt_superseded", type: "server_error", cursor: expect.stringMatching(/^\d+-\d+$/) });
  const id = response.headers.get("x-conversation-id") ?? "";
  expect(failure.error).toMatchObject({ conversation_id: id });
  const row = async () => (await door.system.rest().call(`/v1/tasks/${id}`)).body;
  await expect.poll(row, { timeout: 15_000 }).toMatchObject({ status: "completed", result: "t0 t1 t2" });
});

test("called again under its key it begins no second turn and gives the first answer", async () => {
  door.system.model.script({ text: "only once" });
  const before = door.system.model.journal.length;
  const options = { headers: { "idempotency-key": randomUUID() } };
  const [one, two] = await Promise.all([1, 2].map(() => client.chat.completions.create({ model, messages: user("Once") }, options)));
  expect(two).toEqual(one);
  expect(await client.chat.completions.create({ model, messages: user("Once") }, options)).toEqual(one);
  expect(door.system.model.journal.length).toBe(before + 1);
  const other = await failureOf(client.chat.completions.create({ model, messages: user("Twice") }, options));
  expect([other.status, other.code, other.headers?.get("x-should-retry")]).toEqual([409, "idempotency_mismatch", "false"]);
});

test("called again under its key it begins no second turn, though the api had died before it kept its answer", async () => {
  door.system.model.script({ text: "still once" });
  const before = door.system.model.journal.length;
  const options = { headers: { "idempotency-key": randomUUID() } };
  const first = await client.chat.completions.create({ model, messages: user("Once more") }, options);
  await door.forgetKeys("openai.chat");
  expect(await client.chat.completions.create({ model, messages: user("Once more") }, options)).toEqual(first);
  expect(door.system.model.journal.length).toBe(before + 1);
});

test("called again under its key it gives the first answer, though the api had died after the text had answered a card", async () => {
  const asking = `agent/${await door.system.ours.newAgent({ mayAsk: true })}`;
  const asks = { toolCalls: [{ name: "ask_user_questions", arguments: { questions: [{ id: "q", text: "Which one?" }] } }] };
  const name = randomUUID();
  const said = (text: string, key: string) =>
    client.chat.completions.create({ model: asking, messages: user(text), user: name }, { headers: { "idempotency-key": key } });
  const keys = [randomUUID(), randomUUID()] as const;
  door.system.model.script(asks, { text: "The red one it is." });
  const asked = await said("Buy it", keys[0]);
  const answered = await said("The red one", keys[1]);
  expect([asked, answered].map(({ choices }) => choices[0]?.message.content)).toEqual(["Which one?", "The red one it is."]);
  const before = door.system.model.journal.length;
  await door.forgetKeys("openai.chat");
  // Neither the answer nor what was asked about is said again.
  expect(await said("The red one", keys[1])).toEqual(answered);
  expect((await said("Buy it", keys[0])).choices[0]?.message.content).toBe("Which one?");
  expect(door.system.model.journal).toHaveLength(before);
  const other = await failureOf(said("The blue one", keys[1]));
  expect([other.status, other.code]).toEqual([409, "idempotency_mismatch"]);
});

describe("what an agent cannot do is refused with the parameter that asks for it", () => {
  const tool = { type: "function" as const, function: { name: "f" } };
  test.each([
    ["tools", { tools: [tool] }],
    ["n", { n: 2 }],
    ["conversation", { conversation: "mine" }],
    ["messages", { messages: [{ role: "system", content: "x" }] }],
    ["messages[0].content[0].type", { messages: [{ role: "user", content: [{ type: "input_audio", input_audio: {} }] }] }],
  ])("%s", async (param, more) => {
    const error = await failureOf(client.chat.completions.create({ model, messages: user("Hi"), ...more } as never));
    expect([error.status, error.type, error.param]).toEqual([400, "invalid_request_error", param]);
  });

  test("another organization's agent and conversation are not there", async () => {
    const theirs = await door.system.newTenant("theirs");
    const foreign = await theirs.newAgent();
    const error = await failureOf(client.chat.completions.create({ model: `agent/${foreign}`, messages: user("Hi") }));
    expect([error.status, error.code, error.param]).toEqual([404, "model_not_found", "model"]);
    const { response } = await client.chat.completions.create({ model, messages: user("Hi") }).withResponse();
    const headers = { "x-conversation-id": response.headers.get("x-conversation-id") ?? "" };
    const other = await failureOf(
      client.chat.completions.create(
        { model: `agent/${foreign}`, messages: user("Hi") },
        { headers: { ...headers, authorization: `Bearer ${theirs.apiKey}` } },
      ),
    );
    expect(other.status).toBe(404);
  });
});

test("agents are listed for those who may use them", async () => {
  const ids = [];
  for await (const { id } of client.models.list()) ids.push(id);
  expect(ids).toEqual(expect.arrayContaining([model, "custom/scripted", "local/chat", "local/tts"]));
  expect(await client.models.retrieve(model)).toMatchObject({ id: model, object: "model", owned_by: "agent" });
});
