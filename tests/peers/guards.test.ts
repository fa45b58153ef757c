import type { LogEvent, TurnOptions } from "@parley/contracts";
import { collectUntil, openWorld, type World } from "@parley/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { isEnd, logUntil, start, stateOf } from "../engine/testing/start.ts";
import { type ScriptedPeer, startScriptedPeer, taskAt } from "./support/scripted-peer.ts";

/** Only a hang reaches it, on a busy machine, too. */
const PATIENCE = { timeout: 20_000 };

const SKILL = { id: "do", description: "Does it.", tags: [], outputModes: [] };
const card = { skills: [{ ...SKILL, id: "before" }] };

let peer: ScriptedPeer;
let carded: ScriptedPeer;
let world: World;
beforeAll(async () => {
  [peer, carded] = await Promise.all([startScriptedPeer(), startScriptedPeer(card)]);
  world = await openWorld({ allow: [peer.host, carded.host], limits: { peerHopsMax: 3 } });
});
afterAll(async () => {
  await world?.close();
  await Promise.all([peer?.close(), carded?.close()]);
});
beforeEach(() => {
  peer.journal.length = 0;
  peer.on("message/send", () => ({ result: taskAt("completed", { text: "said by the peer" }) }));
  world.model.otherwise({ text: ["told"] });
});

const call = (input: string) => ({ toolCalls: [{ name: "call_jester_do", arguments: { input } }] });

async function agentWith(more: object = {}, config: object = {}) {
  const made = await world.gateway.createPeer(world.caller, {
    ...{ name: "Jester", endpoint: peer.url, auth: { type: "none" }, skills: [SKILL] },
    ...{ trust: { verifyDid: false, policy: "lenient", onBadSignature: "fail" }, priceMicros: null, timeoutMs: null, deduplicates: false },
  });
  return world.agent({ peers: [{ peerId: made.id, ...more }], ...config });
}

const isRest = (event: LogEvent): boolean => isEnd(event) || event.type === "turn.paused";
async function say(agent: { id: string }, text: string, options: TurnOptions = {}) {
  const { events, submitted } = await start(world, agent, text, { options });
  const seen = await collectUntil(events, isRest);
  return { last: seen.at(-1)?.type, seen, conversationId: submitted.conversationId };
}
const cardOf = async (conversationId: string) => (await stateOf(world, conversationId)).cards[0];
const sent = () => peer.asked("message/send").map(({ params }) => params);

describe("how many agents may work behind one another", () => {
  test("is said with each call: one less than what is left, and never more than the limit", async () => {
    const agent = await agentWith();
    for (const [asked, told] of [
      [undefined, 2],
      [3, 2],
      [2, 1],
      [1, 0],
      [30, 2],
    ] as const) {
      peer.journal.length = 0;
      world.model.script(call("go"));
      expect((await say(agent, "go", asked === undefined ? {} : { hopsMax: asked })).last).toBe("turn.completed");
      expect(sent()).toMatchObject([{ metadata: { skill: "do", hopsMax: told } }]);
    }
  });

  test("is none where it says so: the model is told, the peer is not called, the turn goes on", async () => {
    world.model.script(call("go"));
    const { seen } = await say(await agentWith(), "go", { hopsMax: 0 });
    expect(seen.at(-1)).toMatchObject({ type: "turn.completed", data: { result: "told" } });
    expect(seen.find(({ type }) => type === "tool.returned")?.data).toMatchObject({
      result: expect.stringContaining("as many agents as it may"),
      isError: true,
    });
    expect([sent(), seen.some(({ type }) => type === "child.created")]).toEqual([[], false]);
  });

  test("goes along into the background, through our own agents too, and into the turn that the result begins", async () => {
    const leaf = await agentWith({}, { name: "Leaf" });
    const router = await world.agent({
      ...{ name: "Router", wakeOnAsyncResult: true, subAgents: [{ agentId: leaf.id as never, mode: "async" }] },
      peers: (await world.gateway.getAgent(world.caller, leaf.id)).config.peers,
    });
    const last = (words: string) => (request: { lastUserText: string; body: { messages?: { role: string }[] } }) =>
      request.lastUserText.includes(words) && request.body.messages?.at(-1)?.role === "user";
    world.model.when(last("begin"), { toolCalls: [{ name: "leaf", arguments: { query: "leaf, call it" } }] });
    world.model.when(last("leaf, call it"), call("from the leaf"));
    world.model.when(last("Background task"), call("from the woken turn"));
    const { submitted } = await start(world, router, "begin", { options: { hopsMax: 2 } });
    await expect.poll(() => sent().length, PATIENCE).toBe(2);
    expect(sent().map(({ metadata }) => metadata)).toMatchObject([{ hopsMax: 1 }, { hopsMax: 1 }]);
    await logUntil(
      world,
      submitted.conversationId,
      (event) => isEnd(event) && event.type === "turn.completed" && event.data.turnNumber === 2,
    );
  });
});

test("a card is kept, and read anew once the peer's entry is changed, be it by nothing", async () => {
  const trust = { verifyDid: false, policy: "lenient", onBadSignature: "fail" } as const;
  const facts = { name: "Carded", endpoint: carded.url, auth: { type: "none" as const }, skills: null, trust };
  const made = await world.gateway.createPeer(world.caller, { ...facts, priceMicros: null, timeoutMs: null, deduplicates: false });
  const agent = await world.agent({ peers: [{ peerId: made.id }] });
  const offered = async () => {
    await say(agent, "Hello");
    const tools = (world.model.journal.at(-1)?.body.tools ?? []) as { function: { name: string } }[];
    return tools.map((tool) => tool.function.name).filter((name) => name.startsWith("call_"));
  };
  expect(await offered()).toEqual(["call_carded_before"]);
  card.skills = [{ ...SKILL, id: "after" }];
  expect(await offered()).toEqual(["call_carded_before"]);
  await world.gateway.updatePeer(world.caller, { peerId: made.id });
  expect(await offered()).toEqual(["call_carded_after"]);
});

describe("a peer that is marked as sensitive", () => {
  const tainting = async () => {
    world.model.script(call("first"), call("second"));
    return say(await agentWith({ sensitive: true }), "Both, please");
  };

  test("is called at once for its user's own words, and asks a person once a peer has spoken: with those arguments alone", async () => {
    const { last, conversationId } = await tainting();
    expect([last, sent().length]).toEqual(["turn.paused", 1]);
    const card = await cardOf(conversationId);
    expect(card).toMatchObject({
      ...{ kind: "approval", approval: { tool: "call_jester_do", arguments: { input: "second" }, tainted: true } },
    });
    const decide = (more: object) =>
      world.gateway.decideCard(world.caller, {
        ...{ conversationId: conversationId as never, cardId: card?.id as never, decision: "approve" },
        ...more,
      });
    await expect(decide({ argumentsHash: "0".repeat(64) })).rejects.toMatchObject({ code: "approval_mismatch" });
    await decide({});
    expect((await logUntil(world, conversationId, isEnd)).at(-1)).toMatchObject({ type: "turn.completed" });
    expect(sent()).toMatchObject([{ message: { parts: [{ text: "first" }] } }, { message: { parts: [{ text: "second" }] } }]);
  });

  test("is not called where the person says no, which the model is told", async () => {
    const { conversationId } = await tainting();
    const card = await cardOf(conversationId);
    await world.gateway.decideCard(world.caller, { conversationId: conversationId as never, cardId: card?.id as never, decision: "deny" });
    const log = await logUntil(world, conversationId, isEnd);
    expect(log.at(-1)).toMatchObject({ type: "turn.completed" });
    expect([sent().length, log.filter(({ type }) => type === "tool.returned").at(-1)?.data]).toMatchObject([1, { isError: true }]);
  });
});

describe("a peer that needs an authorization", () => {
  const asking = async () => {
    peer.on("message/send", () => ({ result: taskAt("auth-required", { id: "task-auth", prompt: "Log in at the desk." }) }));
    peer.on("tasks/get", () => ({ result: taskAt("auth-required", { id: "task-auth", prompt: "Log in at the desk." }) }));
    peer.on("tasks/cancel", () => ({ result: taskAt("canceled", { id: "task-auth" }) }));
    world.model.script(call("open it"));
    const { last, conversationId } = await say(await agentWith({}, { mayAsk: true }), "Open it");
    expect(last).toBe("turn.paused");
    const card = await cardOf(conversationId);
    const answer = (id: string) =>
      world.gateway.answerCard(world.caller, {
        ...{ conversationId: conversationId as never, cardId: card?.id as never },
        answers: [{ questionId: "authorization", selectedOptionIds: [id] }],
      });
    return { card, conversationId, answer };
  };

  test("shows as a card that takes no text; once it is given elsewhere the same task goes on, and nothing is sent for it", async () => {
    const { card, conversationId, answer } = await asking();
    expect(card).toMatchObject({
      kind: "questions",
      questions: [
        { text: expect.stringContaining("Log in at the desk. Give it where the agent asks for it, never here."), allowFreeText: false },
      ],
    });
    peer.on("tasks/get", () => ({ result: taskAt("completed", { id: "task-auth", text: "it is open" }) }));
    await answer("done");
    const log = await logUntil(world, conversationId, isEnd);
    expect(log.find(({ type }) => type === "tool.returned")?.data).toMatchObject({ result: expect.stringContaining("it is open") });
    expect(peer.messageIds()).toHaveLength(1);
  });

  test("is told to cancel its task where nobody gives it", async () => {
    const { conversationId, answer } = await asking();
    await answer("give_up");
    const log = await logUntil(world, conversationId, isEnd);
    expect(log.find(({ type }) => type === "tool.returned")?.data).toMatchObject({ isError: true });
    await expect.poll(() => peer.asked("tasks/cancel").map(({ params }) => params.id), PATIENCE).toEqual(["task-auth"]);
    expect(peer.messageIds()).toHaveLength(1);
  });
});
