import { type Agent, LIMITS, type LogEvent } from "@parley/contracts";
import { collectUntil, openWorld, type Reply, tokenText, untilRest, type World } from "@parley/testkit";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { ends, isEnd, logUntil, routerOver, start, stateOf, submit } from "./testing/start.ts";

let world: World;
let leaf: Agent;
beforeAll(async () => {
  world = await openWorld({ concurrency: 50 });
  leaf = await world.agent({ name: "Leaf" });
});
afterAll(() => world.close());
beforeEach(() => world.model.otherwise({ tokens: 3 }));

const call = (name: string, query = "work") => ({ name, arguments: { query } });
const calling = (count: number, name = "leaf"): Reply => ({
  toolCalls: Array.from({ length: count }, (_, index) => ({ ...call(name, `work ${index}`), id: `c${index}` })),
});
const toolResults = (events: LogEvent[]) => events.flatMap((event) => (event.type === "tool.returned" ? [event.data] : []));
const childEnds = (events: LogEvent[]) => events.flatMap((event) => (event.type === "child.finished" ? [event.data] : []));

test("two hundred parents that each wait for three children finish on one worker of fifty slots", async () => {
  const router = await routerOver(world, [leaf], "sync");
  world.model.when(({ body }) => body.messages?.at(-1)?.role === "user" && lastText(body) === "fan out", calling(3));
  world.model.when(({ body }) => hears(body, "fan out"), { text: ["all three"] });
  const parents = await Promise.all(Array.from({ length: 200 }, () => submit(world, router, "fan out")));
  for (const { conversationId, turnId } of parents) {
    const execution = await world.gateway.awaitTurn(world.caller, {
      conversationId,
      turnId,
      waitMs: 60_000,
      signal: new AbortController().signal,
    });
    expect(execution).toMatchObject({ status: "completed", result: "all three" });
    expect(execution.finishedChildIds).toHaveLength(3);
  }
  expect(world.complaints).toEqual([]);
}, 120_000);

/** Whether anything in the conversation says exactly that. */
const hears = (body: { messages?: { content: unknown }[] }, text: string) =>
  body.messages?.some((message) => message.content === text) ?? false;
const lastText = (body: { messages?: { content: unknown }[] }) => body.messages?.at(-1)?.content;
/** What a root says behind its call, which its background child does not wait for: whoever asks first, it is not the child's answer. */
const thenSays = (asked: string, reply: Reply) =>
  world.model.when(({ body, lastUserText }) => lastUserText === asked && body.messages?.at(-1)?.role === "tool", reply);

test("calls beyond what a step may hold are refused as tool results, and the turn goes on", async () => {
  const router = await routerOver(world, [leaf], "sync");
  world.model.script(calling(LIMITS.callsPerStepMax + 2));
  const { events } = await start(world, router, "broad");
  const broad = await untilRest(events);
  const refused = toolResults(broad).filter((result) => result.isError);
  expect(refused.map((result) => result.result)).toEqual(Array(2).fill(`At most ${LIMITS.callsPerStepMax} calls may be made at once.`));
  expect(childEnds(broad)).toHaveLength(LIMITS.callsPerStepMax);
  expect(broad.at(-1)).toMatchObject({ type: "turn.completed" });
});

test("a turn starts only so many children, however its model spreads them over its steps", async () => {
  const router = await routerOver(world, [leaf], "sync");
  let steps = 0;
  world.model.when(
    ({ body }) => hears(body, "many"),
    () => {
      steps += 1;
      return steps <= LIMITS.childrenPerTurnMax / LIMITS.callsPerStepMax + 1 ? calling(LIMITS.callsPerStepMax) : { text: ["enough"] };
    },
  );
  const { events } = await start(world, router, "many");
  const seen = await untilRest(events);
  expect(childEnds(seen)).toHaveLength(LIMITS.childrenPerTurnMax);
  const refused = toolResults(seen).filter((result) => result.isError);
  expect(refused.map((result) => result.result)).toEqual(
    Array(LIMITS.callsPerStepMax).fill(`A turn may start at most ${LIMITS.childrenPerTurnMax} children.`),
  );
  expect(seen.at(-1)).toMatchObject({ type: "turn.completed", data: { result: "enough" } });
});

test("agents hand work on only so deep", async () => {
  let agent = leaf;
  for (let depth = LIMITS.childDepthMax; depth >= 0; depth -= 1) {
    agent = await world.agent({ name: `Level ${depth}`, subAgents: [{ agentId: agent.id as never, mode: "sync" }] });
  }
  for (let depth = 0; depth <= LIMITS.childDepthMax; depth += 1) {
    world.model.script({ toolCalls: [call(depth === LIMITS.childDepthMax ? "leaf" : `level_${depth + 1}`)] });
  }
  const { events } = await start(world, agent, "deep");
  const seen = await untilRest(events);
  expect(childEnds(seen)).toHaveLength(LIMITS.childDepthMax);
  expect(toolResults(seen).filter((result) => result.isError)).toMatchObject([
    { result: expect.stringContaining(`${LIMITS.childDepthMax} levels deep`) },
  ]);
  expect(seen.at(-1)).toMatchObject({ type: "turn.completed" });
});

test("a child that fails is a result for its parent's model, and the parent answers", async () => {
  const router = await routerOver(world, [leaf], "sync");
  world.model.script(calling(1), { status: 400 }, { text: ["Without it, then."] });
  const { events, submitted } = await start(world, router, "try");
  const seen = await untilRest(events);
  expect(childEnds(seen)).toMatchObject([{ status: "failed", reason: "model_rejected", result: null }]);
  expect(toolResults(seen)).toMatchObject([{ isError: true, result: expect.stringContaining("The agent did not answer") }]);
  expect(seen.at(-1)).toMatchObject({ type: "turn.completed", data: { result: "Without it, then." } });
  const { children } = await world.gateway.getConversation(world.caller, { conversationId: submitted.conversationId });
  expect(children).toMatchObject([{ execution: { status: "failed", reason: "model_rejected" } }]);
});

test("a child cannot ask the user: the tool is not there for it", async () => {
  const router = await routerOver(world, [leaf], "sync");
  const before = world.model.journal.length;
  world.model.script(calling(1), { toolCalls: [{ name: "ask_user_questions", arguments: { questions: [{ id: "q", text: "?" }] } }] });
  const { events } = await start(world, router, "ask");
  const seen = await untilRest(events);
  expect(toolResults(seen)[0]).toMatchObject({ isError: true, result: "There is no tool ask_user_questions." });
  const names = world.model.journal
    .slice(before)
    .map(({ body }) => (body.tools as { function: { name: string } }[] | undefined)?.map((tool) => tool.function.name) ?? []);
  expect(names[0]).toEqual(["leaf", "ask_user_questions"]);
  expect(names[1]).toEqual([]);
});

test("two agents of one name are two tools, and each call reaches its own", async () => {
  const [one, two] = await Promise.all([
    world.agent({ name: "Häns!", instructions: "one" }),
    world.agent({ name: "hans", instructions: "two" }),
  ]);
  const router = await routerOver(world, [one, two], "sync");
  world.model.script({
    toolCalls: [
      { ...call("hans_2"), id: "b" },
      { ...call("hans"), id: "a" },
    ],
  });
  const { events } = await start(world, router, "both");
  const seen = await untilRest(events);
  const created = seen.flatMap((event) => (event.type === "child.created" ? [event.data.agentId] : []));
  expect(created).toEqual([two.id, one.id]);
});

test("a turn's stop ends its waiting children with it", async () => {
  const router = await routerOver(world, [leaf], "sync");
  world.model.script(calling(2), { tokens: 2_000, delayMs: 5 }, { tokens: 2_000, delayMs: 5 });
  const { events, submitted } = await start(world, router, "stop them");
  const { conversationId } = submitted;
  let asked = false;
  const seen = await collectUntil(events, (event) => {
    if (event.type === "turn.delta" && !asked) {
      asked = true;
      void world.gateway.stopConversation(world.caller, { conversationId, clearQueue: false });
    }
    return isEnd(event);
  });
  expect(seen.at(-1)).toMatchObject({ type: "turn.stopped" });
  expect(childEnds(seen)).toMatchObject(Array(2).fill({ status: "stopped", reason: "user_stop" }));
  const { children, usage, root } = await world.gateway.getConversation(world.caller, { conversationId });
  expect(children).toMatchObject(Array(2).fill({ execution: { status: "stopped", stoppedByUser: true } }));
  const spent = children.reduce((sum, child) => sum + child.usage.inputTokens, root.usage.inputTokens);
  expect(usage.inputTokens).toBe(spent);
  const [records] = await world.sql.owner<{ input: number }[]>`
    select sum(input_tokens)::int as input from usage_records where conversation_id = ${conversationId}`;
  expect(records?.input).toBe(spent);
});

test("a background child is stopped with the turn that started it, and one born after the stop is born stopped", async () => {
  const router = await routerOver(world, [leaf], "async");
  world.model.when(({ body }) => lastText(body) === "work 0", { tokens: 5_000, delayMs: 5 });
  world.model.script(calling(1));
  thenSays("background", { tokens: 5_000, delayMs: 5 });
  const { events, submitted } = await start(world, router, "background");
  const { conversationId, turnId } = submitted;
  const created = (await collectUntil(events, (event) => event.type === "child.created")).at(-1);
  if (created?.type !== "child.created") throw new Error("No child.");
  const { childId } = created.data;
  await expect.poll(async () => (await stateOf(world, childId)).state).toBe("running");
  await world.gateway.stopConversation(world.caller, { conversationId, turnId, clearQueue: false });
  await expect.poll(async () => (await world.gateway.getExecution(world.caller, childId)).status).toBe("stopped");
  const rootLog = await logUntil(world, conversationId, (event) => event.type === "child.finished");
  expect(childEnds(rootLog)).toMatchObject([{ childId, status: "stopped", reason: "user_stop" }]);
  await expect.poll(() => world.model.journal.filter((one) => one.outcome === "open").length).toBe(0);
});

test("a background child that is not claimed yet is stopped with its root, without a word to a model", async () => {
  const still = await openWorld({ started: false });
  try {
    const quiet = await still.agent({ name: "Leaf" });
    const router = await routerOver(still, [quiet], "async");
    const { conversationId } = await submit(still, router, "background");
    still.model.script(calling(1), { text: ["started"] });
    // The engine alone runs the root; nobody takes the child's order.
    const [worker] = still.workers;
    await worker?.engine.start();
    await worker?.engine.runTurn({ organizationId: still.caller.organizationId, conversationId });
    const [child] = (await still.gateway.getConversation(still.caller, { conversationId })).children;
    const childId = child?.execution.id ?? "";
    expect(child?.execution).toMatchObject({ status: "pending", mode: "async" });
    await still.sql.owner`update conversations set stopped_through_turn = 1 where id = ${conversationId}`;
    worker?.jobs.start();
    await expect.poll(async () => (await still.gateway.getExecution(still.caller, childId)).status, { timeout: 10_000 }).toBe("stopped");
    expect(still.model.journal).toHaveLength(2);
  } finally {
    await still.close();
  }
});

test("a background child that waits for answers is stopped with its root, and its card is cancelled", async () => {
  const router = await routerOver(world, [leaf], "async");
  world.model.when(({ body }) => lastText(body) === "ask", {
    toolCalls: [{ name: "ask_user_questions", arguments: { questions: [{ id: "q", text: "Which?" }] } }],
  });
  world.model.script({ toolCalls: [call("leaf", "ask")] });
  world.model.when(({ body }) => hears(body, "ask in the background"), { tokens: 5_000, delayMs: 5 });
  const { events, submitted } = await start(world, router, "ask in the background");
  const { conversationId } = submitted;
  const created = (await collectUntil(events, (event) => event.type === "child.created")).at(-1);
  if (created?.type !== "child.created") throw new Error("No child.");
  const { childId } = created.data;
  await expect.poll(async () => (await stateOf(world, childId)).state).toBe("paused");
  // Its card is its own: the root goes on.
  expect(await stateOf(world, conversationId)).toMatchObject({ state: "running", cardsOpen: 0 });
  await world.gateway.stopConversation(world.caller, { conversationId, clearQueue: false });
  const childLog = await logUntil(world, childId, isEnd);
  expect(childLog.slice(-2)).toMatchObject([
    { type: "card.closed", data: { outcome: "cancelled" } },
    { type: "turn.stopped", data: { reason: "user_stop" } },
  ]);
  const rootLog = await logUntil(world, conversationId, (event) => event.type === "child.finished");
  expect(childEnds(rootLog)).toMatchObject([{ childId, status: "stopped" }]);
});

test("a child that ends and a heartbeat that renews its parent never lock each other out", async () => {
  const still = await openWorld({ started: false });
  try {
    const agent = await still.agent();
    const { organizationId } = still.caller;
    const fences: Parameters<typeof still.database.turns.renew>[0] = [];
    for (const text of ["child", "parent"]) {
      const { conversationId } = await submit(still, agent, text);
      const claim = await still.database.turns.claim(
        { organizationId, conversationId },
        { worker: "w", leaseMs: 60_000, historyTurnsMax: 1 },
      );
      if (claim === null) throw new Error("Nothing to claim.");
      fences.push({ organizationId, conversationId, epoch: claim.epoch, n: claim.n, turnId: claim.turn.id, texts: null });
    }
    // Ids say nothing of who is whose child: clients choose them.
    const [child = "", parent = ""] = fences.map((fence) => fence.conversationId);
    await still.sql.owner`update conversations set depth = 1 where id = ${child}`;
    let renewing: ReturnType<typeof still.database.turns.renew> | undefined;
    // As the child's last write does it: its own row, then its parent's.
    await still.sql.app.begin(async (tx) => {
      await tx`select set_config('parley.organizations', ${`{${organizationId}}`}, true), set_config('lock_timeout', '500', true)`;
      await tx`select from conversations where id = ${child} for update`;
      renewing = still.database.turns.renew(fences, 60_000);
      await expect
        .poll(
          async () =>
            (await still.sql.owner`select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`).length,
        )
        .toBe(1);
      await tx`select from conversations where id = ${parent} for update`;
    });
    expect(await renewing).toMatchObject([{ alive: true }, { alive: true }]);
  } finally {
    await still.close();
  }
});

test("a background result wakes a turn only where the agent asks for it, and the next turn's model is shown it", async () => {
  world.model.when(({ body }) => lastText(body) === "dig", { text: ["gold"], firstDelayMs: 100 });
  thenSays("dig for me", { text: ["I started it."] });
  const waking = await routerOver(world, [leaf], "async", { wakeOnAsyncResult: true });
  world.model.script({ toolCalls: [call("leaf", "dig")] });
  const { events } = await start(world, waking, "dig for me");
  const seen = await collectUntil(events, (event) => isEnd(event) && "turnNumber" in event.data && event.data.turnNumber === 2);
  expect(ends(seen)).toMatchObject([{ data: { result: "I started it." } }, { data: { result: tokenText(3) } }]);
  const told = world.model.journal.at(-1)?.body.messages?.at(-1)?.content;
  expect(told).toEqual(expect.stringContaining("(completed):\n<task_result>\ngold\n</task_result>"));

  const sleeping = await routerOver(world, [leaf], "async");
  world.model.script({ toolCalls: [call("leaf", "dig")] });
  const quiet = await start(world, sleeping, "dig for me");
  const ended = new Set<string>();
  await collectUntil(quiet.events, (event) => {
    if (isEnd(event) || event.type === "child.finished") ended.add(event.type);
    return ended.size === 2;
  });
  expect(await stateOf(world, quiet.submitted.conversationId)).toMatchObject({ state: "idle", turnNumber: 1, queueDepth: 0 });
  await submit(world, sleeping, "and?", { conversationId: quiet.submitted.conversationId });
  await logUntil(
    world,
    quiet.submitted.conversationId,
    (event) => isEnd(event) && "turnNumber" in event.data && event.data.turnNumber === 2,
  );
  expect(JSON.stringify(world.model.journal.at(-1)?.body.messages)).toContain("completed]\\n<task_result>\\ngold\\n</task_result>");
});

test("background results wake a conversation a bounded number of times in a row, until a caller speaks again", async () => {
  const ever = await world.agent({ name: "Ever" });
  const restless = await routerOver(world, [ever], "async", { wakeOnAsyncResult: true });
  const isRestless = ({ body }: { body: { tools?: unknown[] } }) => JSON.stringify(body.tools ?? []).includes("ever");
  const isFresh = ({ body }: { body: { messages?: { role: string }[] } }) => body.messages?.at(-1)?.role === "user";
  world.model.when((request) => isRestless(request) && isFresh(request), { toolCalls: [call("ever", "again")] });
  const { submitted } = await start(world, restless, "never rest");
  const turns = LIMITS.wakesInARowMax + 1;
  const at = () => stateOf(world, submitted.conversationId);
  await expect.poll(async () => (await at()).turnNumber, { timeout: 30_000 }).toBe(turns);
  const finished = () => logUntil(world, submitted.conversationId, (event) => event.type === "child.finished" && event.cursor !== "");
  await finished();
  await expect
    .poll(
      async () =>
        world.sql
          .owner`select count(*)::int as n from executions where mode = 'async' and status = 'completed' and parent_id = ${submitted.conversationId}`.then(
          ([row]) => row?.n,
        ),
      { timeout: 30_000 },
    )
    .toBe(turns);
  // The last turn may end behind its child.
  await expect.poll(async () => (await at()).state).toBe("idle");
  expect(await at()).toMatchObject({ state: "idle", turnNumber: turns, queueDepth: 0 });
});

test("children of background children are told to their own parent, and a conversation's usage is the sum of all", async () => {
  const inner = await world.agent({ name: "Inner" });
  const middle = await world.agent({
    name: "Middle",
    subAgents: [
      { agentId: inner.id as never, mode: "sync" },
      { agentId: leaf.id as never, mode: "async" },
    ],
  });
  const router = await routerOver(world, [middle], "async");
  world.model.when(({ body }) => lastText(body) === "nest", {
    toolCalls: [
      { ...call("inner", "inner work"), id: "i" },
      { ...call("leaf", "leaf work"), id: "l" },
    ],
  });
  world.model.script({ toolCalls: [call("middle", "nest")] });
  const { events, submitted } = await start(world, router, "nested");
  const { conversationId } = submitted;
  const [end] = childEnds(await collectUntil(events, (event) => event.type === "child.finished"));
  const middleId = end?.childId ?? "";
  const middleLog = await logUntil(world, middleId, (event) => event.type === "child.finished" && event.data.mode === "async");
  expect(
    childEnds(middleLog)
      .map((child) => child.mode)
      .sort(),
  ).toEqual(["async", "sync"]);
  const view = await world.gateway.getConversation(world.caller, { conversationId });
  expect(view.children.map((child) => [child.execution.mode, child.execution.status])).toEqual(
    expect.arrayContaining([
      ["async", "completed"],
      ["sync", "completed"],
    ]),
  );
  expect(view.children).toHaveLength(3);
  const [records] = await world.sql.owner<{ calls: number; output: number }[]>`
    select count(*)::int as calls, sum(output_tokens)::int as output from usage_records
    where conversation_id in (select id from conversations where id = ${conversationId} or root_conversation_id = ${conversationId})`;
  expect([view.usage.modelCalls, view.usage.outputTokens]).toEqual([records?.calls, records?.output]);
  const thread = await world.gateway.getFullThread(world.caller, { executionId: conversationId });
  expect(Object.keys(thread.threads)).toHaveLength(4);
});
