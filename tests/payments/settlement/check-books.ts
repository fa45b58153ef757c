import type { Journal } from "./journal.ts";
import { type Market, PRICE_MICROS } from "./market.ts";

const CENT = 10_000;

type Count = { count: number; sum: number };

/** Compares what payers, the chain, Stripe and the plugin's server know with our books. Gives what does not agree; they have to be at rest. */
export async function checkBooks({ sql, chain, stripe, plugin }: Market, journal: Journal): Promise<string[]> {
  const { organizationId, calls, transfers, cards } = journal;
  const wrong = [...journal.complaints];
  const expect = (what: string, found: unknown, expected: unknown): void => {
    if (found !== expected) wrong.push(`${what}: ${found} in the books, and it is ${expected}`);
  };
  const paid = async (account: string): Promise<Count> => {
    const [row] = await sql<Count[]>`select count(*)::int as count, coalesce(sum(-amount_micros), 0)::int as sum from ledger_entries
      where organization_id = ${organizationId} and source_type = 'purchase' and account = ${account}`;
    return row ?? { count: 0, sum: 0 };
  };
  const ended = (...methods: string[]) => calls.filter(({ method }) => methods.includes(method)).length;

  const byCredits = await paid("customer");
  expect("calls paid by credits", byCredits.count, ended("credits"));
  expect("paid by credits", byCredits.sum, ended("credits") * PRICE_MICROS);
  const inSessions = await paid("sessions");
  expect("calls paid in sessions", inSessions.count, ended("session", "nonce"));
  expect("paid in sessions", inSessions.sum, ended("session", "nonce") * PRICE_MICROS);

  const challenges = await sql<{ id: string; state: string; wasShown: boolean; booked: boolean }[]>`
    select c.id, c.state, c.credential is not null as "wasShown", exists (select from ledger_entries e where e.organization_id = c.organization_id
      and e.source_type = 'payment' and e.source_id = c.id and e.account = 'revenue' and e.amount_micros = c.amount_micros) as booked
    from payment_challenges c where c.organization_id = ${organizationId} and c.method = 'tempo/charge'`;
  const known = new Map(challenges.map((challenge) => [challenge.id, challenge]));
  for (const { challengeId, hash, ending } of transfers) {
    const challenge = known.get(challengeId);
    const isMined = chain.transfers.get(hash)?.state === "mined";
    // Whoever left may have left before anything arrived.
    const neverArrived = ending === "left" && challenge?.state === "open" && !challenge.wasShown;
    if (isMined && !neverArrived) expect(`transfer ${hash} (${ending}), booked`, challenge?.booked, true);
    if (!isMined) expect(`transfer ${hash} (${ending}), booked`, challenge?.booked ?? false, false);
    if (ending === "delivered") expect(`challenge ${challengeId}`, challenge?.state, "done");
  }
  const mined = transfers.filter(({ hash }) => chain.transfers.get(hash)?.state === "mined").length;
  expect("payments by more than was transferred", challenges.filter(({ booked }) => booked).length > mined, false);

  for (const { work, ending } of calls) if (ending === "delivered") expect(`work ${work} was done`, plugin.done.has(work), true);

  const [credited] = await sql<{ sum: number }[]>`select coalesce(sum(amount_micros), 0)::int as sum from ledger_entries
    where organization_id = ${organizationId} and source_type = 'card' and account = 'customer'`;
  expect(
    "credited by card",
    credited?.sum,
    cards.reduce((sum, { micros }) => sum + micros, 0),
  );
  for (const { checkoutId } of cards) expect(`checkout ${checkoutId} is paid`, stripe.checkouts.get(checkoutId)?.isPaid, true);

  const sumOf = async (account: string, ...types: string[]): Promise<number> => {
    const [row] = await sql<{ sum: number }[]>`select coalesce(sum(amount_micros), 0)::int as sum from ledger_entries
      where organization_id = ${organizationId} and account = ${account} and source_type in ${sql(types)}`;
    return row?.sum ?? 0;
  };
  const total = (amounts: number[]): number => Math.round(amounts.reduce((sum, amount) => sum + amount, 0));
  const { months, tokens } = journal;
  expect("credits of plans", await sumOf("customer", "plan", "plan_gift"), total(months.map(({ creditMicros }) => creditMicros)));
  expect("paid for plans", -(await sumOf("clearing", "plan", "plan_fee")), total(months.map(({ paidMicros }) => paidMicros)));

  const left = [];
  for (const { challengeId, spt, work, ending, lostMicros } of tokens) {
    const charges = [...stripe.charges.values()].filter(({ token }) => token === spt);
    const [charge] = charges;
    // Whoever left may have left before anything arrived.
    expect(`charges of ${spt} (${ending})`, charges.length, ending === "left" && charge === undefined ? 0 : 1);
    if (charge === undefined) continue;
    left.push((charge.amountCents - charge.refundedCents) * CENT - lostMicros);
    const [challenge] = await sql<{ state: string }[]>`select state from payment_challenges where id = ${challengeId}`;
    if (ending === "delivered") expect(`work ${work} was done`, plugin.done.has(work), true);
    const isOver =
      ending === "left"
        ? ["done", "refunded"].includes(challenge?.state ?? "")
        : challenge?.state === (ending === "delivered" ? "done" : "refunded");
    expect(`challenge ${challengeId} (${ending}) is ${challenge?.state}, is over`, isOver, true);
    if (challenge?.state === "refunded")
      expect(`${spt} has its money back`, charge.refundedCents * CENT + lostMicros, charge.amountCents * CENT);
    else expect(`${spt} paid back`, charge.refundedCents, 0);
  }
  const onChain = challenges.filter(({ booked }) => booked).length * PRICE_MICROS;
  expect("earned by card, call by call", (await sumOf("revenue", "payment", "refund")) - onChain, total(left));

  const [charged] = await sql<{ sum: number }[]>`select coalesce(sum(amount_micros), 0)::int as sum from charges
    where organization_id = ${organizationId} and source_type in ('plugin', 'refund')`;
  expect("charged for calls", charged?.sum, await sumOf("revenue", "purchase", "payment", "refund"));

  const [books] = await sql<{ problems: string[]; held: number; reserved: number; aside: number; kept: number }[]>`
    select (select check_ledger(jsonb_build_object('organizationId', ${organizationId}::text))->'problems') as problems,
      (select coalesce(sum(amount_micros), 0)::int from holds where organization_id = ${organizationId}) as held,
      (select coalesce(sum(reserved_micros), 0)::int from wallet_sessions where organization_id = ${organizationId}) as reserved,
      (select coalesce(sum(deposit_micros - spent_micros - returned_micros), 0)::int from wallet_sessions where organization_id = ${organizationId}) as aside,
      (select coalesce(sum(balance_micros), 0)::int from ledger_balances where organization_id = ${organizationId} and account = 'sessions') as kept`;
  wrong.push(...(books?.problems ?? ["There are no books."]));
  expect("held", books?.held, 0);
  expect("reserved in sessions", books?.reserved, 0);
  expect("set aside by wallets", books?.kept, books?.aside);
  return wrong;
}
