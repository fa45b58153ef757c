import { type Card, hashArguments, type LogEvent } from "@parley/contracts";
import { collectUntil, openWorld, typesOf, type World } from "@parley/testkit";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { isEnd, logUntil, routerOver, start, stateOf, submit } from "./testing/start.ts";

let world: World;
beforeAll(async () => {
  world = await openWorld({ workers: 2, leaseMs: 1_500 });
});
afterAll(() => world.close());
beforeEach(() => {
  for (const worker of world.workers) worker.thaw();
  world.model.otherwise(({ body }) => ({ text: [`after ${JSON.stringify(body.messages?.at(-1)?.content)}`] }));
  world.tools.otherwise({ body: "paid" });
});

const options = [
  { id: "red", label: "Red" },
  { id: "blue", label: "Blue" },
];
const questions = { questions: [{ id: "colour", text: "Which colour?", options, allowFreeText: false }] };
const asks = { toolCalls: [{ name: "ask_user_questions", arguments: questions }] };

const payer = (config = {}) =>
  world.agent({
    ...config,
    tools: [
      {
        name: "pay",
        url: `${world.tools.url}/pay`,
        parameters: { type: "object", properties: { amount: { type: "number" } } },
        needsApproval: true,
      },
    ],
  });
const pays = { toolCalls: [{ name: "pay", arguments: { amount: 7 } }] };

async function paused(
  agent: { id: string },
  text = "go",
): Promise<{ conversationId: string; turnId: string; card: Card; seen: LogEvent[] }> {
  const { events, submitted } = await start(world, agent, text);
  const seen = await collectUntil(events, (event) => event.type === "turn.paused");
  const { conversationId, turnId } = submitted;
  const [card] = (await stateOf(world, conversationId)).cards;
  if (card === undefined) throw new Error("No card is open.");
  return { conversationId, turnId, card, seen };
}

const ids = (conversationId: string, cardId: string) => ({ conversationId: conversationId as never, cardId: cardId as never });
const answer = (conversationId: string, cardId: string, optionId: string, gateway = world.gateway) =>
  gateway.answerCard(world.caller, { ...ids(conversationId, cardId), answers: [{ questionId: "colour", selectedOptionIds: [optionId] }] });
const decide = (conversationId: string, cardId: string, decision: "approve" | "deny", more = {}) =>
  world.gateway.decideCard(world.caller, { ...ids(conversationId, cardId), decision, ...more });
const toEnd = (conversationId: string) => logUntil(world, conversationId, isEnd);
const lastTold = () => world.model.journal.at(-1)?.body.messages?.at(-1)?.content;

test("an answer resumes the turn where it paused, and the model is told what was chosen", async () => {
  const agent = await world.agent();
  world.model.script(asks);
  const { conversationId, turnId, card } = await paused(agent);
  expect(card).toMatchObject({ kind: "questions", status: "open", expiresAt: null, questions: [{ id: "colour", options }] });
  expect(await answer(conversationId, card.id, "blue", world.otherGateway)).toMatchObject({
    outcome: "answered",
    turnId,
    cardsOpen: 0,
    resumed: true,
  });
  const log = await toEnd(conversationId);
  expect(typesOf(log.filter(({ type }) => type !== "turn.delta")).slice(-6)).toEqual([
    "turn.paused",
    "card.closed",
    "turn.resumed",
    "turn.started",
    "tool.returned",
    "turn.completed",
  ]);
  expect(JSON.parse(String(lastTold()))).toEqual({
    answers: [{ questionId: "colour", question: "Which colour?", selected: ["Blue"], freeText: null }],
  });
  expect(log.at(-1)).toMatchObject({ turnId, data: { usage: { modelCalls: 2 } } });
  expect(await world.gateway.getCard(world.caller, { conversationId, cardId: card.id })).toMatchObject({
    status: "answered",
    answeredBy: world.caller.principalId,
    answer: { answers: [{ selectedOptionIds: ["blue"] }] },
  });
  const view = await world.gateway.getConversation(world.caller, { conversationId });
  expect(view.root.thread.find((entry) => entry.kind === "questions")).toMatchObject({
    status: "answered",
    answers: [{ selectedOptionIds: ["blue"] }],
  });
});

test("answers that do not fit are refused before anything is written; the turn still waits", async () => {
  const agent = await world.agent();
  world.model.script(asks);
  const { conversationId, card } = await paused(agent);
  const calls = world.model.journal.length;
  await expect(answer(conversationId, card.id, "green")).rejects.toMatchObject({ code: "invalid_answers" });
  await expect(world.gateway.answerCard(world.caller, { ...ids(conversationId, card.id), answers: [] })).rejects.toMatchObject({
    code: "invalid_answers",
  });
  await expect(decide(conversationId, card.id, "approve")).rejects.toMatchObject({ code: "not_found" });
  await expect(world.gateway.answerCard(world.stranger, { ...ids(conversationId, card.id), answers: [] })).rejects.toMatchObject({
    code: "not_found",
  });
  expect(await stateOf(world, conversationId)).toMatchObject({ state: "paused", cardsOpen: 1 });
  expect(world.model.journal).toHaveLength(calls);
});

test("of a hundred that decide at once, and a stop and an expiry besides, exactly one has its way", async () => {
  const agent = await payer();
  for (let round = 0; round < 6; round += 1) {
    world.model.script(pays);
    const { conversationId, card } = await paused(agent);
    const before = world.tools.journal.length;
    const rival = [
      () => world.gateway.stopConversation(world.caller, { conversationId, clearQueue: false }),
      () => submit(world, agent, "rather not", { conversationId, mode: "steer" }),
      () => world.sql.owner`update cards set expires_at = now() - interval '1 second' where id = ${card.id}`,
    ][round % 3];
    const decisions = Array.from({ length: 100 }, (_, index) => {
      if (index === round * 5) return Promise.resolve(rival?.());
      return decide(conversationId, card.id, index % 2 === 0 ? "approve" : "deny");
    });
    const done = await Promise.allSettled<unknown>(decisions);
    const won = done.filter(
      (one) => one.status === "fulfilled" && typeof one.value === "object" && one.value !== null && "outcome" in one.value,
    );
    expect(won.length).toBeLessThanOrEqual(1);
    for (const one of done)
      if (one.status === "rejected") expect(["card_closed", "card_expired", "nothing_to_steer", "not_found"]).toContain(one.reason.code);
    const log = await toEnd(conversationId);
    const closed = log.filter((event) => event.type === "card.closed");
    expect(closed).toHaveLength(1);
    const [row] = await world.sql.owner`select status from cards where id = ${card.id}`;
    expect(closed[0]?.data).toMatchObject({ outcome: row?.status });
    // An approved call is made, unless the stop came in between.
    const made = world.tools.journal.length - before;
    if (row?.status === "approved" && log.at(-1)?.type === "turn.completed") expect(made).toBe(1);
    else expect(made).toBeLessThanOrEqual(row?.status === "approved" ? 1 : 0);
  }
});

test("a call that needs approval is made only after it, once, with exactly the approved arguments", async () => {
  const agent = await payer();
  world.model.script(pays);
  const before = world.tools.journal.length;
  const { conversationId, turnId, card } = await paused(agent);
  const argumentsHash = hashArguments({ amount: 7 });
  expect(card).toMatchObject({ kind: "approval", approval: { tool: "pay", arguments: { amount: 7 }, argumentsHash, agentId: agent.id } });
  expect(world.tools.journal).toHaveLength(before);
  await expect(decide(conversationId, card.id, "approve", { argumentsHash: hashArguments({ amount: 8 }) })).rejects.toMatchObject({
    code: "approval_mismatch",
  });
  expect(await decide(conversationId, card.id, "approve", { argumentsHash, comment: "fine" })).toMatchObject({ outcome: "approved" });
  const log = await toEnd(conversationId);
  expect(world.tools.journal.slice(before)).toMatchObject([{ key: `${turnId}/${conversationId}/1/0`, arguments: { amount: 7 } }]);
  expect(log.find((event) => event.type === "tool.returned")).toMatchObject({ data: { result: "paid", isError: false } });
  await expect(decide(conversationId, card.id, "deny")).rejects.toMatchObject({
    code: "card_closed",
    message: "This was decided before: approved.",
  });
});

test("a refusal, a time that ran out and a message instead of a decision are three different things to the model", async () => {
  const agent = await payer();
  world.model.script(pays);
  const denied = await paused(agent);
  await decide(denied.conversationId, denied.card.id, "deny", { comment: "too much" });
  await toEnd(denied.conversationId);
  expect(lastTold()).toBe("A person refused this call: too much");

  const hasty = await payer({ approvalsExpireAfterSeconds: 1 });
  world.model.script(pays);
  const expired = await paused(hasty);
  const log = await toEnd(expired.conversationId);
  expect(lastTold()).toBe("Nobody decided about this call in time, so it was not made. It was not refused.");
  expect(log.find((event) => event.type === "card.closed")).toMatchObject({ data: { outcome: "expired" } });

  world.model.script(pays);
  const superseded = await paused(agent);
  await submit(world, agent, "leave it", { conversationId: superseded.conversationId, mode: "steer" });
  await toEnd(superseded.conversationId);
  expect(world.model.journal.at(-1)?.body.messages?.slice(-2)).toMatchObject([
    { role: "tool", content: "The user sent a message instead of a decision about this call, so it was not made." },
    { role: "user", content: "leave it" },
  ]);
});

test("a queued message waits behind a card and changes nothing about it", async () => {
  const agent = await world.agent();
  world.model.script(asks);
  const { conversationId, card } = await paused(agent);
  expect(await submit(world, agent, "also this", { conversationId })).toMatchObject({ action: "queued", position: 1 });
  expect(await stateOf(world, conversationId)).toMatchObject({ state: "paused", cardsOpen: 1 });
  await answer(conversationId, card.id, "red");
  const log = await logUntil(world, conversationId, (event) => isEnd(event) && "more" in event.data && !event.data.more);
  expect(log.filter(isEnd)).toHaveLength(2);
});

test("an interrupt supersedes the card, ends its turn and runs next", async () => {
  const agent = await world.agent();
  world.model.script(asks);
  const { conversationId, turnId } = await paused(agent);
  expect(await submit(world, agent, "forget it", { conversationId, mode: "interrupt" })).toMatchObject({ action: "started" });
  const log = await logUntil(world, conversationId, (event) => event.type === "turn.completed");
  expect(log.filter((event) => event.type === "card.closed")).toMatchObject([{ data: { outcome: "superseded" } }]);
  expect(log.filter((event) => event.type === "turn.stopped")).toMatchObject([{ turnId, data: { reason: "superseded", more: true } }]);
});

test("several cards of one step all have to be closed; results that are there already are kept", async () => {
  const leaf = await world.agent({ name: "Leaf" });
  const router = await routerOver(world, [leaf], "sync");
  world.model.script(
    {
      toolCalls: [
        { name: "leaf", arguments: { query: "work" } },
        { name: "ask_user_questions", arguments: questions },
        { name: "ask_user_questions", arguments: { questions: [{ id: "colour", text: "And the lid?", options }] } },
      ],
    },
    { text: ["leaf's work"] },
  );
  const { conversationId } = await paused(router);
  const calls = world.model.journal.length;
  const [one, two] = (await stateOf(world, conversationId)).cards;
  expect(await answer(conversationId, one?.id ?? "", "red")).toMatchObject({ cardsOpen: 1, resumed: false });
  expect(await stateOf(world, conversationId)).toMatchObject({ state: "paused" });
  expect(await answer(conversationId, two?.id ?? "", "blue")).toMatchObject({ cardsOpen: 0, resumed: true });
  await toEnd(conversationId);
  // The child is not asked again: one call more, the router's.
  expect(world.model.journal).toHaveLength(calls + 1);
  expect(
    world.model.journal
      .at(-1)
      ?.body.messages?.filter(({ role }) => role === "tool")
      .map(({ content }) => content),
  ).toEqual(["leaf's work", expect.stringContaining("Red"), expect.stringContaining("Blue")]);
});

test("a waiting child that needs an approval pauses the turn, and goes on from its own steps", async () => {
  const leaf = await world.agent({
    name: "Leaf",
    tools: [{ name: "pay", url: `${world.tools.url}/pay`, needsApproval: true }],
  });
  const router = await routerOver(world, [leaf], "sync");
  world.model.script({ toolCalls: [{ name: "leaf", arguments: { query: "pay" } }] }, pays, { text: ["leaf paid"] }, { text: ["all done"] });
  const { conversationId, card } = await paused(router);
  expect(card.executionId).not.toBe(conversationId);
  await decide(conversationId, card.id, "approve");
  const log = await toEnd(conversationId);
  expect(log.at(-1)).toMatchObject({ type: "turn.completed", data: { result: "all done" } });
  expect(log.filter((event) => event.type === "child.created")).toHaveLength(1);
  expect(log.filter((event) => event.type === "child.finished")).toMatchObject([{ data: { status: "completed", result: "leaf paid" } }]);
});

test("handing work on can need an approval, too; the child is born with it", async () => {
  for (const mode of ["sync", "async"] as const) {
    const leaf = await world.agent({ name: "Leaf" });
    const router = await world.agent({ subAgents: [{ agentId: leaf.id as never, mode, needsApproval: true }] });
    world.model.script({ toolCalls: [{ name: "leaf", arguments: { query: "work" } }] });
    const { conversationId, card } = await paused(router);
    expect(card).toMatchObject({ approval: { tool: "leaf", arguments: { query: "work" } } });
    expect(await world.gateway.getExecution(world.caller, conversationId)).toMatchObject({ childIds: [], finishedChildIds: [] });
    await decide(conversationId, card.id, "approve");
    const log = await toEnd(conversationId);
    expect(log.filter((event) => event.type === "child.created")).toMatchObject([{ data: { mode } }]);
    expect(log.at(-1)).toMatchObject({ type: "turn.completed" });
    // Else it would ask the model in the middle of the next test.
    await logUntil(world, conversationId, (event) => event.type === "child.finished");
  }
});

test("a background child that asks does not pause its root, which is told; it is answered in its own log", async () => {
  const asker = await world.agent({ name: "Asker" });
  const router = await routerOver(world, [asker], "async");
  world.model.script({ toolCalls: [{ name: "asker", arguments: { query: "ask" } }] });
  world.model.when(({ body }) => body.messages?.at(-1)?.content === "ask", asks);
  const { conversationId } = await submit(world, router, "go");
  const log = await logUntil(world, conversationId, (event) => event.type === "child.paused");
  const told = log.at(-1);
  if (told?.type !== "child.paused") throw new Error("The root was not told.");
  await expect.poll(async () => (await stateOf(world, conversationId)).state).toBe("idle");
  const { childId, cardIds } = told.data;
  expect(await answer(childId, cardIds[0] ?? "", "red")).toMatchObject({ resumed: true });
  await logUntil(world, conversationId, (event) => event.type === "child.finished");
});

test("a card outlives its worker: whoever comes next goes on from the decision", async () => {
  const agent = await world.agent();
  world.model.script(asks, { tokens: 4_000, delayMs: 20 });
  const { conversationId, card } = await paused(agent);
  await answer(conversationId, card.id, "red");
  let died = false;
  const { events } = await world.gateway.followConversation(world.caller, { conversationId, signal: new AbortController().signal });
  const seen = await collectUntil(events, (event) => {
    if (event.type === "turn.delta" && !died) {
      died = true;
      for (const worker of world.workers) if (worker.engine.activeTurns() > 0) worker.freeze();
    }
    return isEnd(event);
  });
  expect(seen.filter((event) => event.type === "attempt.superseded")).toHaveLength(1);
  expect(seen.filter((event) => event.type === "tool.returned")).toHaveLength(1);
  expect(seen.at(-1)).toMatchObject({ type: "turn.completed", data: { result: expect.stringContaining("Red") } });
});

test("waiting for people counts neither as attempts nor as the turn's time", async () => {
  const agent = await world.agent();
  world.model.script(...Array.from({ length: 7 }, () => asks));
  const { conversationId, turnId } = await submit(world, agent, "ask often");
  for (let asked = 1; asked <= 7; asked += 1) {
    await expect.poll(async () => (await stateOf(world, conversationId)).cards.length, { timeout: 10_000 }).toBe(1);
    const [card] = (await stateOf(world, conversationId)).cards;
    // As if a day had gone by.
    await world.sql
      .owner`update turns set started_at = started_at - interval '1 day', paused_at = paused_at - interval '1 day' where id = ${turnId}`;
    await answer(conversationId, card?.id ?? "", "red");
  }
  expect((await toEnd(conversationId)).at(-1)).toMatchObject({ type: "turn.completed" });
});
