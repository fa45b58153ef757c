import { openWorld, type World } from "@parley/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isEnd, logUntil, start } from "../engine/testing/start.ts";
import { type ScriptedPeer, startScriptedPeer, taskAt } from "./support/scripted-peer.ts";

/** Only a hang reaches it, on a busy machine, too. */
const PATIENCE = { timeout: 20_000 };

let peer: ScriptedPeer;
let world: World;
beforeAll(async () => {
  peer = await startScriptedPeer();
  world = await openWorld({ allow: [peer.host], workers: 2, leaseMs: 1_500, heartbeatMs: 200, limits: { peerCancelsMax: 1 } });
});
afterAll(async () => {
  await world?.close();
  await peer?.close();
});

async function lost(deduplicates: boolean, at: "answered" | "unanswered") {
  peer.journal.length = 0;
  let isDead = false;
  peer.on("message/send", () => {
    if (at === "unanswered" && !isDead) return new Promise(() => {});
    return { result: taskAt("working", { id: "task-1" }) };
  });
  peer.on("tasks/get", () => ({
    result: isDead ? taskAt("completed", { id: "task-1", text: "survived" }) : taskAt("working", { id: "task-1" }),
  }));
  world.model.script({ toolCalls: [{ name: "call_jester_joke", arguments: { input: "one" } }] }, { text: ["told"] });
  const made = await world.gateway.createPeer(world.caller, {
    ...{ name: "Jester", endpoint: peer.url, auth: { type: "none" }, skills: [{ id: "joke", tags: [], outputModes: [] }] },
    ...{ trust: { verifyDid: false, policy: "lenient", onBadSignature: "fail" }, priceMicros: 7, timeoutMs: null, deduplicates },
  });
  const agent = await world.agent({ peers: [{ peerId: made.id }] });
  const { execution } = await start(world, agent, "A joke");
  await expect.poll(() => (at === "answered" ? peer.asked("tasks/get").length : peer.messageIds().length), PATIENCE).toBeGreaterThan(0);
  const busy = world.workers.filter(({ engine }) => engine.activeTurns() > 0);
  expect(busy).toHaveLength(1);
  isDead = true;
  for (const worker of busy) worker.freeze();
  const log = await logUntil(world, execution.id, isEnd);
  for (const worker of busy) worker.thaw();
  const finished = log.flatMap((event) => (event.type === "child.finished" ? [event.data] : []));
  const recorded = await world.sql.owner`select price_micros::int as price from peer_usage where conversation_id = ${execution.id}`;
  const charged = async () => {
    const charges = () => world.sql.owner`
      select amount_micros::int as micros from charges where source_type = 'peer' and conversation_id = ${execution.id}`;
    await expect.poll(async () => (await charges()).length, PATIENCE).toBeGreaterThan(0);
    return [...(await charges())];
  };
  const ledger = async () =>
    (await world.sql.owner`select id, state, task_id, cancel_outcome from peer_calls where conversation_id = ${execution.id}`)[0];
  return { finished, recorded, charged, ledger };
}

test("a worker that dies while its peer works: the task is found again, and nothing is sent twice", async () => {
  const { finished, recorded, charged } = await lost(false, "answered");
  expect(finished).toMatchObject([{ status: "completed", report: { state: "completed", taskId: "task-1" } }]);
  expect(peer.messageIds()).toHaveLength(1);
  expect(recorded).toEqual([{ price: 7 }]);
  expect(await charged()).toEqual([{ micros: 7 }]);
});

test("a worker that dies before it knows the task: the call is not made again, its outcome is unknown, and a task that is named after all is cancelled", async () => {
  peer.on("tasks/cancel", ({ params }) => ({ result: taskAt("canceled", { id: String(params.id) }) }));
  const { finished, ledger } = await lost(false, "unanswered");
  expect(finished).toMatchObject([{ status: "error", report: { state: "unknown" } }]);
  expect(peer.messageIds()).toHaveLength(1);
  await expect.poll(ledger, PATIENCE).toMatchObject({ state: "ended", task_id: null, cancel_outcome: "untold" });
  expect(peer.asked("tasks/cancel")).toEqual([]);
  const { id } = (await ledger()) as { id: string };
  const { organizationId } = world.caller;
  const task = { organizationId, id, taskId: "task-late", contextId: null, sealed: null };
  expect(await world.database.peerCalls.recordTask(task)).toBe(false);
  await expect.poll(ledger, PATIENCE).toMatchObject({ state: "ended", task_id: "task-late", cancel_outcome: "told" });
  expect(peer.asked("tasks/cancel").map(({ params }) => params.id)).toEqual(["task-late"]);
});

test("the same, where the peer knows a repeated message: it is sent again under the same id", async () => {
  const { finished, charged } = await lost(true, "unanswered");
  expect(finished).toMatchObject([{ status: "completed", report: { state: "completed" } }]);
  expect(await charged()).toEqual([{ micros: 7 }]);
  expect(new Set(peer.messageIds()).size).toBe(1);
  expect(peer.messageIds()).toHaveLength(2);
});
