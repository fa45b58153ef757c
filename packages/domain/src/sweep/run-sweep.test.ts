import { LIMITS } from "@parley/contracts";
import { describe, expect, it } from "vitest";
import type { OrderLines } from "../job-queue.ts";
import { movedClock } from "../testing/moved-clock.ts";
import { silentLog } from "../testing/silent-log.ts";
import { runSweep } from "./run-sweep.ts";
import type { SweepStore } from "./sweep-store.ts";

const LEASE_MS = 10_000;
const never = () => Promise.reject(new Error("not asked for"));

/** A sweep under a moved clock; `store` may be changed while it runs. */
function sweep(changes: Partial<SweepStore> = {}) {
  const clock = movedClock();
  const asked: { atMs: number; takeovers: boolean }[] = [];
  const orders: string[] = [];
  const store: SweepStore = {
    holdOffice: async () => true,
    takeRepairs: async ({ takeovers }) => {
      asked.push({ atMs: clock.monotonicMs(), takeovers });
      return [];
    },
    takeCompactions: async () => [],
    takeResponses: async () => [],
    returnRepairs: async () => undefined,
    findReady: async () => [],
    stillReady: never,
    countKicks: async () => undefined,
    takeGoneMedia: never,
    takeWaitingHooks: async () => [],
    loseKeepers: async () => undefined,
    findUnposted: async () => [],
    findSettlements: async () => [],
    findCardLook: async () => null,
    lookAtBooks: async () => ({ faults: 0, found: [], unpostedAgeMs: null }),
    readWeights: async () => new Map(),
    prepareMonths: never,
    forget: never,
    takeUnlooked: never,
    ...changes,
  };
  const stop = new AbortController();
  /** Conversations that Redis takes no order for. */
  const failing = new Set<string>();
  const queue = {
    enqueue: async (name: string, payload: object, { once = "" }: { once?: string } = {}) => {
      const conversationId = "id" in payload ? String(payload.id) : "conversationId" in payload ? String(payload.conversationId) : once;
      if (failing.has(conversationId)) throw new Error("Redis is away.");
      orders.push(`${name} ${conversationId}`);
    },
  };
  const weighed: { atMs: number; weights: ReadonlyMap<string, number> }[] = [];
  const lines: OrderLines = {
    findMissing: async () => [],
    restore: never,
    weigh: async (weights) => void weighed.push({ atMs: clock.monotonicMs(), weights }),
  };
  const told: unknown[] = [];
  const metrics = { booksSeen: (seen: unknown) => told.push(seen), settlementsDue: (due: unknown) => told.push(due) };
  const ended = runSweep(
    { store, queue, lines, clock, metrics, log: silentLog, workerId: "w", leaseMs: LEASE_MS, limits: LIMITS, takesCards: true },
    stop.signal,
  );
  return {
    clock,
    asked,
    orders,
    failing,
    store,
    weighed,
    told,
    async end() {
      stop.abort();
      await ended;
      expect(clock.sleepers()).toBe(0);
    },
  };
}

describe("runSweep", () => {
  it("looks every second, and orders one repair for each conversation it finds", async () => {
    const found = [
      { organizationId: "o", conversationId: "a" },
      { organizationId: "o", conversationId: "b" },
    ];
    const { clock, orders, asked, end, store } = sweep();
    await clock.move(3_000);
    expect(asked).toEqual([1_000, 2_000, 3_000].map((atMs) => ({ atMs, takeovers: true })));
    store.takeRepairs = async () => found.splice(0);
    await clock.move(2_000);
    expect(orders).toEqual(["turn.reap a", "turn.reap b"]);
    await end();
  });

  it("tells what is due of payments and whether the books are in order, and nothing more once another worker sweeps", async () => {
    const key = { organizationId: "o", id: "i" };
    const { clock, store, told, end } = sweep({
      findSettlements: async () => [
        { kind: "refund", ...key },
        { kind: "refund", ...key },
      ],
      lookAtBooks: async () => ({ faults: 1, found: [{ organizationId: "o", problems: ["a"] }], unpostedAgeMs: 7 }),
    });
    await clock.move(1_000);
    expect(told.splice(0)).toEqual([
      { purchase: 0, challenge: 0, refund: 2, channel: 0, session: 0 },
      { faults: 1, unpostedAgeMs: 7 },
    ]);
    store.holdOffice = async () => false;
    await clock.move(1_000);
    expect(told.splice(0)).toEqual([null, null]);
    store.holdOffice = () => Promise.reject(new Error("Postgres is away."));
    await clock.move(1_000);
    expect(told).toEqual([null, null]);
    await end();
  });

  it("does nothing while another worker holds the office", async () => {
    const { clock, asked, end } = sweep({ holdOffice: async () => false });
    await clock.move(5_000);
    expect(asked).toEqual([]);
    await end();
  });

  it("waits one whole lease before it takes anything over when it missed its own ticks, as after a pause", async () => {
    const { clock, asked, store, end } = sweep();
    await clock.move(1_000);
    store.holdOffice = () => Promise.reject(new Error("Postgres is away."));
    await clock.move(8_000);
    store.holdOffice = async () => true;
    await clock.move(LEASE_MS + 2_000);
    expect(asked[0]).toEqual({ atMs: 1_000, takeovers: true });
    expect(
      asked
        .slice(1)
        .filter((one) => one.takeovers)
        .map((one) => one.atMs),
    ).toEqual([20_000, 21_000]);
    expect(
      asked
        .slice(1)
        .filter((one) => !one.takeovers)
        .map((one) => one.atMs),
    ).toEqual(Array.from({ length: 10 }, (_, index) => 10_000 + index * 1_000));
    await end();
  });

  it("takes nothing over in the very tick whose own question hung: the renewals hung with it", async () => {
    const { clock, asked, store, end } = sweep();
    await clock.move(1_000);
    store.holdOffice = async () => {
      store.holdOffice = async () => true;
      await clock.sleep(15_000);
      return true;
    };
    await clock.move(16_000);
    expect(asked.at(-1)).toEqual({ atMs: 17_000, takeovers: false });
    await clock.move(LEASE_MS);
    expect(asked.at(-1)).toEqual({ atMs: 27_000, takeovers: true });
    await end();
  });

  it("does not take a tick with much to do for a pause: takeovers are not put off", async () => {
    const { clock, asked, store, end } = sweep();
    store.takeCompactions = async () => {
      await clock.sleep(LEASE_MS / 2 + 500);
      return [];
    };
    await clock.move(20_000);
    expect(asked.map(({ takeovers }) => takeovers)).toEqual([true, true, true, true]);
    store.takeCompactions = async () => [];
    await clock.move(LEASE_MS);
    await end();
  });

  it("outlives a tick that fails, and a short delay changes nothing", async () => {
    const { clock, asked, store, end } = sweep();
    store.takeRepairs = async () => {
      throw new Error("no");
    };
    await clock.move(1_000);
    store.takeRepairs = async ({ takeovers }) => {
      asked.push({ atMs: clock.monotonicMs(), takeovers });
      return [];
    };
    await clock.move(1_000);
    expect(asked).toEqual([{ atMs: 2_000, takeovers: true }]);
    await end();
  });

  it("takes no silent process for lost before it has worked for a lease, and after a pause: Postgres may have been away for all", async () => {
    const losses: number[] = [];
    const { clock, store, end } = sweep();
    store.loseKeepers = async () => void losses.push(clock.monotonicMs());
    await clock.move(LEASE_MS + 1_000);
    expect(losses).toEqual([10_000, 11_000]);
    store.holdOffice = () => Promise.reject(new Error("Postgres is away."));
    await clock.move(8_000);
    store.holdOffice = async () => true;
    await clock.move(LEASE_MS + 1_000);
    expect(losses.slice(2)).toEqual([30_000]);
    await end();
  });

  it("does the rest of its work where any part of it fails, each second", async () => {
    const wrong = () => Promise.reject(new Error("not what a row looks like"));
    const { clock, orders, end } = sweep({
      ...{ takeRepairs: wrong, findReady: wrong, readWeights: wrong, takeCompactions: wrong, takeResponses: wrong, loseKeepers: wrong },
      findUnposted: async () => ["o"],
      ...{ findSettlements: wrong, takeWaitingHooks: async () => [{ organizationId: "o", id: "h" } as never] },
    });
    await clock.move(2_000);
    expect(orders).toEqual(["billing.post o 0", "hook.run h", "billing.post o 0", "hook.run h"]);
    await end();
  });

  it("gives back what could not be ordered, so that it does not wait longer once Redis is there", async () => {
    const returned: string[] = [];
    const key = (conversationId: string) => ({ organizationId: "o", conversationId });
    const run = sweep({
      takeRepairs: async () => [key("a"), key("b")],
      returnRepairs: async (keys) => void returned.push(...keys.map(({ conversationId }) => conversationId)),
    });
    run.failing.add("b");
    await run.clock.move(1_000);
    await run.end();
    expect(run.orders).toEqual(["turn.reap a"]);
    expect(returned).toEqual(["b"]);
  });

  it("says the weights every ten seconds, so that Redis may forget them", async () => {
    const { clock, weighed, end } = sweep({ readWeights: async () => new Map([["o", 3]]) });
    await clock.move(21_000);
    expect(weighed.map(({ atMs }) => atMs)).toEqual([1_000, 11_000, 21_000]);
    expect(weighed[0]?.weights).toEqual(new Map([["o", 3]]));
    await end();
  });

  it("orders a response under one name until somebody has had the right to write it, and takes none over too early", async () => {
    const asked: boolean[] = [];
    const { clock, orders, end, store } = sweep();
    let epoch = 0;
    store.takeResponses = async ({ takeovers }) => {
      asked.push(takeovers);
      return [{ organizationId: "o", responseId: "r", epoch }];
    };
    await clock.move(2_000);
    epoch = 1;
    await clock.move(1_000);
    expect(orders).toEqual(["response.run r-0", "response.run r-0", "response.run r-1"]);
    store.holdOffice = async () => {
      await clock.sleep(LEASE_MS);
      return true;
    };
    await clock.move(1_000 + LEASE_MS);
    expect(asked).toEqual([true, true, true, false]);
    await clock.move(1_000 + LEASE_MS);
    await end();
  });

  it("has payments brought to an end that nobody is at: calls that were left, payments whose outcome nobody knows, cards that are owed money, channels; and has lost events looked for; what Redis does not take is found again", async () => {
    const order = (kind: "purchase" | "challenge" | "refund" | "channel", id: string) => ({ kind, organizationId: "o", id });
    const { clock, orders, failing, end } = sweep({
      findSettlements: async () => [
        order("purchase", "left"),
        order("purchase", "stuck"),
        order("challenge", "unknown"),
        order("refund", "owed"),
        order("channel", "idle"),
      ],
      findCardLook: async () => 7,
    });
    failing.add("stuck");
    await clock.move(1_000);
    const others = ["payment.settle unknown", "payment.settle owed", "payment.settle idle", "card.recover card look 7"];
    expect(orders).toEqual(["payment.settle left", ...others]);
    failing.clear();
    await clock.move(1_000);
    expect(orders.slice(5)).toEqual(["payment.settle left", "payment.settle stuck", ...others]);
    await end();
  });
});
