import { peerMessageId } from "@parley/contracts";
import { expect, test } from "vitest";
import { systemClock } from "../clock.ts";
import { silentLog } from "../testing/silent-log.ts";
import { type CancelPorts, cancelPeerCalls } from "./cancel-peer-calls.ts";
import type { PeerCallRow, TriedCancel } from "./peer-store.ts";

const CALL: PeerCallRow = {
  ...{ id: "0198a000-0000-7000-8000-000000000001", organizationId: "o", conversationId: "c", turnId: "t", state: "canceling", round: 1 },
  ...{ taskId: null, contextId: "context", peerState: null, prompt: null, cardId: null, cancelTries: 1, peerRef: "p", sealed: null },
  ...{ skill: null, input: {}, priorTaskIds: [] },
  target: {
    ...{ peerId: null, name: "Peer", endpoint: "http://peer.example", auth: { type: "none" }, place: "", timeoutMs: null, changedAt: null },
    ...{ trust: { verifyDid: false, policy: "lenient", onBadSignature: "fail" }, deduplicates: false },
  },
};

interface Said {
  find?: () => Promise<string | null>;
  cancel?: () => Promise<void>;
}

/** Tries once. */
async function tried(
  call: Partial<PeerCallRow>,
  { find = async () => null, cancel = async () => undefined }: Said,
  stopsMeanwhile = false,
) {
  const stop = new AbortController();
  const written: (TriedCancel & { how: string })[] = [];
  const asked: unknown[] = [];
  const note = (how: string) => async (one: TriedCancel) => {
    written.push({ how, ...one });
    stop.abort();
  };
  const meet = <Answer>(answer: () => Promise<Answer>) => {
    if (stopsMeanwhile) stop.abort();
    return answer();
  };
  const ports: CancelPorts = {
    outbox: { take: async () => (written.length === 0 ? [{ ...CALL, ...call }] : []) },
    calls: { endCancel: note("ended"), deferCancel: note("deferred") },
    client: {
      find({ messageId, contextId }) {
        asked.push({ messageId, contextId });
        return meet(find);
      },
      cancel({ taskId }) {
        asked.push({ taskId });
        return meet(cancel);
      },
    },
    ...{ vault: null, clock: systemClock, log: silentLog, limits: { peerCancelsMax: 3 } },
  };
  await cancelPeerCalls(ports, stop.signal);
  return { written, asked };
}

const unreachable = () => Promise.reject(new Error("away"));

test("a task that has a name is cancelled by it; one that has none is found by the message of its call first", async () => {
  const named = await tried({ taskId: "task" }, {});
  expect(named).toMatchObject({ asked: [{ taskId: "task" }], written: [{ how: "ended", outcome: "told", taskId: "task" }] });
  const found = await tried({}, { find: async () => "found" });
  expect(found.asked).toEqual([{ messageId: peerMessageId(CALL.id, 1), contextId: "context" }, { taskId: "found" }]);
  expect(found.written).toMatchObject([{ how: "ended", outcome: "told", taskId: "found" }]);
});

test("what does not come about is tried again, so many times, and then given up with the reason", async () => {
  expect((await tried({ cancelTries: 2 }, {})).written).toMatchObject([{ how: "deferred", outcome: "not_found", taskId: null }]);
  expect((await tried({ cancelTries: 3 }, {})).written).toMatchObject([{ how: "ended", outcome: "not_found", taskId: null }]);
  expect((await tried({ cancelTries: 3 }, { find: unreachable })).written).toMatchObject([{ how: "ended", outcome: "untold" }]);
  const cancelled = { find: async () => "found", cancel: unreachable };
  expect((await tried({ cancelTries: 1 }, cancelled)).written).toMatchObject([{ how: "deferred", outcome: "untold", taskId: "found" }]);
});

test("a try that our own end cuts short is no try: nothing is given up for it", async () => {
  expect((await tried({ cancelTries: 3 }, { find: unreachable }, true)).written).toEqual([]);
});
