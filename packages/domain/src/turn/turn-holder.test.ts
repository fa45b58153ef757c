import { GatewayError, LIMITS } from "@parley/contracts";
import { describe, expect, it } from "vitest";
import type { LiveTail } from "../log/live-tail.ts";
import { movedClock } from "../testing/moved-clock.ts";
import { noNotes } from "../testing/no-notes.ts";
import { silentLog } from "../testing/silent-log.ts";
import { createTurnHolder } from "./turn-holder.ts";
import type { ClaimedTurn, Renewal, TurnStore } from "./turn-store.ts";

const claim = (conversationId: string, epoch = 7) =>
  ({ organizationId: "o", conversationId, epoch, n: 1, turn: { id: `t-${conversationId}` } }) as ClaimedTurn;

/** A holder of 10 s leases over a store whose renewals say `facts`, or fail. */
function holding(facts: Partial<Renewal> = {}) {
  const clock = movedClock();
  const store = { facts, failures: 0, asked: 0, commits: [] as string[] };
  const turns = {
    async renew(asked: { conversationId: string; epoch: number }[]): Promise<Renewal[]> {
      store.asked += 1;
      if (store.failures > 0) {
        store.failures -= 1;
        throw new GatewayError("storage_unavailable");
      }
      return asked.map(({ conversationId, epoch }) => ({
        conversationId,
        epoch,
        alive: true,
        stopReason: null,
        inbox: false,
        ...store.facts,
      }));
    },
    async commit({ conversationId, epoch, n }: { conversationId: string; epoch: number; n: number }) {
      store.commits.push(conversationId);
      return { outcome: "ok", n, epoch, kick: false, events: [], parent: null };
    },
  } as unknown as TurnStore;
  const tail = { publish: () => undefined } as unknown as LiveTail;
  const holder = createTurnHolder(
    { store: turns, tail, clock, log: silentLog, limits: LIMITS, notes: noNotes },
    { leaseMs: 10_000, heartbeatMs: 1_000 },
  );
  const stop = new AbortController();
  const beating = () => {
    const ended = holder.beat(stop.signal);
    return async () => {
      stop.abort();
      await ended;
    };
  };
  return { clock, store, holder, beating, hold: (id: string, epoch?: number) => holder.hold(claim(id, epoch), () => undefined) };
}

describe("a held turn", () => {
  it("is fresh for a while after a write, and is renewed when an effect is to be started later", async () => {
    const { clock, store, hold } = holding();
    const turn = hold("a");
    await clock.move(5_000);
    await turn.ensureFresh();
    expect(store.asked).toBe(0);
    await clock.move(2_000);
    await turn.ensureFresh();
    expect(store.asked).toBe(1);
  });

  it("waits while Postgres is away, and starts nothing until its lease is surely its own", async () => {
    const { clock, store, hold } = holding();
    const turn = hold("a");
    await clock.move(7_000);
    store.failures = 3;
    let fresh = false;
    const waiting = turn.ensureFresh().then(() => {
      fresh = true;
    });
    await clock.move(500);
    expect(fresh).toBe(false);
    await clock.move(1_000);
    await waiting;
    expect(store.asked).toBe(4);
  });

  it("ends where another has taken over, where the user stopped it, or where it ended while it waited", async () => {
    for (const [facts, reason] of [
      [{ alive: false }, "lease_lost"],
      [{ stopReason: "user_stop" }, "user_stop"],
    ] as const) {
      const { clock, hold } = holding(facts);
      const turn = hold("a");
      await clock.move(7_000);
      await expect(turn.ensureFresh()).rejects.toMatchObject({ reason });
      expect(turn.signal.reason).toMatchObject({ reason });
    }
  });

  it("has lost its lease when its conversation is claimed again by the same worker", () => {
    const { holder, hold } = holding();
    const old = hold("a", 7);
    const next = hold("a", 8);
    expect(old.signal.reason).toMatchObject({ reason: "lease_lost" });
    expect(next.signal.aborted).toBe(false);
    holder.letGo(old);
    expect(holder.active()).toEqual([next]);
  });
});

describe("the heartbeat", () => {
  it("renews every turn with one question, and folds in what waits for one", async () => {
    const { clock, store, holder, hold, beating } = holding({ inbox: true });
    hold("a");
    const gone = hold("b");
    const end = beating();
    await clock.move(1_000);
    expect(store.asked).toBe(1);
    expect(store.commits).toEqual(["a", "b"]);
    holder.letGo(gone);
    await clock.move(1_000);
    expect(store.commits).toEqual(["a", "b", "a"]);
    await end();
  });

  it("goes on after one that failed", async () => {
    const { clock, store, hold, beating } = holding();
    const turn = hold("a");
    const end = beating();
    store.failures = 2;
    await clock.move(3_000);
    expect([store.asked, turn.signal.aborted]).toEqual([3, false]);
    await end();
  });
});
