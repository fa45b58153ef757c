import type { AgentId } from "@parley/contracts";
import { collectUntil, openWorld, typesOf, untilRest, type World } from "@parley/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

const leaving = () => new AbortController().signal;
const route = { route: "test" };

test("a message becomes a turn whose every token reaches the follower, and the answer is kept", async () => {
  const agent = await world.agent();
  world.model.script({ tokens: 40, delayMs: 2 });
  const { events, submitted, execution } = await world.gateway.submitAndFollow(world.caller, world.input(agent, "Hello"), {
    ...route,
    signal: leaving(),
  });
  expect(submitted).toMatchObject({ action: "started", position: 0, queueDepth: 0, replayed: false });
  expect(execution).toMatchObject({ id: submitted.conversationId, status: "pending", input: { text: "Hello", files: [] } });
  const seen = await untilRest(events);
  const deltas = seen.filter((event) => event.type === "turn.delta");
  const whole = Array.from({ length: 40 }, (_, index) => `t${index}`).join(" ");
  expect(deltas.map((event) => event.data.text).join("")).toBe(whole);
  expect(typesOf(seen).filter((type) => type !== "turn.delta")).toEqual(["turn.created", "turn.started", "turn.completed"]);
  expect(await world.gateway.getExecution(world.caller, submitted.conversationId)).toMatchObject({ status: "completed", result: whole });
});

test("messages sent while a turn runs wait in line and run one after the other", async () => {
  const agent = await world.agent();
  const { promise: bothWait, resolve: goOn } = Promise.withResolvers<void>();
  world.model.when(
    ({ lastUserText }) => lastUserText.startsWith("line "),
    ({ lastUserText }) => ({ text: [`answer to ${lastUserText}`], after: bothWait }),
  );
  const first = await world.gateway.submitAndFollow(world.caller, world.input(agent, "line 1"), { ...route, signal: leaving() });
  const { conversationId } = first.submitted;
  const more = [];
  for (const text of ["line 2", "line 3"]) {
    more.push(
      await world.gateway.submitMessage(world.caller, world.input(agent, text, { conversationId: conversationId as never }), route),
    );
  }
  expect(more).toMatchObject([
    { action: "queued", position: 1 },
    { action: "queued", position: 2 },
  ]);
  goOn();
  const seen = await untilRest(first.events);
  expect(seen.filter((event) => event.type === "turn.completed").map((event) => event.data.result)).toEqual([
    "answer to line 1",
    "answer to line 2",
    "answer to line 3",
  ]);
  expect(seen.filter((event) => event.type === "queue.updated" && event.data.action === "drain")).toHaveLength(2);
});

test("a sync child runs inside its parent's turn and its text is forwarded", async () => {
  const joker = await world.agent({ name: "Joker", description: "Tells jokes" });
  const router = await world.agent({ name: "Router", subAgents: [{ agentId: joker.id as AgentId, mode: "sync" }] });
  world.model.script(
    { toolCalls: [{ name: "joker", arguments: { query: "one about cats" } }] },
    { text: ["A cat ", "walks in."] },
    { text: ["It said: A cat walks in."] },
  );
  const { events, submitted } = await world.gateway.submitAndFollow(world.caller, world.input(router, "joke"), {
    ...route,
    signal: leaving(),
  });
  const seen = await untilRest(events);
  expect(typesOf(seen).filter((type) => type !== "turn.delta")).toEqual([
    "turn.created",
    "turn.started",
    "step.completed",
    "tool.called",
    "child.created",
    "child.finished",
    "tool.returned",
    "turn.completed",
  ]);
  const view = await world.gateway.getConversation(world.caller, { conversationId: submitted.conversationId });
  expect(view.children).toMatchObject([
    { execution: { status: "completed", result: "A cat walks in.", mode: "sync", parentId: submitted.conversationId } },
  ]);
  expect(view.usage.modelCalls).toBe(3);
});

test("an async child answers at once with its id, and its result reaches the root's log later", async () => {
  const slow = await world.agent({ name: "Slow" });
  const router = await world.agent({ name: "Router", subAgents: [{ agentId: slow.id as AgentId, mode: "async" }] });
  world.model.when(({ lastUserText }) => lastUserText === "dig", { text: ["found it"], firstDelayMs: 150 });
  world.model.script({ toolCalls: [{ name: "slow", arguments: { query: "dig" } }] });
  const { events, submitted } = await world.gateway.submitAndFollow(world.caller, world.input(router, "go"), {
    ...route,
    signal: leaving(),
  });
  const seen = await collectUntil(events, (event) => event.type === "child.finished");
  expect(typesOf(seen).indexOf("turn.completed")).toBeLessThan(typesOf(seen).indexOf("child.finished"));
  const view = await world.gateway.getConversation(world.caller, { conversationId: submitted.conversationId });
  expect(view.children).toMatchObject([{ execution: { status: "completed", result: "found it", mode: "async" } }]);
});

test("stop ends a running turn, keeps what was said and holds the queue", async () => {
  const agent = await world.agent();
  world.model.script({ tokens: 2_000, delayMs: 5 });
  const { events, submitted } = await world.gateway.submitAndFollow(world.caller, world.input(agent, "count"), {
    ...route,
    signal: leaving(),
  });
  const { conversationId, turnId } = submitted;
  await world.gateway.submitMessage(world.caller, world.input(agent, "next", { conversationId: conversationId as never }), route);
  let stopped = false;
  const seen = await collectUntil(events, (event) => {
    if (event.type === "turn.delta" && !stopped) {
      stopped = true;
      void world.otherGateway.stopConversation(world.caller, { conversationId, turnId, clearQueue: false });
    }
    return event.type === "turn.stopped";
  });
  const end = seen.at(-1);
  expect(end).toMatchObject({ type: "turn.stopped", data: { reason: "user_stop", more: false } });
  expect(await world.gateway.getRunState(world.caller, conversationId)).toMatchObject({
    state: "idle",
    held: true,
    queueDepth: 1,
    status: "stopped",
  });
  const call = world.model.journal.at(-1);
  await expect.poll(() => call?.socketClosedAtMs).not.toBeNull();
  expect(call?.tokensSent).toBeLessThan(2_000);
  // The next explicit action lets the queue go on.
  expect(await world.gateway.drainConversation(world.caller, conversationId)).toMatchObject({ action: "draining" });
  await expect.poll(async () => (await world.gateway.getRunState(world.caller, conversationId)).queueDepth).toBe(0);
});
