import { setImmediate } from "node:timers/promises";
import { type BillingAccount, type Booked, isGatewayError } from "@parley/contracts";
import type { BillingStore } from "@parley/domain";
import { call } from "./call.ts";
import type { Sql } from "./connect.ts";

type Debit = Parameters<BillingStore["debit"]>[0];

interface Waiting {
  debit: Debit;
  settle: PromiseWithResolvers<Booked>;
}

/** What several debits have come to. */
interface Together {
  prepaid: string[];
  balances: [organizationId: string, account: string, balanceMicros: number, heldMicros: number][];
}

function accountIn({ prepaid, balances }: Together, organizationId: string): BillingAccount {
  const own = balances.filter(([owner]) => owner === organizationId);
  const [, , balanceMicros = 0, heldMicros = 0] = own.find(([, account]) => account === "customer") ?? [];
  const mode = prepaid.includes(organizationId) ? "prepaid" : "postpaid";
  const accounts = Object.fromEntries(own.map(([, account, micros]) => [account, micros]));
  return { organizationId, mode, balanceMicros, heldMicros, accounts };
}

/** One that takes so long waits for an account's lock: others do not wait for it. */
const PATIENCE_MS = 50;
const UNDER_WAY_MAX = 4;
/** One statement stays short, whoever waits for it. */
const TOGETHER_MAX = 50;

/**
 * Debits that come while others are under way wait for these, and go together: one round trip, one commit, and each account locked once. Each has its own transaction
 * in the ledger and its own source. Where not all of them can be made, each is made by itself and answered by itself.
 */
export function joinDebits(sql: Sql): BillingStore["debit"] {
  const waiting: Waiting[] = [];
  let underWay = 0;
  /** The newest of those that are under way. */
  let beganAtMs = 0;
  let patience: NodeJS.Timeout | null = null;

  const makeAlone = async ({ debit, settle }: Waiting): Promise<void> => {
    await call<Booked>(sql, "debit_account", debit).then(settle.resolve, settle.reject);
  };

  async function makeTogether(batch: Waiting[]): Promise<void> {
    const debits = batch.map(({ debit: { organizationId, amountMicros, sourceType, sourceId, note } }) => ({
      ...{ organizationId, amountMicros, sourceType, sourceId, note },
    }));
    try {
      const made = await call<Together | null>(sql, "debit_together", debits);
      if (made === null) for (const one of batch) await makeAlone(one);
      else for (const { debit, settle } of batch) settle.resolve({ done: true, account: accountIn(made, debit.organizationId) });
    } catch (error) {
      // They may have been made: whoever asks again is told. What is wrong with one of them is no other's.
      if (isGatewayError(error, "storage_unavailable")) for (const { settle } of batch) settle.reject(error);
      else for (const one of batch) await makeAlone(one);
    }
  }

  async function make(batch: Waiting[]): Promise<void> {
    const [only] = batch;
    underWay += 1;
    beganAtMs = performance.now();
    await (batch.length === 1 && only !== undefined ? makeAlone(only) : makeTogether(batch));
    // Whoever was answered asks again first, and goes along. Else the one that had waited goes alone, all others wait for it, and so on for good: of ten callers
    // every other statement made one debit.
    await setImmediate();
    underWay -= 1;
    next();
  }

  /**
   * Begins with those that wait, unless others are under way that will be done soon: after a slow moment, in which several were begun, all come together
   * again. As long as each went on with what its own callers ask next, one slow moment cost twice as much for each debit ever after.
   */
  function next(): void {
    const isFree = underWay === 0 || (underWay < UNDER_WAY_MAX && performance.now() - beganAtMs >= PATIENCE_MS);
    if (isFree && waiting.length > 0) void make(waiting.splice(0, TOGETHER_MAX));
    if (waiting.length > 0) patience ??= setTimeout(outOfPatience, PATIENCE_MS);
  }

  function outOfPatience(): void {
    patience = null;
    next();
  }

  return (debit) => {
    const settle = Promise.withResolvers<Booked>();
    waiting.push({ debit, settle });
    next();
    return settle.promise;
  };
}
