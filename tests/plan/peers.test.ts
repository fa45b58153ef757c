import { type PeerManner, type PeerServer, type System, startPeerServer, startSystem } from "@parley/testkit";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { CORPUS } from "../injection/corpus.ts";
import { askPlan, of, type PlanCall, type PlanFrame, planFrames, textOf, theOrderOf } from "./support/ask-plan.ts";
import { type Attackers, attackPlans, startAttackers } from "./support/attack-plans.ts";

const MANNERS = [
  "completes",
  "streams",
  "stuck",
  "snake-case",
  "signs",
  "signs-wrongly",
  "asks-input",
  "rejects",
  "fails",
  "redirects",
] as const;

let system: System;
let peers: Record<(typeof MANNERS)[number], PeerServer>;
let attackers: Attackers;
beforeAll(async () => {
  const started = await Promise.all(MANNERS.map(async (manner: PeerManner) => [manner, await startPeerServer({ manner })] as const));
  peers = Object.fromEntries(started) as typeof peers;
  attackers = await startAttackers();
  system = await startSystem({
    ...{ apis: 2, workers: 2, leaseMs: 1_500, allow: [...Object.values(peers), ...Object.values(attackers)].map(({ host }) => host) },
    env: { PLANNER_MODEL: "custom/scripted" },
  });
});
afterAll(async () => {
  await system.close();
  await Promise.all([...Object.values(peers), ...Object.values(attackers)].map((peer) => peer.close()));
});
afterEach(async () => {
  for (const peer of Object.values(peers)) peer.journal.length = 0;
  await Promise.all(system.workers.filter((worker) => worker.process.hasExited()).map((worker) => worker.restart()));
});

const agentOf = (manner: keyof typeof peers, more: object = {}) => ({
  name: manner,
  endpoint: peers[manner].url,
  skills: [{ id: "do", description: "Does it" }],
  ...more,
});
const call = (body: object, more: Partial<PlanCall> = {}): PlanCall => ({
  url: system.apis[0]?.url ?? "",
  apiKey: system.ours.apiKey,
  body,
  ...more,
});

/** Calls every tool of a peer once with that text, then says what came back of it. */
function callAll(input: unknown = { input: "the text" }): void {
  system.model.script(({ body }) => ({
    toolCalls: ((body.tools ?? []) as { function: { name: string } }[])
      .map(({ function: { name } }) => name)
      .filter((name) => name.startsWith("call_"))
      .map((name) => ({ name, arguments: input })),
  }));
}
async function planWith(agents: object[], more: object = {}): Promise<PlanFrame[]> {
  callAll();
  system.model.script({ text: "That is all." });
  return askPlan(call({ question: "go", agents, ...more }));
}

describe("a peer that the request brings", () => {
  test.each<[keyof typeof peers, string, RegExp]>([
    ["completes", "completed", /the text/],
    ["streams", "completed", /the text/],
    ["snake-case", "completed", /the text/],
    ["fails", "failed", /./],
    ["rejects", "rejected", /./],
    ["redirects", "failed", /./],
  ])("that %s is told to be %s", async (manner, state, content) => {
    const frames = await planWith([agentOf(manner)]);
    expect(of(frames, "task.finished")).toMatchObject([{ agent: manner, state }]);
    expect(of(frames, "task.artifact")[0]?.content).toMatch(content);
    expect(frames.at(-1)?.event).toBe("done");
    expect(textOf(frames)).toBe("That is all.");
  });

  test("is told by the names of the request, whatever characters they have, and none of them is another's", async () => {
    const names = ["research_v2", "re-search.v2 beta", "ünïcode agent", "x".repeat(100)];
    const agents = names.map((name, place) => agentOf("completes", { name, skills: [{ id: `skill_${place}.a-b c`, description: "" }] }));
    const frames = await planWith(agents);
    const told = of(frames, "task.started").map(({ agent, skill }) => [agent, skill]);
    expect(told).toEqual(names.map((name, place) => [name, `skill_${place}.a-b c`]));
    expect(
      of(frames, "task.finished")
        .map(({ agent }) => agent)
        .toSorted(),
    ).toEqual(names.toSorted());
  });

  test("has its signatures checked where the request asks for it, and a wrong one fails the task", async () => {
    const trust = (peer: PeerServer) => ({ verifyDID: true, pinnedDID: peer.did, pinnedKey: peer.publicKey });
    const good = await planWith([agentOf("signs", { trust: trust(peers.signs) })]);
    expect(of(good, "task.artifact")).toMatchObject([
      { agent_did: peers.signs.did, agent_did_source: "pinned", signatures: { ok: true, signed: 1, verified: 1, unsigned: 0 } },
    ]);
    expect(of(good, "task.artifact")[0]?.content).toContain('verified="yes"');
    const wrong = await planWith([agentOf("signs-wrongly", { trust: trust(peers["signs-wrongly"]) })]);
    expect(of(wrong, "task.finished")).toMatchObject([{ signatures: { ok: false }, error: expect.any(String) }]);
    expect(of(wrong, "task.artifact")[0]?.content).not.toContain("the text");
  });

  test("that wants input makes the plan wait for it, and the next plan of the session gives it, on the same task", async () => {
    const session = { session_id: "peer-asks" };
    const first = await planWith([agentOf("asks-input")], session);
    expect(of(first, "final")).toMatchObject([{ stop_reason: "input-required" }]);
    expect(of(first, "task.artifact")).toMatchObject([{ agent: "gateway" }]);
    expect(of(first, "task.finished").map(({ agent, state }) => [agent, state])).toEqual(
      expect.arrayContaining([
        ["gateway", "input-required"],
        ["asks-input", "input-required"],
      ]),
    );
    const second = await askPlan(call({ question: "tea", ...session }));
    expect(of(second, "task.finished")).toMatchObject([{ agent: "asks-input", state: "completed" }]);
    expect(of(second, "task.artifact")).toMatchObject([{ agent: "asks-input", title: "@asks-input/do" }]);
    expect(textOf(second)).toBe("That is all.");
    const [one, two] = peers["asks-input"].journal.filter(({ messageId }) => messageId !== null);
    expect(two).toMatchObject({ text: "tea", taskId: expect.any(String) });
    expect(one?.messageId).not.toBe(two?.messageId);
  });

  test("has its credentials shown to it and to nobody else, and they are gone with the turn", async () => {
    const token = "very-secret-token";
    const frames = await planWith([agentOf("completes", { auth: { type: "bearer", token } })]);
    expect(peers.completes.journal.find(({ messageId }) => messageId !== null)?.headers.authorization).toBe(`Bearer ${token}`);
    expect(JSON.stringify(frames)).not.toContain(token);
    expect(JSON.stringify(system.model.journal)).not.toContain(token);
  });

  test("whose credential nobody has given the gateway is not called: no name leads to the environment", async () => {
    const frames = await planWith([agentOf("completes", { auth: { type: "bearer_env", envVar: "SECRETS_KEY" } })]);
    expect(of(frames, "task.finished")).toMatchObject([{ state: "failed", error: expect.any(String) }]);
    expect(peers.completes.messageIds()).toEqual([]);
  });

  test("is told which earlier task the call is about", async () => {
    await planWith([agentOf("completes")], { history: [], prior_task_ids: { completes: "task-before" } });
    expect(peers.completes.journal.find(({ messageId }) => messageId !== null)?.referenceTaskIds).toEqual(["task-before"]);
  });

  test("is told how many agents may still work behind it, as the request's max_hops has it", async () => {
    for (const [preferences, hopsMax] of [
      [{}, 4],
      [{ max_hops: 2 }, 1],
      [{ max_hops: 1 }, 0],
      [{ max_hops: 1_000_000 }, 4],
    ] as const) {
      await planWith([agentOf("completes")], { preferences });
      expect(peers.completes.journal.findLast(({ messageId }) => messageId !== null)?.metadata).toEqual({ skill: "do", hopsMax });
    }
  });

  test("in a private network that is not allowed is not called", async () => {
    const frames = await planWith([agentOf("completes", { endpoint: "http://169.254.169.254/latest" })]);
    expect(of(frames, "task.finished")).toMatchObject([{ state: "failed" }]);
  });
});

test("a stuck peer: the deadline ends the plan, and its task is cancelled", async () => {
  callAll();
  const frames = await askPlan(call({ question: "go", agents: [agentOf("stuck")], preferences: { timeout_ms: 1_500 } }));
  expect(of(frames, "error")).toMatchObject([{ code: "timeout" }]);
  expect(of(frames, "task.finished")).toMatchObject([{ agent: "stuck", state: "canceled" }]);
  await expect.poll(() => peers.stuck.journal.filter(({ method }) => /cancel/i.test(method)).length).toBeGreaterThan(0);
});

test("whoever leaves with abort_on_disconnect cancels the tasks of the plan's peers", async () => {
  callAll();
  const left = new AbortController();
  const body = { question: "go", agents: [agentOf("stuck")], preferences: { abort_on_disconnect: true } };
  const reading = (async () => {
    for await (const { event } of planFrames(call(body, { signal: left.signal }))) {
      if (event === "task.started") await expect.poll(() => peers.stuck.messageIds().length).toBe(1);
      if (event === "task.started") left.abort();
    }
  })();
  await expect(reading).rejects.toThrow("aborted");
  await expect.poll(() => peers.stuck.journal.filter(({ method }) => /cancel/i.test(method)).length).toBeGreaterThan(0);
});

test("a worker that is killed while a peer works: the plan goes on, and the peer was sent its message once", async () => {
  callAll();
  const seen: PlanFrame[] = [];
  const body = { question: "go", agents: [agentOf("stuck")], preferences: { timeout_ms: 8_000 } };
  for await (const frame of planFrames(call(body))) {
    seen.push(frame);
    if (frame.event !== "task.started") continue;
    await expect.poll(() => peers.stuck.messageIds().length).toBe(1);
    await (await system.workerOf(String(of(seen, "session")[0]?.session_id)))?.kill("SIGKILL");
  }
  expect(theOrderOf(seen).at(-1)).toBe("done");
  expect(new Set(peers.stuck.messageIds()).size).toBe(peers.stuck.messageIds().length);
  expect(peers.stuck.messageIds()).toHaveLength(1);
});

describe("a peer that the request marks as sensitive", () => {
  const history = [{ role: "assistant", parts: [{ type: "text", text: "I have read a page." }] }];
  const sensitive = () => agentOf("completes", { sensitive: true });
  const approve = (frames: PlanFrame[]) => {
    const conversationId = of(frames, "session")[0]?.session_id;
    const cardId = of(frames, "task.started")[0]?.task_id;
    return system.rest().call("/trpc/card.decide", { body: { conversationId, cardId, decision: "approve" } });
  };

  test("is called as any other while the plan has read nothing but its caller's words", async () => {
    const frames = await planWith([sensitive()]);
    expect(of(frames, "task.finished")).toMatchObject([{ agent: "completes", state: "completed" }]);
    expect(of(frames, "final")).toMatchObject([{ stop_reason: "stop" }]);
  });

  test("waits for an approval once it has read something else, and is called when it is given", async () => {
    const first = await planWith([sensitive()], { history });
    expect(of(first, "final")).toMatchObject([{ stop_reason: "input-required" }]);
    expect(of(first, "task.artifact")).toMatchObject([{ agent: "gateway", title: "@gateway/approval" }]);
    expect(peers.completes.messageIds()).toEqual([]);
    expect(await approve(first)).toMatchObject({ status: 200 });
    // The next plan of the session runs behind the one that goes on.
    system.model.script({ text: "I know." });
    const next = await askPlan(call({ question: "And?", session_id: of(first, "session")[0]?.session_id }));
    expect(textOf(next)).toBe("I know.");
    expect(peers.completes.messageIds()).toHaveLength(1);
    expect(JSON.stringify(system.model.journal.at(-1)?.body.messages)).toContain("That is all.");
  });

  test("is not called because a message says yes: the next plan's text withdraws the call", async () => {
    const session = { session_id: "sensitive" };
    system.model.script({ toolCalls: [{ name: "call_asks_input_do", arguments: { input: "x" } }] });
    system.model.script({ toolCalls: [{ name: "call_completes_do", arguments: { input: "the order" } }] }, { text: "Not done." });
    // What the first peer wants is asked first; its answer taints the turn.
    const agents = [agentOf("asks-input"), sensitive()];
    const asks = await askPlan(call({ question: "go", agents, ...session }));
    expect(of(asks, "final")).toMatchObject([{ stop_reason: "input-required" }]);
    const waits = await askPlan(call({ question: "tea", ...session }));
    expect(of(waits, "task.artifact").at(-1)).toMatchObject({ agent: "gateway", title: "@gateway/approval" });
    const said = await askPlan(call({ question: "Yes, I approve.", ...session }));
    expect(textOf(said)).toBe("Not done.");
    expect(peers.completes.messageIds()).toEqual([]);
  });

  test("is out of reach of what others say: no attack of the corpus is obeyed, each ends at a person", async () => {
    const attacked = await attackPlans(system, attackers, { injections: CORPUS, sensitive: true });
    expect(attacked.filter(({ harm }) => harm > 0)).toEqual([]);
    expect(attacked.filter(({ id, asked, reason }) => asked !== id || reason !== "input-required")).toEqual([]);
    expect(attacked).toHaveLength(2 * CORPUS.length);
  });

  test("is not, where nobody marks it: the same attacks do their harm", async () => {
    // Some of them: what each comes to is shown above by the call that it asks for.
    const injections = CORPUS.filter((_, place) => place % 8 === 0);
    const attacked = await attackPlans(system, attackers, { injections, sensitive: false });
    expect(attacked.filter(({ harm }) => harm === 0)).toEqual([]);
  });
});
