import { once } from "node:events";
import { type System, startReplica, startSystem, tokenText } from "@parley/testkit";
import OpenAI from "openai";
import { ResponsesWS } from "openai/resources/responses/ws";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";

let system: System;
const MODEL = "custom/scripted";

beforeAll(async () => {
  system = await startSystem();
  system.model.otherwise({ text: ["Hello ", "there."] });
});
afterAll(() => system?.close());

type Message = Record<string, unknown> & { type: string };
const TERMINAL = new Set(["error", "response.completed", "response.failed", "response.incomplete"]);

async function open(apiKey = system.ours.apiKey, api = system.apis[0]?.url) {
  const url = `${api?.replace("http", "ws")}/v1/responses`;
  const socket = new WebSocket(url, { headers: { authorization: `Bearer ${apiKey}` } });
  const messages: Message[] = [];
  socket.on("message", (data) => messages.push(JSON.parse(String(data))));
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  const send = (message: object) => socket.send(JSON.stringify(message));
  let ends = 0;
  /** The next turn: all its messages up to the one that ends it. */
  const turn = async (message?: object): Promise<Message[]> => {
    if (message !== undefined) send({ type: "response.create", model: MODEL, ...message });
    const from = ends;
    await expect.poll(() => messages.findIndex(({ type }, index) => index >= from && TERMINAL.has(type)), { timeout: 10_000 }).not.toBe(-1);
    ends = messages.findIndex(({ type }, index) => index >= from && TERMINAL.has(type)) + 1;
    return messages.slice(from, ends);
  };
  return { socket, send, turn, messages };
}
const idOf = (turn: Message[]): string => String((turn.at(-1)?.response as { id: string }).id);
const errorOf = (turn: Message[]) => (turn.at(-1) as Message & { error: { code: string } }).error.code;
const call = { type: "function_call_output", call_id: "call_none", output: "x" };

test("a socket makes responses in the order they were asked for, each numbered from 0, and goes on from what it remembers", async () => {
  const { send, turn, socket, messages } = await open();
  send({ type: "response.create", model: MODEL, input: "one", stream: true, store: false });
  send({ type: "response.create", model: MODEL, input: "two", store: false });
  const [one, two] = [await turn(), await turn()];
  for (const events of [one, two]) {
    expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, index) => index));
    expect(events[0]?.type).toBe("response.created");
    expect(events.at(-1)?.type).toBe("response.completed");
  }
  const three = await turn({ input: "three", store: false, previous_response_id: idOf(two) });
  expect(three.at(-1)?.type).toBe("response.completed");
  expect((system.model.journal.at(-1)?.body.messages ?? []).map(({ content }) => content)).toEqual(["two", "Hello there.", "three"]);
  // Only the newest is remembered.
  expect(errorOf(await turn({ input: "again", store: false, previous_response_id: idOf(one) }))).toBe("previous_response_not_found");
  expect(messages.some(({ type }) => type === undefined)).toBe(false);
  socket.close();
});

test("a turn that fails forgets what it went on from, and another socket never knew it", async () => {
  const { turn, socket } = await open();
  const first = idOf(await turn({ input: "Hi", store: false }));
  const other = await open();
  expect(errorOf(await other.turn({ input: "Hi", store: false, previous_response_id: first }))).toBe("previous_response_not_found");
  expect((await other.turn({ input: "clean", store: false })).at(-1)?.type).toBe("response.completed");
  expect((await turn({ input: [call], store: false, previous_response_id: first })).map(({ type }) => type)).toEqual(["error"]);
  expect(errorOf(await turn({ input: "Hi", store: false, previous_response_id: first }))).toBe("previous_response_not_found");
  socket.close();
  other.socket.close();
});

test("a stored response is gone on from on another socket, and one can be prepared without an answer", async () => {
  const { turn, socket } = await open();
  const asked = system.model.journal.length;
  const prepared = await turn({ input: "Remember me", generate: false });
  expect(prepared.map(({ type }) => type)).toEqual(["response.created", "response.in_progress", "response.completed"]);
  expect(system.model.journal).toHaveLength(asked);
  socket.close();
  const other = await open();
  expect((await other.turn({ input: "Who?", previous_response_id: idOf(prepared) })).at(-1)?.type).toBe("response.completed");
  expect((system.model.journal.at(-1)?.body.messages ?? []).map(({ content }) => content)).toEqual(["Remember me", "Who?"]);
  other.socket.close();
});

test("a model that breaks off ends its turn with one message, and the socket goes on", async () => {
  const { turn, socket, messages } = await open();
  system.model.script({ text: ["half"], breaks: { afterChunks: 1, how: "cut" } });
  const broken = await turn({ input: "x", store: false });
  expect(broken.filter(({ type }) => TERMINAL.has(type)).map(({ type }) => type)).toEqual(["response.failed"]);
  expect((await turn({ input: "y", store: false })).at(-1)?.type).toBe("response.completed");
  expect(messages.filter(({ type }) => TERMINAL.has(type))).toHaveLength(2);
  socket.close();
});

test("what is no message is answered as an error and the socket stays; a bad key is refused before the handshake", async () => {
  const { socket, send, turn } = await open();
  socket.send("{");
  expect(errorOf(await turn())).toBe("invalid_json");
  send({ type: "response.steer" });
  expect(errorOf(await turn())).toBe("steering_not_supported");
  send({ type: "response.other" });
  expect(errorOf(await turn())).toBe("unknown_message_type");
  expect((await turn({ input: "x" })).at(-1)?.type).toBe("response.completed");
  socket.close();
  await expect(open("wrong")).rejects.toThrow("401");
});

test("a socket that is open for as long as one may be says so and closes, also in the middle of a response", async () => {
  const api = await startReplica("api", { ...system.environment, LIMIT_RESPONSE_SOCKET_MS: "1000" });
  try {
    system.model.script({ text: ["half"], breaks: { afterChunks: 1, how: "hang" } });
    const idle = await open(system.ours.apiKey, api.url);
    const busy = await open(system.ours.apiKey, api.url);
    const closed = [idle, busy].map(({ socket }) => once(socket, "close"));
    busy.send({ type: "response.create", model: MODEL, input: "x", store: false });
    const codes = (await Promise.all(closed)).map(([code]) => code);
    expect(codes).toEqual([1001, 1001]);
    for (const { messages } of [idle, busy]) {
      const last = messages.at(-1) as Message & { status: number; error: object };
      expect(last).toMatchObject({ type: "error", error: { code: "websocket_connection_limit_reached" } });
      expect(messages.filter(({ type }) => TERMINAL.has(type))).toHaveLength(1);
    }
    // Nobody reads it any more: the model's socket is closed, too.
    await expect.poll(() => system.model.journal.at(-1)?.socketClosedAtMs, { timeout: 10_000 }).not.toBeNull();
  } finally {
    await api.close();
  }
});

const userTexts = (): unknown[] =>
  (system.model.journal.at(-1)?.body.messages ?? []).filter(({ role }) => role === "user").map(({ content }) => content);
const turnText = (turn: Message[]): string =>
  turn.flatMap(({ type, delta }) => (type === "response.output_text.delta" ? [String(delta)] : [])).join("");

test("an agent's turn is told over a socket, and goes on by the response before it, stored or not, and in a conversation of items", async () => {
  const model = `agent/${await system.ours.newAgent()}`;
  const { turn, socket } = await open();
  const first = await turn({ model, input: "one", store: false });
  expect(first.map(({ sequence_number }) => sequence_number)).toEqual(first.map((_, index) => index));
  expect(first[0]?.type).toBe("response.created");
  expect(first.at(-1)).toMatchObject({ type: "response.completed", response: { model, status: "completed" } });
  expect(turnText(first)).toBe("Hello there.");
  const second = await turn({ model, input: "two", store: false, previous_response_id: idOf(first) });
  expect(second.at(-1)?.type).toBe("response.completed");
  expect(userTexts()).toEqual(["one", "two"]);
  const stored = await turn({ model, input: "uno" });
  socket.close();
  // Another socket goes on from what is stored, and HTTP has it.
  const other = await open();
  expect((await other.turn({ model, input: "due", previous_response_id: idOf(stored) })).at(-1)?.type).toBe("response.completed");
  expect(userTexts()).toEqual(["uno", "due"]);
  expect(errorOf(await other.turn({ model, input: "x", previous_response_id: idOf(second) }))).toBe("previous_response_not_found");
  const openai = new OpenAI({ baseURL: `${system.apis[0]?.url}/v1`, apiKey: system.ours.apiKey, maxRetries: 0 });
  expect((await openai.responses.retrieve(idOf(stored))).output_text).toBe("Hello there.");
  const conversation = await openai.conversations.create({});
  await other.turn({ model, input: "a", conversation: conversation.id });
  await other.turn({ model, input: "b", conversation: conversation.id });
  expect(userTexts()).toEqual(["a", "b"]);
  expect(errorOf(await other.turn({ model, input: "x", generate: false }))).toBe("unsupported_value");
  expect(errorOf(await other.turn({ model: `agent/${crypto.randomUUID()}`, input: "x" }))).toBe("model_not_found");
  other.socket.close();
});

test("an agent's question ends its response on a socket, and the next message answers it", async () => {
  const model = `agent/${await system.ours.newAgent({ mayAsk: true })}`;
  const { turn, socket } = await open();
  system.model.script({ toolCalls: [{ name: "ask_user_questions", arguments: { questions: [{ id: "q", text: "Which one?" }] } }] });
  const asked = await turn({ model, input: "Buy it" });
  expect(asked.at(-1)).toMatchObject({ type: "response.incomplete", response: { incomplete_details: { reason: "awaiting_input" } } });
  expect(turnText(asked)).toContain("Which one?");
  const answered = await turn({ model, input: "The red one", previous_response_id: idOf(asked) });
  expect(answered.at(-1)?.type).toBe("response.completed");
  expect(JSON.stringify(system.model.journal.at(-1)?.body.messages)).toContain("The red one");
  socket.close();
});

test("a socket that closes in the middle of an agent's turn ends neither the turn nor its stored response", async () => {
  const model = `agent/${await system.ours.newAgent()}`;
  const { send, messages, socket } = await open();
  system.model.script({ tokens: 40, delayMs: 20 });
  send({ type: "response.create", model, input: "count" });
  await expect.poll(() => messages.some(({ type }) => type === "response.output_text.delta"), { timeout: 10_000 }).toBe(true);
  const { id } = messages[0]?.response as { id: string };
  socket.terminate();
  const openai = new OpenAI({ baseURL: `${system.apis[0]?.url}/v1`, apiKey: system.ours.apiKey, maxRetries: 0 });
  await expect.poll(async () => (await openai.responses.retrieve(id)).status, { timeout: 10_000 }).toBe("completed");
  expect((await openai.responses.retrieve(id)).output_text).toBe(tokenText(40));
});

test("the client of OpenAI talks to models and agents over its own socket", async () => {
  const openai = new OpenAI({ baseURL: `${system.apis[0]?.url}/v1`, apiKey: system.ours.apiKey, maxRetries: 0 });
  const socket = new ResponsesWS(openai);
  const failed: unknown[] = [];
  socket.on("error", (error) => failed.push(error));
  let previous: string | null = null;
  for (const model of [MODEL, `agent/${await system.ours.newAgent()}`]) {
    const done = new Promise<OpenAI.Responses.Response>((resolve) => {
      socket.on("response.completed", ({ response }) => resolve(response));
    });
    socket.send({ type: "response.create", model, input: "Hi", previous_response_id: previous });
    const response = await done;
    expect(response.model).toBe(model);
    expect(response.output).toMatchObject([{ type: "message", content: [{ text: "Hello there." }] }]);
    previous = response.id;
  }
  socket.close();
  expect(failed).toEqual([]);
});
