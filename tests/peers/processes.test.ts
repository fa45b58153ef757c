import { randomUUID } from "node:crypto";
import { at, type PeerServer, type System, startPeerServer, startSystem } from "@parley/testkit";
import postgres from "postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { callTrpc } from "../system/support/call-trpc.ts";
import { type ScriptedPeer, startScriptedPeer, taskAt } from "./support/scripted-peer.ts";

let peer: ScriptedPeer;
/** Speaks 1.0 and can be asked for its tasks. */
let listing: PeerServer;
let system: System;
let agentId: string;
beforeAll(async () => {
  peer = await startScriptedPeer({ capabilities: { pushNotifications: true } });
  listing = await startPeerServer({ manner: "scripted" });
  const allow = [peer.host, listing.host];
  system = await startSystem({ workers: 2, leaseMs: 2_000, allow, env: { PUBLIC_URL: "https://gateway.example" } });
  const made = await trpc("peer.create", { name: "Jester", endpoint: peer.url, skills: [{ id: "joke" }], priceMicros: 7 });
  agentId = await system.ours.newAgent({ peers: [{ peerId: String(at(made, "id")) }] });
  system.model.when(
    ({ body, lastUserText }) => body.messages?.at(-1)?.role === "user" && lastUserText.startsWith("listing "),
    ({ lastUserText }) => ({ toolCalls: [{ name: "call_listing_do", arguments: { input: lastUserText } }] }),
  );
  system.model.when(({ body }) => body.messages?.at(-1)?.role === "user", {
    toolCalls: [{ name: "call_jester_joke", arguments: { input: "one" } }],
  });
  system.model.otherwise({ text: ["told"] });
});
afterAll(async () => {
  await system?.close();
  await Promise.all([peer?.close(), listing?.close()]);
});

async function trpc(name: string, input: unknown): Promise<unknown> {
  const outcome = await callTrpc(system.rest(), "mutation", name, input);
  if (!outcome.ok) throw new Error(`${name} was refused: ${outcome.code}`);
  return outcome.data;
}

async function begin(taskId: string): Promise<{ conversationId: string; finish(): void; execution(): Promise<unknown> }> {
  let isDone = false;
  peer.journal.length = 0;
  peer.on("message/send", () => ({ result: taskAt("working", { id: taskId }) }));
  peer.on("tasks/get", () => ({
    result: isDone ? taskAt("completed", { id: taskId, text: "Knock knock." }) : taskAt("working", { id: taskId }),
  }));
  const conversationId = String(at(await trpc("turn.submit", { agentId, text: "A joke" }), "conversationId"));
  return {
    conversationId,
    finish: () => {
      isDone = true;
    },
    execution: async () => at(await callTrpc(system.rest(), "query", "execution.get", { executionId: conversationId }), "data"),
  };
}

test("a worker that is killed in the middle of a call is followed by another, which finds the task: the peer was sent one message", async () => {
  const { conversationId, finish, execution } = await begin("task-killed");
  await expect.poll(() => peer.asked("tasks/get").length, { timeout: 20_000, interval: 20 }).toBeGreaterThan(0);
  const worker = await system.workerOf(conversationId);
  await worker?.kill("SIGKILL");
  finish();
  await expect.poll(async () => at(await execution(), "status"), { timeout: 30_000 }).toBe("completed");
  expect(at(await execution(), "result")).toBe("told");
  expect(peer.messageIds()).toHaveLength(1);
  await worker?.restart();
});

test("a peer that calls back with its token is asked at once; any other token, and that one once the call is over, is refused", async () => {
  const { finish, execution } = await begin("task-pushed");
  // After the fifth look five seconds pass before the next one.
  await expect.poll(() => peer.asked("tasks/get").length, { timeout: 20_000, interval: 20 }).toBeGreaterThanOrEqual(5);
  const config = at(peer.asked("message/send")[0]?.params, "configuration", "pushNotificationConfig");
  const path = new URL(String(at(config, "url"))).pathname;
  expect(path).toMatch(/^\/peers\/push\//);
  const push = (to: string, token: string) =>
    system.rest(0, null).call(to, { method: "POST", body: { kind: "task" }, headers: { "x-a2a-notification-token": token } });
  const token = String(at(config, "token"));
  expect(await push(path, "wrong")).toMatchObject({ status: 401 });
  expect(await push(`/peers/push/${randomUUID()}`, token)).toMatchObject({ status: 401 });
  expect(await push("/peers/push/%00", token)).toMatchObject({ status: 401 });
  const looks = peer.asked("tasks/get").length;
  finish();
  expect(await push(path, token)).toMatchObject({ status: 200, body: { received: true } });
  await expect.poll(() => peer.asked("tasks/get").length, { timeout: 4_000, interval: 20 }).toBeGreaterThan(looks);
  await expect.poll(async () => at(await execution(), "status"), { timeout: 20_000 }).toBe("completed");
  expect(await push(path, token)).toMatchObject({ status: 401 });
});

test("a call that is stopped after its worker was killed, before the peer had answered: the task is found by its message, and it alone is cancelled", async () => {
  const made = await trpc("peer.create", { name: "Listing", endpoint: listing.url, skills: [{ id: "do" }] });
  const caller = await system.ours.newAgent({ peers: [{ peerId: String(at(made, "id")) }] });
  const say = async (text: string) => String(at(await trpc("turn.submit", { agentId: caller, text }), "conversationId"));
  await say("listing forever, and wanted");
  await expect.poll(() => listing.tasks.length, { timeout: 20_000, interval: 20 }).toBe(1);
  const conversationId = await say("listing forever, late:60000");
  await expect.poll(() => listing.tasks.length, { timeout: 20_000, interval: 20 }).toBe(2);
  const worker = await system.workerOf(conversationId);
  await worker?.kill("SIGKILL");
  await trpc("conversation.stop", { conversationId });
  await expect.poll(() => listing.tasks[1]?.ends, { timeout: 30_000 }).toMatchObject([{ state: "canceled" }]);

  const owner = postgres(system.ownerUrl, { max: 1, onnotice: () => undefined });
  const row = async () =>
    (await owner`select state, cancel_outcome, task_id, sealed from peer_calls where conversation_id = ${conversationId}`)[0];
  const told = { state: "ended", cancel_outcome: "told", task_id: listing.tasks[1]?.id, sealed: null };
  await expect.poll(row, { timeout: 20_000 }).toEqual(told);
  await owner.end();
  expect(listing.messageIds()).toHaveLength(2);
  const cancels = listing.journal.filter(({ method }) => method === "CancelTask").map(({ taskId }) => taskId);
  expect(new Set(cancels)).toEqual(new Set([listing.tasks[1]?.id]));
  expect(listing.tasks[0]?.ends).toEqual([]);
  await worker?.restart();
});
