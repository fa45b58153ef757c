import { newId } from "@parley/contracts";
import { expect, test } from "vitest";
import { openTurn, startDoor, types } from "./testing/start-door.ts";

/** A conversation whose turn waits for people. */
async function paused(asks: { texts?: string[]; tools?: string[] }) {
  const door = await startDoor();
  const { stream, id } = await openTurn(door);
  const conversation = door.fake.conversation(id);
  conversation.start();
  const cards = conversation.pause(asks);
  await stream.rest();
  const base = `${door.base}/conversations/${id}`;
  const answer = (decision_id: string | undefined, answers: object[] = [{ question_id: "q", answer: "This" }], headers = {}) =>
    door.stream("POST", `${base}/answers`, { decision_id, answers }, headers);
  return { door, id, conversation, cards, base, answer };
}

test("an answer's stream tells the decision and the turn that goes on", async () => {
  const { conversation, cards, answer } = await paused({ texts: ["Which?"] });
  const stream = await answer(cards[0]);
  await stream.until(({ type }) => type === "task_updated");
  conversation.finish("So that one.");
  const frames = await stream.rest();
  expect(types(frames)).toEqual(["connected", "decision_closed", "task_updated", "task_finished", "turn_finished"]);
  expect(frames[1]?.data).toMatchObject({ decision_id: cards[0], outcome: "answered", decided_by: "key" });
  expect(frames.at(-1)?.data).toMatchObject({ status: "completed", result: "So that one." });
});

test("both shapes of an answer are taken, and a body's user changes nothing", async () => {
  for (const [wire, domain] of [
    [
      { question_id: "q", answer: "This" },
      { questionId: "q", answer: "This" },
    ],
    [
      { question_id: "q", selected_option_ids: ["a"], free_text: null },
      { questionId: "q", selectedOptionIds: ["a"], freeText: null },
    ],
    [
      { question_id: "q", selected_option_ids: null, free_text: "Mine" },
      { questionId: "q", freeText: "Mine" },
    ],
  ]) {
    const { door, base, cards, conversation } = await paused({ texts: ["Which?"] });
    const body = { decision_id: cards[0], answers: [wire], user: { email: "someone@example.org" } };
    const stream = await door.stream("POST", `${base}/answers`, body);
    conversation.finish("done");
    await stream.rest();
    expect(door.fake.calls.findLast(({ name }) => name === "answerCard")?.input).toMatchObject({ cardId: cards[0], answers: [domain] });
  }
});

test("what is wrong with an answer is a plain status, and the card still waits", async () => {
  const { door, base, cards, conversation } = await paused({ texts: ["Which?"], tools: ["send"] });
  const post = (body: object) => door.call("POST", `${base}/answers`, body);
  const answers = [{ question_id: "q", answer: "This" }];
  expect(await post({ decision_id: cards[0], answers: [{ question_id: "none", answer: "This" }] })).toMatchObject({ status: 400 });
  expect((await post({ decision_id: newId(), answers })).status).toBe(404);
  // An approval is no question, and is for others to decide.
  expect((await post({ decision_id: cards[1], answers })).status).toBe(404);
  for (const [body, place] of [
    [{ answers }, "decision_id"],
    [{ decision_id: "7", answers }, "decision_id"],
    [{ decision_id: cards[0] }, "answers"],
  ] as const) {
    expect(await post(body)).toMatchObject({ status: 422, body: { detail: [{ loc: ["body", place] }] } });
  }
  expect(conversation.openCards()).toHaveLength(2);
});

test("where other cards still wait the stream ends with the decision; the last one makes the turn go on", async () => {
  const { conversation, cards, answer } = await paused({ texts: ["Which?", "When?"] });
  expect(types(await (await answer(cards[0])).rest())).toEqual(["connected", "decision_closed"]);
  const second = (await answer(cards[0])).response;
  expect(second.status).toBe(409);
  const last = await answer(cards[1]);
  conversation.finish("Then.");
  expect(types(await last.rest())).toEqual(["connected", "decision_closed", "task_updated", "task_finished", "turn_finished"]);
});

test("an approval is decided by its own route, with the scope for it and bound to the arguments", async () => {
  const { door, base, cards, conversation } = await paused({ tools: ["send"] });
  const path = `${base}/approvals/${cards[0]}`;
  door.fake.addKey("writer", { scopes: new Set(["conversations:read", "conversations:write"]) });
  expect((await door.call("POST", path, { decision: "approve" }, { "x-api-key": "writer" })).status).toBe(403);
  expect(await door.call("POST", path, { decision: "perhaps" })).toMatchObject({
    status: 422,
    body: { detail: [{ loc: ["body", "decision"] }] },
  });
  door.fake.addKey("approver", { scopes: new Set(["approvals"]) });
  const body = { decision: "deny", arguments_hash: "hash", comment: "Not to all" };
  const stream = await door.stream("POST", path, body, { "x-api-key": "approver", "idempotency-key": "k" });
  conversation.finish("Then not.");
  const frames = await stream.rest();
  expect(frames[1]).toMatchObject({ type: "decision_closed", data: { outcome: "denied", comment: "Not to all", decided_by: "approver" } });
  expect(door.fake.calls.findLast(({ name }) => name === "decideCard")).toMatchObject({
    input: { cardId: cards[0], decision: "deny", argumentsHash: "hash", comment: "Not to all" },
    facts: { route: "card.decideStream", key: "k" },
  });
});

test("a client that comes back with Last-Event-ID decides nothing twice, and is told the rest", async () => {
  const { door, conversation, cards, answer } = await paused({ texts: ["Which?"] });
  const first = await answer(cards[0]);
  const { id: seen = "" } = await first.until(({ type }) => type === "decision_closed");
  await first.leave();
  conversation.finish("That one.");
  const again = await answer(cards[0], undefined, { "last-event-id": seen });
  expect(types(await again.rest())).toEqual(["connected", "task_updated", "task_finished", "turn_finished"]);
  expect(door.fake.calls.filter(({ name }) => name === "answerCard")).toHaveLength(1);
});

test("a cursor of another stream keeps no answer from being given", async () => {
  const { conversation, cards, answer } = await paused({ texts: ["Which?"] });
  const stream = await answer(cards[0], undefined, { "last-event-id": "1-2" });
  conversation.finish("That one.");
  expect(types(await stream.rest())).toContain("decision_closed");
});

test("the run-state shows what waits and for whom", async () => {
  const asked = await paused({ texts: ["Which?"], tools: ["send"] });
  const state = async ({ door, base }: typeof asked) => (await door.call("GET", `${base}/run-state`)).body;
  expect(await state(asked)).toMatchObject({
    ...{ is_running: false, is_steerable: true, steer_target: "router", state: "paused", cards_open: 2 },
    conversation_state: "awaiting_answers",
    cards: [
      {
        id: asked.cards[0],
        kind: "ask_user_questions",
        status: "pending",
        task_id: asked.id,
        questions: [{ id: "q", text: "Which?" }],
        answers: null,
      },
      { id: asked.cards[1], kind: "approval", status: "pending", tool_name: "send", payload: { to: "all" }, arguments_hash: "hash" },
    ],
  });
  expect(await state(await paused({ tools: ["send"] }))).toMatchObject({ conversation_state: "awaiting_approval" });
});
