import { setTimeout as sleep } from "node:timers/promises";
import { seededRandom } from "../../system/support/seeded-random.ts";
import { payByCard, payByPlan, payByToken } from "./card-payers.ts";
import { checkBooks } from "./check-books.ts";
import { type Journal, newJournal } from "./journal.ts";
import { type BrokenGuard, type Market, startMarket } from "./market.ts";
import { payByCredits, payByVoucher, payInSession, payOnChain, type Visit } from "./payers.ts";

const REST_MS = 40_000;
const LOOK_MS = 100;
const CREDITS_MICROS = 10_000_000;

export interface Report {
  /** By wire and fault, how often. */
  faults: Record<string, Record<string, number>>;
  calls: number;
  /** Months of plans, calls by card, and events that no webhook has brought. */
  months: number;
  byCard: number;
  lost: number;
  violations: string[];
}

const WAYS = [payByCredits, payInSession, payByVoucher, payByVoucher, payOnChain, payOnChain] as const;
/** Beside them, where the books come to rest. */
const RESTED = [...WAYS, payByToken, payByToken] as const;

/** An organization that pays first, and some payers of it at once. */
async function runTrial(market: Market, seed: number, broken: BrokenGuard | null): Promise<Journal> {
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
  const ways = broken === null || broken === "refunds" ? RESTED : WAYS;
  const count = 2 + Math.floor(random() * 4);
  const payers = Array.from({ length: count }, (_, index) => {
    const pay = ways[Math.floor(random() * ways.length)] ?? payByCredits;
    return pay(visit, `${seed}.${index}`);
  });
  if (random() < 0.5) payers.push(payByCard(visit));
  if (random() < 0.5) payers.push(payByPlan(visit));
  market.stripe.refusesRefunds = random() < 0.5;
  for (const outcome of await Promise.allSettled(payers))
    if (outcome.status === "rejected") journal.complaints.push(String(outcome.reason));
  return journal;
}

/**
 * Nothing is under way any more and nothing unknown, nobody is owed anything, and Stripe has told nothing that was not looked at: the worker has looked for what nobody came
 * back for. What is put off is due at once, as if the time had passed.
 */
async function rest({ sql, links, stripe }: Market): Promise<void> {
  for (const link of Object.values(links)) link.calm();
  stripe.refusesRefunds = false;
  const calmAt = new Date();
  const untilMs = Date.now() + REST_MS;
  while (Date.now() < untilMs) {
    await sql`update payment_challenges set touched_at = now() - interval '2 hours' where method = 'stripe/charge' and state in ('paid', 'running')`;
    await sql`update payment_challenges set due_at = now() where state = 'refunding' and due_at > now() + interval '2 seconds'`;
    await sql`update card_events_owed set due_at = now() where due_at > now() + interval '2 seconds'`;
    await sql`update card_looks set due_at = now() where due_at > now() + interval '2 seconds'`;
    const [left] = await sql<{ count: number }[]>`select (select count(*) from purchases where state = 'reserved')::int
      + (select count(*) from payment_challenges where state in ('verifying', 'unknown', 'running', 'refunding') or method = 'stripe/charge' and state = 'paid')::int
      + (select count(*) from card_events_owed)::int + (select count(*) from card_looks where coalesce(seen_until, '-infinity') < ${calmAt})::int
      + (select count(*) from holds)::int as count`;
    if (left?.count === 0) return;
    await sleep(LOOK_MS);
  }
}

/** Trials of these seeds, some at once, in one market. */
export async function runTrials({
  seed,
  count: trials,
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
      while (next < seed + trials) journals.push(await runTrial(market, next++, broken));
    };
    await Promise.all(Array.from({ length: atOnce }, lane));
    // Broken books need not come to rest.
    if (broken === null || broken === "refunds") await rest(market);
    const violations: string[] = [];
    for (const journal of journals) violations.push(...(await checkBooks(market, journal)));
    const faults = Object.fromEntries(
      Object.entries(market.links).map(([name, { struck }]) => [name, Object.fromEntries([...struck].sort())]),
    );
    const count = (of: (journal: Journal) => number) => journals.reduce((sum, journal) => sum + of(journal), 0);
    return {
      ...{ faults, violations, calls: count(({ calls }) => calls.length), months: count(({ months }) => months.length) },
      ...{ byCard: count(({ tokens }) => tokens.length), lost: count(({ lost }) => lost) },
    };
  } finally {
    await market.close();
  }
}
