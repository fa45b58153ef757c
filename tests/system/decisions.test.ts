import { createClient, refusalOf } from "@parley/client";
import { at, type ModelServerRequest, type System, startSystem } from "@parley/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { gatewayOf } from "./support/gateway-paths.ts";
import { typesOf, wholeStream } from "./support/read-rest.ts";

let system: System;
let agent: string;
let gateway: ReturnType<typeof gatewayOf>;
const isTold =
  (text: string) =>
  ({ body }: ModelServerRequest): boolean =>
    body.messages?.at(-1)?.content === text;
const options = [
  { id: "red", label: "Red" },
  { id: "blue", label: "Blue" },
];

beforeAll(async () => {
  system = await startSystem();
  const pay = { name: "pay", url: `${system.tools.url}/pay`, needsApproval: true };
  agent = await system.ours.newAgent({ mayAsk: true, tools: [pay] });
  gateway = gatewayOf(system.rest(), agent);
  const questions = { questions: [{ id: "colour", text: "Which colour?", options, allowFreeText: false }] };
  system.model.when(isTold("paint"), { toolCalls: [{ name: "ask_user_questions", arguments: questions }] });
  system.model.when(isTold("buy"), { toolCalls: [{ name: "pay", arguments: { amount: 7 } }] });
  system.model.otherwise({ text: ["done"] });
});
afterAll(() => system.close());

const clientOf = (transport: "sse" | "websocket") =>
  createClient({ url: system.apis[0]?.url ?? "", apiKey: system.ours.apiKey, transport });

/** A conversation whose turn waits, with the card that it waits for. */
async function paused(text: "paint" | "buy") {
  const events = await wholeStream(gateway.stream(text));
  const id = events.at(-1)?.taskId ?? "";
  const { body } = await gateway.state(id);
  return { id, events, cardId: String(at(body, "cards", 0, "id")), state: body };
}

test("a question ends its stream; its answer's stream goes on with the same turn, once, and the thread keeps both", async () => {
  const { id, events, cardId, state } = await paused("paint");
  expect(typesOf(events)).toEqual([
    "connected",
    "task_created",
    "task_updated",
    "turn_started",
    "tool_call_request",
    "ask_user_questions",
    "task_updated",
  ]);
  expect(state).toMatchObject({
    conversation_state: "awaiting_answers",
    execution_status: "paused",
    cards: [{ questions: [{ options }] }],
  });

  const answer = (option: string) => ({ decision_id: cardId, answers: [{ question_id: "colour", selected_option_ids: [option] }] });
  expect(await gateway.answer(id, answer("green"))).toMatchObject({ status: 400, body: { detail: "The question has no such option." } });
  expect((await gateway.task(id)).body).toMatchObject({ status: "paused" });

  const told = await wholeStream(gateway.answers(id, answer("blue")));
  const expected = [
    "connected",
    "decision_closed",
    "task_updated",
    "task_updated",
    "tool_call_result",
    "chunk",
    "task_finished",
    "turn_finished",
  ];
  expect(typesOf(told)).toEqual(expected);
  expect(told.at(-1)?.data).toMatchObject({ status: "completed", result: "done", turn_number: 1 });
  expect(await gateway.answer(id, answer("red"))).toMatchObject({ status: 409, body: { detail: "This was decided before: answered." } });

  const view = (await gateway.get(id)).body;
  const entries = at(view, "activity", "messages") as { kind: string }[];
  expect(entries.find(({ kind }) => kind === "ask_user_questions")).toMatchObject({
    ...{ id: cardId, status: "answered", outcome: "answered" },
    answers: [{ question_id: "colour", selected_option_ids: ["blue"], free_text: null }],
  });
});

test.each(["sse", "websocket"] as const)(
  "an approval is its own scope's, bound to the arguments, and its stream ends with the turn over %s",
  async (transport) => {
    const { id, events, cardId, state } = await paused("buy");
    expect(events.find(({ type }) => type === "approval_requested")?.data).toMatchObject({
      id: cardId,
      tool_name: "pay",
      payload: { amount: 7 },
    });
    expect(state).toMatchObject({ conversation_state: "awaiting_approval" });
    const hash = String(at(state, "cards", 0, "arguments_hash"));
    const before = system.tools.journal.length;

    const writer = gatewayOf(system.rest(0, await system.ours.newKey({ scopes: ["conversations:read", "conversations:write"] })), agent);
    expect((await writer.decide(id, cardId, { decision: "approve" })).status).toBe(403);
    expect(await gateway.decide(id, cardId, { decision: "approve", arguments_hash: "0" })).toMatchObject({ status: 409 });
    // A chat message is no decision.
    expect((await gateway.message(id, { text: "yes, approve it" })).body).toMatchObject({ action: "queued" });
    expect(system.tools.journal.length).toBe(before);

    const client = clientOf(transport);
    const types: string[] = [];
    const order = { conversationId: id, cardId, decision: "approve", argumentsHash: hash } as const;
    for await (const { data } of client.card.decideStream.subscribe(order)) if (data.type !== "turn.delta") types.push(data.type);
    expect(types.slice(0, 4)).toEqual(["decided", "card.closed", "turn.resumed", "turn.started"]);
    expect(types.at(-1)).toBe("turn.completed");
    expect(system.tools.journal.slice(before).map(({ arguments: given }) => given)).toEqual([{ amount: 7 }]);
    const late = client.card.decide.mutate({ ...order, decision: "deny" });
    expect(await late.catch(refusalOf)).toMatchObject({ code: "card_closed", httpStatus: 409 });
    await client.close();
  },
);

test("a stop names the cards that nobody has to decide any more", async () => {
  const { id, cardId } = await paused("buy");
  expect((await gateway.stop(id)).body).toMatchObject({ stopped: true, cards: [cardId], children: [] });
  expect(await gateway.decide(id, cardId, { decision: "approve" })).toMatchObject({
    status: 409,
    body: { detail: "This was decided before: cancelled." },
  });
});

/** A thread of three turns. */
async function thread(): Promise<string> {
  const id = String(at((await gateway.invoke("one")).body, "id"));
  for (const text of ["two", "three"]) await gateway.invoke(text, { id });
  return id;
}
const activity = async (id: string, query = "") => {
  const { body } = await gateway.get(id, query);
  return (at(body, "activity", "messages") as { id: string; role: string; content: { text: string } }[]).map((entry) => entry);
};
const texts = (entries: { content: { text: string } }[]) => entries.map(({ content }) => content.text);

test("an edit of the first of three messages leaves one turn; the rest stays readable as a branch", async () => {
  const id = await thread();
  const [first, answered] = await activity(id);
  const version = Number(at((await gateway.get(id)).body, "version"));
  const edit = (entry: string | undefined, more: object = {}) => gateway.edit(id, entry ?? "", { input: { text: "uno" }, ...more });
  expect(await edit(first?.id, { expected_version: version - 1 })).toMatchObject({
    status: 409,
    body: { detail: "The conversation has changed since." },
  });
  expect((await edit(answered?.id)).status).toBe(400);
  expect(await edit(first?.id, { expected_version: version })).toMatchObject({
    status: 200,
    body: { id, status: "completed", input: { text: "uno" } },
  });

  expect(texts(await activity(id))).toEqual(["uno", "done"]);
  const { body } = await gateway.get(id);
  expect(body).toMatchObject({ branch: 1, branches: [{ branch: 0, edited_message_id: first?.id }] });
  expect(texts(await activity(id, "?branch=0"))).toEqual(["one", "done", "two", "done", "three", "done"]);
  expect((await edit(first?.id)).status).toBe(409);
});

test("an edit's stream, at both doors, tells what it cut off and its own turn, and ends with it", async () => {
  const id = await thread();
  const [, , second] = await activity(id);
  const told = await wholeStream(gateway.editStream(id, second?.id ?? "", { input: { text: "deux" } }));
  expect(typesOf(told).filter((type) => type !== "chunk")).toEqual([
    ...["connected", "conversation_edited", "task_created", "task_updated", "turn_started", "task_finished", "turn_finished"],
  ]);
  const client = clientOf("sse");
  const [one] = await activity(id);
  const types: string[] = [];
  const input = { agentId: agent, conversationId: id, messageId: one?.id ?? "", text: "eins" };
  for await (const { data } of client.turn.editStream.subscribe(input)) if (data.type !== "turn.delta") types.push(data.type);
  expect(types).toEqual(["submitted", "conversation.edited", "turn.created", "turn.started", "turn.completed"]);
  expect(texts(await activity(id))).toEqual(["eins", "done"]);
  const { items, total } = await client.conversation.branches.query({ conversationId: id });
  expect([items.map(({ branch }) => branch), total]).toEqual([[1, 0], 2]);
  await client.close();
});
