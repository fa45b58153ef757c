import { type EventData, type FoldedText, foldText, LIMITS, type LogEvent, NO_TEXT } from "@parley/contracts";
import { openWorld, tokenText, untilRest, type World } from "@parley/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { start } from "./testing/start.ts";

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

/** Runs one turn to its end. */
async function run(agent: { id: string }, text = "hello") {
  const before = world.model.journal.length;
  const { events, submitted } = await start(world, agent, text);
  const seen = await untilRest(events);
  return { seen, end: seen.at(-1), calls: world.model.journal.slice(before), ...submitted };
}

function dataOf<Type extends LogEvent["type"]>(events: LogEvent[], type: Type): EventData[Type][] {
  return events.flatMap((event) => (event.type === type ? [event.data as EventData[Type]] : []));
}

/** What a client shows after each event. */
const shown = (events: LogEvent[], executionId: string): string[] => {
  let state: FoldedText = NO_TEXT;
  return events.map((event) => {
    state = foldText(state, event);
    return state.open[executionId]?.text ?? "";
  });
};

test("a provider that asks for time is given it, and each retry is an event", async () => {
  const agent = await world.agent();
  world.model.script({ status: 429, retryAfter: "1" }, { text: ["at last"] });
  const { seen, end, calls } = await run(agent);
  expect(dataOf(seen, "model.retried")).toMatchObject([{ model: "test/scripted", retry: 1, error: "model_unavailable" }]);
  expect(dataOf(seen, "model.retried")[0]?.delayMs).toBeGreaterThanOrEqual(1_000);
  expect((calls[1]?.atMs ?? 0) - (calls[0]?.atMs ?? 0)).toBeGreaterThanOrEqual(950);
  expect(end).toMatchObject({ type: "turn.completed", data: { result: "at last" } });
});

test("server errors are tried again a bounded number of times; then the turn fails with a reason, not in silence", async () => {
  const agent = await world.agent();
  world.model.script(...Array.from({ length: LIMITS.modelRetriesMax + 1 }, () => ({ status: 500 })));
  const { seen, end, calls, conversationId } = await run(agent);
  expect(calls).toHaveLength(LIMITS.modelRetriesMax + 1);
  expect(dataOf(seen, "model.retried").map((data) => data.retry)).toEqual([1, 2, 3]);
  expect(end).toMatchObject({ type: "turn.failed", data: { status: "error", reason: "model_unavailable", result: null } });
  expect(await world.gateway.getExecution(world.caller, conversationId)).toMatchObject({ status: "error", reason: "model_unavailable" });
  // Nothing came back, so nothing was used.
  expect(await world.sql.owner`select from usage_records where conversation_id = ${conversationId}`).toHaveLength(0);
}, 60_000);

test("a response that breaks off is retracted before the next try, and its text never mixes with the next one's", async () => {
  const agent = await world.agent();
  for (const how of ["cut", "malformed", "error"] as const) {
    world.model.script({ tokens: 50, delayMs: 2, breaks: { afterChunks: 30, how } }, { tokens: 40, delayMs: 1 });
    const { seen, end, conversationId, turnId } = await run(agent, how);
    const firstDelta = seen.find((event) => event.type === "turn.delta");
    expect(dataOf(seen, "attempt.superseded"), how).toEqual([
      { attempt: 1, nextAttempt: 1, discardFrom: firstDelta?.cursor, reason: "upstream" },
    ]);
    expect(shown(seen.slice(0, -1), conversationId).at(-1)).toBe(tokenText(40));
    for (const text of shown(seen, conversationId)) expect(tokenText(50).startsWith(text)).toBe(true);
    expect(end).toMatchObject({ data: { result: tokenText(40) } });
    // The first try was used, too: its tokens are counted by us and say so.
    const lines = await world.sql.owner`select try, estimated from usage_records where turn_id = ${turnId} order by try`;
    expect(lines).toEqual([
      { try: 0, estimated: true },
      { try: 1, estimated: false },
    ]);
  }
});

test("one child's broken response does not touch the text of the others", async () => {
  const leaf = await world.agent({ name: "Leaf" });
  const router = await world.agent({ name: "Router", subAgents: [{ agentId: leaf.id as never, mode: "sync" }] });
  world.model.when(({ lastUserText }) => lastUserText === "whole", { tokens: 200, delayMs: 3 });
  let tries = 0;
  world.model.when(
    ({ lastUserText }) => lastUserText === "broken",
    () => {
      tries += 1;
      return tries === 1 ? { tokens: 60, delayMs: 3, breaks: { afterChunks: 40, how: "cut" } } : { tokens: 30 };
    },
  );
  world.model.script({
    toolCalls: ["whole", "broken"].map((query) => ({ id: query, name: "leaf", arguments: { query } })),
  });
  const { seen } = await run(router, "keep this");
  const [whole, broken] = dataOf(seen, "child.created").map((child) => child.childId);
  const superseded = seen.filter((event) => event.type === "attempt.superseded");
  expect(superseded.map((event) => event.executionId)).toEqual([broken]);
  const texts = shown(seen, whole ?? "");
  const before = texts[seen.findIndex((event) => event.type === "attempt.superseded") - 1];
  expect(texts[seen.findIndex((event) => event.type === "attempt.superseded")]).toBe(before);
  expect(
    dataOf(seen, "child.finished")
      .map((child) => child.result?.length)
      .sort(),
  ).toEqual([tokenText(200).length, tokenText(30).length].sort());
});

test("where a provider counts nothing, we count, and the figures say that they are ours", async () => {
  const agent = await world.agent();
  world.model.script({ tokens: 40, usage: null });
  const { end, turnId } = await run(agent, "x".repeat(400));
  expect(end).toMatchObject({ data: { usage: { modelCalls: 1, estimated: true } } });
  const [line] = await world.sql.owner<{ input_tokens: number; output_tokens: number }[]>`
    select input_tokens::int, output_tokens::int from usage_records where turn_id = ${turnId} and estimated`;
  expect(line?.input_tokens).toBeGreaterThanOrEqual(100);
  expect(line?.output_tokens).toBe(Math.ceil(tokenText(40).length / 4));
});

test("fallback models are asked in order, and each change is an event", async () => {
  const agent = await world.agent({ fallbackModels: ["test/second", "test/third"] });
  world.model.script(...Array.from({ length: LIMITS.modelRetriesMax + 1 }, () => ({ status: 503 })), { status: 400 }, { text: ["third"] });
  const { seen, end, calls } = await run(agent);
  expect(dataOf(seen, "model.fell_back")).toEqual([
    { from: "test/scripted", to: "test/second", error: "model_unavailable" },
    { from: "test/second", to: "test/third", error: "model_rejected" },
  ]);
  expect(calls.map((call) => call.body.model)).toEqual([...Array(LIMITS.modelRetriesMax + 1).fill("scripted"), "second", "third"]);
  expect(end).toMatchObject({ type: "turn.completed", data: { result: "third" } });
}, 60_000);

test("a request that the provider refuses is not sent again", async () => {
  const agent = await world.agent();
  world.model.script({ status: 400 });
  const { end, calls } = await run(agent);
  expect(calls).toHaveLength(1);
  expect(end).toMatchObject({ type: "turn.failed", data: { status: "failed", reason: "model_rejected" } });
});

test("what was said before every model failed is kept with the failure", async () => {
  const agent = await world.agent();
  world.model.script(...Array.from({ length: LIMITS.modelRetriesMax }, () => ({ status: 500 })), {
    tokens: 20,
    delayMs: 1,
    breaks: { afterChunks: 12, how: "cut" as const },
  });
  const { end } = await run(agent);
  expect(end).toMatchObject({ type: "turn.failed", data: { reason: "model_unavailable", result: tokenText(12) } });
}, 60_000);

test("an answer longer than the bound ends the turn and closes the model's socket", async () => {
  const agent = await world.agent();
  const piece = "x".repeat(65_536);
  world.model.script({ text: Array.from({ length: 40 }, () => piece), delayMs: 5 });
  const { end, calls } = await run(agent);
  expect(end).toMatchObject({ type: "turn.failed", data: { status: "failed", reason: "answer_too_long" } });
  expect(calls).toHaveLength(1);
  await expect.poll(() => calls[0]?.socketClosedAtMs).not.toBeNull();
  expect(calls[0]?.tokensSent).toBeLessThan(40);
});

test("a model that never stops calling ends at the agent's bound of steps", async () => {
  const leaf = await world.agent({ name: "Leaf" });
  const router = await world.agent({ stepsMax: 3, subAgents: [{ agentId: leaf.id as never, mode: "sync" }] });
  world.model.when(({ body }) => (body.tools?.length ?? 0) > 1, { toolCalls: [{ name: "leaf", arguments: { query: "again" } }] });
  const { seen, end } = await run(router, "keep this");
  expect(dataOf(seen, "step.completed").filter((step) => step.calls.length > 0)).toHaveLength(3);
  expect(end).toMatchObject({ type: "turn.failed", data: { status: "failed", reason: "steps_exhausted" } });
});

test("calls with malformed arguments, unknown names or none at all are results that the model reads", async () => {
  const leaf = await world.agent({ name: "Leaf" });
  const router = await world.agent({ name: "Router", subAgents: [{ agentId: leaf.id as never, mode: "sync" }], temperature: 0.5 });
  world.model.script(
    {
      toolCalls: [
        { id: "a", name: "leaf", arguments: '{"query": "half' },
        { id: "b", name: "leaf", arguments: { wrong: true } },
        { id: "c", name: "__proto__", arguments: { query: "x" } },
      ],
    },
    { text: ["sorry"] },
  );
  const { seen, end, calls } = await run(router, "keep this");
  expect(dataOf(seen, "tool.returned")).toMatchObject([
    { callId: "a", isError: true, result: "The arguments are not valid JSON." },
    { callId: "b", isError: true, result: expect.stringContaining("do not fit the schema") },
    { callId: "c", isError: true, result: "There is no tool __proto__." },
  ]);
  expect(calls[1]?.body.messages?.slice(-3).map((message) => message.tool_call_id)).toEqual(["a", "b", "c"]);
  expect(end).toMatchObject({ type: "turn.completed", data: { result: "sorry" } });
});

test("what a model says that cannot be kept is replaced: NUL, half a character, arguments of any depth; the turn goes on", async () => {
  const deep = `${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}`;
  const leaf = await world.agent({ name: "Leaf" });
  const router = await world.agent({ mayAsk: false, subAgents: [{ agentId: leaf.id as never, mode: "sync" }] });
  const complaints = world.complaints.length;
  world.model.otherwise({ text: ["done\0"] });
  for (const given of ['{"query":"a\\u0000b"}', '{"query":"\\ud83d"}', deep, "\0"]) {
    world.model.script({ text: ["one\0two \ud83d"], toolCalls: [{ name: "leaf", arguments: given }] });
    const { seen, end } = await run(router);
    expect(end).toMatchObject({ type: "turn.completed", data: { result: "done\uFFFD" } });
    expect(dataOf(seen, "step.completed")[0]).toMatchObject({ text: "one\uFFFDtwo \uFFFD" });
  }
  expect(world.complaints.slice(complaints)).toEqual([]);
});
