import { createClient } from "@parley/client";
import { type EventOf, foldText, isDurable, type LogEvent, NO_TEXT } from "@parley/contracts";
import { at, type RestEvent, type System, startSystem, tokenText } from "@parley/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CutReading, readCutByClient, readCutOverRest, readToRest } from "./support/cut-readers.ts";
import { durableFrames, withoutRepeats } from "./support/durable-frames.ts";
import { gatewayOf } from "./support/gateway-paths.ts";
import { isType, readUntil } from "./support/read-rest.ts";

/** Four readers of each kind, cut 25 times each: 100 points per kind. */
const SEEDS = [11, 23, 37, 59];
const CUTS = 25;
const ANSWERS = { joke: "It is funny.", count: tokenText(600), short: tokenText(40) };
const JOKE = tokenText(100);

let system: System;
let agentId: string;
let conversationId: string;
let uncut: { rest: RestEvent[]; client: LogEvent[] };
let rest: CutReading<RestEvent>[];
let sse: CutReading<LogEvent>[];
let websocket: CutReading<LogEvent>[];

beforeAll(async () => {
  system = await startSystem({ apis: 2, workers: 2 });
  const { model, ours } = system;
  const joker = await ours.newAgent({ name: "Joker", description: "Tells jokes" });
  agentId = await ours.newAgent({ name: "Router", subAgents: [{ agentId: joker as never, mode: "sync" }] });
  model.when(({ lastUserText }) => lastUserText === "a joke", { text: JOKE.split(/(?= )/), delayMs: 10 });
  model.when(({ lastUserText, body }) => lastUserText === "joke" && body.messages?.at(-1)?.role === "user", {
    text: ["Let ", "me ", "ask."],
    toolCalls: [{ name: "joker", arguments: { query: "a joke" } }],
  });
  model.when(({ lastUserText }) => lastUserText === "joke", { text: ANSWERS.joke.split(/(?= )/), delayMs: 20 });
  model.when(({ lastUserText }) => lastUserText === "count", { text: ANSWERS.count.split(/(?= )/), delayMs: 12 });
  model.when(({ lastUserText }) => lastUserText === "short", { text: ANSWERS.short.split(/(?= )/), delayMs: 10 });

  const gateway = gatewayOf(system.rest(), agentId);
  const started = gateway.stream("joke");
  conversationId = (await readUntil(started, isType("task_created"))).at(-1)?.taskId ?? "";
  for (const text of ["count", "short"]) await gateway.message(conversationId, { text });

  const client = createClient({ url: system.apis[0]?.url ?? "", apiKey: ours.apiKey });
  const reading = (seed: number) => ({ system, agentId, conversationId, seed, cutsMax: CUTS });
  const [uncutRest, uncutClient, ...cut] = await Promise.all([
    readCutOverRest({ ...reading(0), cutsMax: 0 }),
    readToRest(client, conversationId),
    Promise.all(SEEDS.map((seed) => readCutOverRest(reading(seed)))),
    Promise.all(SEEDS.map((seed) => readCutByClient(reading(seed), "sse"))),
    Promise.all(SEEDS.map((seed) => readCutByClient(reading(seed), "websocket"))),
  ]);
  uncut = { rest: uncutRest.events, client: uncutClient };
  [rest, sse, websocket] = cut;
  await started.return();
});
afterAll(() => system.close());

const durable = (events: LogEvent[]): LogEvent[] => events.filter(({ type }) => isDurable(type) && type !== "turn.snapshot");

const freshFrames = (events: RestEvent[]): RestEvent[] => durableFrames(withoutRepeats(events));

describe("a reader that is never cut", () => {
  test("is told all three turns, the dispatched child and every token", () => {
    const ends = uncut.client.filter((event): event is EventOf<"turn.completed"> => event.type === "turn.completed");
    expect(ends.map(({ data }) => data.result)).toEqual([ANSWERS.joke, ANSWERS.count, ANSWERS.short]);
    const said = uncut.client.flatMap((event) => (event.type === "turn.delta" ? [event.data.text] : [])).join("");
    expect(said).toBe(["Let me ask.", JOKE, ANSWERS.joke, ANSWERS.count, ANSWERS.short].join(""));
    const chunks = uncut.rest.flatMap(({ type, data }) => (type === "chunk" ? [String(data)] : [])).join("");
    expect(chunks).toBe(said);
    expect(uncut.client.filter(({ type }) => type === "turn.snapshot")).toEqual([]);
  });
});

describe.each([
  ["server-sent events", () => sse],
  ["WebSocket", () => websocket],
])("the typed client over %s, cut at 100 random points", (_, readings) => {
  test("has the durable events and cursors of a reader that is never cut", () => {
    for (const { events, cuts } of readings()) {
      expect(cuts).toBe(CUTS);
      expect(durable(events)).toEqual(durable(uncut.client));
      const cursors = events.map(({ cursor }) => cursor);
      expect(new Set(cursors).size).toBe(cursors.length);
    }
  });

  test("folds the same text, and never one with a hole", () => {
    for (const { events } of readings()) expectSameText(events);
  });
});

describe("a reader over REST, cut at 100 random points", () => {
  test("has the durable events and cursors of a reader that is never cut", () => {
    for (const { events, cuts } of rest) {
      expect(cuts).toBe(CUTS);
      expect(freshFrames(events)).toEqual(freshFrames(uncut.rest));
    }
  });

  test("folds the same text, and never one with a hole", () => {
    for (const { events } of rest) expectSameRestText(events);
  });
});

test("a reader over REST that comes back after all is over, wherever it stopped, is told the rest as if it had stayed", async () => {
  const stops = [...new Set(freshFrames(uncut.rest).map(({ id }) => id))].slice(0, -1);
  for (const stop of stops) {
    const told = gatewayOf(system.rest(1), agentId).events(conversationId, stop);
    const isEnd = (event: RestEvent) => event.type === "turn_finished" && at(event.data, "more") === false;
    const rest = (await readUntil(told, isEnd)).slice(1);
    await told.return();
    // The first frame under a cursor is the fact itself; one that follows it announces the next fact.
    const stayed = uncut.rest.slice(uncut.rest.findIndex(({ id }) => id === stop) + 1);
    expect(freshFrames(rest)).toEqual(freshFrames(stayed));
  }
});

/** At every event the open text is the beginning of what the step said in the end; so is each answer. */
function expectSameText(events: LogEvent[]): void {
  const steps = [JOKE, ...Object.values(ANSWERS), "Let me ask."];
  let state = NO_TEXT;
  const answers: (string | null)[] = [];
  for (const event of events) {
    state = foldText(state, event);
    for (const { text } of Object.values(state.open)) expect(steps.some((step) => step.startsWith(text))).toBe(true);
    if (event.type === "turn.completed") answers.push(state.answer);
  }
  expect(answers).toEqual(Object.values(ANSWERS));
}

function expectSameRestText(events: RestEvent[]): void {
  const steps = [JOKE, ...Object.values(ANSWERS), "Let me ask."];
  const open = new Map<string, string>();
  const answers: unknown[] = [];
  for (const { type, taskId, data } of events) {
    if (type === "chunk") open.set(taskId, (open.get(taskId) ?? "") + String(data));
    if (type === "snapshot")
      for (const { task_id, text } of at(data, "texts") as { task_id: string; text: string }[]) open.set(task_id, text);
    if (type === "tool_call_request" || type === "task_created") open.delete(taskId);
    if (type === "task_finished") answers.push(at(data, "result"));
    for (const text of open.values()) expect(steps.some((step) => step.startsWith(text))).toBe(true);
    if (type === "task_finished") open.clear();
  }
  expect(answers).toEqual(Object.values(ANSWERS));
}
