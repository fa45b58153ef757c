import type { Limits } from "@parley/contracts";
import type { Clock } from "../clock.ts";
import type { EngineMetrics } from "../engine-metrics.ts";
import { hookPayload } from "../hook/hook-payload.ts";
import type { JobQueue, OrderLines } from "../job-queue.ts";
import type { Log } from "../logger.ts";
import { orderResponse } from "../responses/order-response.ts";
import { jobPayload } from "../turn/kick.ts";
import type { ConversationKey } from "../turn/turn-store.ts";
import { ensureKicks } from "./ensure-kicks.ts";
import { orderPostings } from "./order-postings.ts";
import { orderSettlements } from "./order-settlements.ts";
import type { SweepStore } from "./sweep-store.ts";
import { watchMoney } from "./watch-money.ts";

const TICK_MS = 1_000;
/** Also where the work of a tick takes longer than a tick. */
const PAUSE_MS = 250;
const OFFICE = "sweep";
/**
 * Another worker takes the sweep over when its holder is silent this long: the dead one may have held both, and a takeover has two seconds beyond
 * its lease. On a busy machine it may change hands between two ticks, which costs nothing.
 */
const OFFICE_MS = 1_500;
const REPAIRS_MAX = 500;
/** Redis may forget them at any moment. */
const WEIGHTS_MS = 10_000;

interface SweepPorts {
  store: SweepStore;
  queue: JobQueue;
  lines: OrderLines;
  clock: Clock;
  log: Log;
  metrics: Pick<EngineMetrics, "booksSeen" | "settlementsDue">;
  workerId: string;
  leaseMs: number;
  limits: Pick<Limits, "purchaseKeptMs">;
  /** Whether anybody pays by card here. */
  takesCards: boolean;
}

/**
 * Every second the elected worker looks for conversations that need somebody and gives one repair order for each, and makes
 * sure of the kicks of those that are ready.
 * A sweep that missed its own ticks for more than half a lease (paused, or Postgres was away) first waits one whole
 * lease: the workers were likely as unable to renew as it was to tick. Ends when the signal aborts.
 */
export async function runSweep(ports: SweepPorts, signal: AbortSignal): Promise<void> {
  const { store, queue, lines, clock, log, metrics, workerId, leaseMs } = ports;

  /** What cannot be ordered while Redis is away must not wait longer for it afterwards. */
  async function order(found: ConversationKey[]): Promise<void> {
    const outcomes = await Promise.allSettled(found.map((key) => queue.enqueue("turn.reap", jobPayload(key))));
    const undelivered = found.filter((_, index) => outcomes[index]?.status === "rejected");
    if (undelivered.length > 0) await store.returnRepairs(undelivered);
  }

  let weighedAtMs = Number.NEGATIVE_INFINITY;
  async function weigh(): Promise<void> {
    const nowMs = clock.monotonicMs();
    if (nowMs - weighedAtMs < WEIGHTS_MS) return;
    await lines.weigh(await store.readWeights());
    weighedAtMs = nowMs;
  }

  /** Whatever is wrong with one part of a tick, a row of its own or a statement that takes too long, the other parts are done. */
  async function attempt(part: string, work: () => Promise<unknown>): Promise<void> {
    if (signal.aborted) return;
    await work().catch((error: unknown) => log.warn({ err: error, part }, "a part of the sweep failed"));
  }

  let lastTickMs = clock.monotonicMs();
  let takeoversFromMs = lastTickMs;
  /** What this process has seen is another's to tell, or nobody's, now. */
  function forgetMoney(): void {
    metrics.booksSeen(null);
    metrics.settlementsDue(null);
  }

  // Nobody knows here whether Postgres was away before, and all were silent for that reason; what a lost process has used can wait.
  const lossesFromMs = lastTickMs + leaseMs;
  let answeredMs = lastTickMs;
  while (!signal.aborted) {
    // What a tick does is part of it: up to half a lease of it would look like a pause otherwise, and put takeovers off.
    await clock.sleep(Math.max(PAUSE_MS, answeredMs + TICK_MS - clock.monotonicMs()), signal);
    if (signal.aborted) return;
    try {
      // Measured after the answer: a Postgres that hangs holds the question back, and the workers' renewals with it.
      const elected = await store.holdOffice(OFFICE, workerId, OFFICE_MS).finally(() => {
        answeredMs = clock.monotonicMs();
      });
      if (answeredMs - lastTickMs > TICK_MS + leaseMs / 2) takeoversFromMs = answeredMs + leaseMs;
      lastTickMs = answeredMs;
      if (!elected) {
        forgetMoney();
        continue;
      }
      const takeovers = lastTickMs >= takeoversFromMs;
      await attempt("repairs", async () => order(await store.takeRepairs({ takeovers, repairsMax: REPAIRS_MAX })));
      await attempt("kicks", () => ensureKicks({ store, lines }));
      await attempt("weights", weigh);
      // What is not delivered is found again: nobody waits for it.
      await attempt("compactions", async () => {
        const tooLong = await store.takeCompactions(REPAIRS_MAX);
        await Promise.allSettled(tooLong.map((key) => queue.enqueue("conversation.compact", jobPayload(key))));
      });
      await attempt("responses", async () => {
        const unmade = await store.takeResponses({ takeovers, rowsMax: REPAIRS_MAX });
        await Promise.allSettled(unmade.map(({ epoch, ...key }) => orderResponse(queue, key, epoch)));
      });
      if (takeovers && lastTickMs >= lossesFromMs) await attempt("lost processes", () => store.loseKeepers());
      await attempt("postings", () => orderPostings({ store, queue, clock }));
      await attempt("settlements", async () => metrics.settlementsDue(await orderSettlements(ports)));
      await attempt("books", () => watchMoney(ports));
      await attempt("hooks", async () => {
        const waiting = await store.takeWaitingHooks(REPAIRS_MAX);
        await Promise.allSettled(waiting.map((key) => queue.enqueue("hook.run", hookPayload(key), { once: key.id })));
      });
    } catch (error) {
      forgetMoney();
      log.warn({ err: error }, "sweep failed");
    }
  }
}
