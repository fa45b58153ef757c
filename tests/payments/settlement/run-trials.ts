import { setTimeout as sleep } from "node:timers/promises";
import { seededRandom } from "../../system/support/seeded-random.ts";
import { checkBooks } from "./check-books.ts";
import { type Journal, newJournal } from "./journal.ts";
import { type BrokenGuard, type Market, startMarket } from "./market.ts";
import { payByCard, payByCredits, payByVoucher, payInSession, payOnChain, type Visit } from "./payers.ts";

const REST_MS = 40_000;
const LOOK_MS = 100;
const CREDITS_MICROS = 10_000_000;

export interface Report {
  /** By wire and fault, how often. */
  faults: Record<string, Record<string, number>>;
  calls: number;
  violations: string[];
}

const WAYS = [payByCredits, payInSession, payByVoucher, payByVoucher, payOnChain, payOnChain] as const;

/** An organization that pays first, and some payers of it at once. */
async function runTrial(market: Market, seed: number): Promise<Journal> {
  const random = seededRandom(seed);
  const tenant = await market.system.newTenant(`trial ${seed}`);
  const operator = { headers: { "x-admin-secret": market.system.adminSecret } };
  const rest = market.system.rest(0, null);
  const { organizationId } = tenant;
  await rest.call("/admin/billing/mode", { ...operator, body: { organization_id: organizationId, mode: "prepaid" } });
  const gift = { organization_id: organizationId, amount_micros: CREDITS_MICROS, reference: "gift" };
  await rest.call("/admin/billing/credits", { ...operator, body: gift });
  const journal = newJournal(organizationId);
  const visit: Visit = { market, tenant, journal, random };
  const count = 2 + Math.floor(random() * 4);
  const payers = Array.from({ length: count }, (_, index) => {
    const pay = WAYS[Math.floor(random() * WAYS.length)] ?? payByCredits;
    return pay(visit, `${seed}.${index}`);
  });
  if (random() < 0.5) payers.push(payByCard(visit));
  for (const outcome of await Promise.allSettled(payers))
    if (outcome.status === "rejected") journal.complaints.push(String(outcome.reason));
  return journal;
}

/** Nothing is under way any more and nothing unknown: the worker has looked for what nobody came back for. */
async function rest({ sql, links }: Market): Promise<void> {
  for (const link of Object.values(links)) link.calm();
  const untilMs = Date.now() + REST_MS;
  while (Date.now() < untilMs) {
    const [left] = await sql<{ count: number }[]>`select (select count(*) from purchases where state = 'reserved')::int
      + (select count(*) from payment_challenges where state in ('verifying', 'unknown', 'running'))::int + (select count(*) from holds)::int as count`;
    if (left?.count === 0) return;
    await sleep(LOOK_MS);
  }
}

/** Trials of these seeds, some at once, in one market. */
export async function runTrials({
  seed,
  count,
  atOnce,
  broken = null,
}: {
  seed: number;
  count: number;
  atOnce: number;
  broken?: BrokenGuard | null;
}): Promise<Report> {
  const market = await startMarket(seed, broken);
  try {
    const journals: Journal[] = [];
    let next = seed;
    const lane = async (): Promise<void> => {
      while (next < seed + count) journals.push(await runTrial(market, next++));
    };
    await Promise.all(Array.from({ length: atOnce }, lane));
    // Broken books need not come to rest.
    if (broken === null) await rest(market);
    const violations: string[] = [];
    for (const journal of journals) violations.push(...(await checkBooks(market, journal)));
    const faults = Object.fromEntries(
      Object.entries(market.links).map(([name, { struck }]) => [name, Object.fromEntries([...struck].sort())]),
    );
    return { faults, violations, calls: journals.reduce((sum, { calls }) => sum + calls.length, 0) };
  } finally {
    await market.close();
  }
}
