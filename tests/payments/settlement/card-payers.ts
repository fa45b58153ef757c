import { randomUUID } from "node:crypto";
import { at, type SignedEvent } from "@parley/testkit";
import { Challenge, Credential } from "mppx";
import { askOnce, askUntilDecided, isDelivered } from "./asking.ts";
import { keyed, type Visit } from "./payers.ts";

const CENT = 10_000;
/** Of one call of the plugin `costly`. */
const COSTLY_CENTS = 75;

function shuffled<Item>(random: () => number, items: readonly Item[]): Item[] {
  return items
    .map((item) => ({ item, place: random() }))
    .sort((one, other) => one.place - other.place)
    .map(({ item }) => item);
}

/** What Stripe tells of something, in any order and twice; and of some of it nobody ever hears by a webhook. */
async function tell({ market, journal, random }: Visit, events: readonly SignedEvent[]): Promise<void> {
  const isLost = new Set(events.filter(() => market.losesEvents && random() < 0.3));
  journal.lost += isLost.size;
  const told = shuffled(random, [...events, ...events]).filter((event) => !isLost.has(event));
  const answers = await Promise.allSettled(
    told.map(({ body, signature }) =>
      askUntilDecided(market, null, "/api/v1/payments/stripe/webhook", {
        body,
        headers: { "stripe-signature": signature, "content-type": "application/json" },
      }),
    ),
  );
  for (const answer of answers) {
    if (answer.status === "fulfilled" && answer.value.status === 200) continue;
    // What stands on an event that never comes is told until Stripe gives up; the books have to be right all the same.
    if (answer.status === "rejected" && isLost.size > 0) journal.lost += 1;
    else journal.complaints.push(answer.status === "rejected" ? String(answer.reason) : `Stripe was answered ${answer.value.status}`);
  }
}

/** Refunds in two parts, and disputes; what of the payment is left. */
function reverse({ market, random }: Visit, id: string, cents: number): { events: SignedEvent[]; cents: number } {
  const { stripe } = market;
  const events: SignedEvent[] = [];
  let left = cents;
  if (random() < 0.5) {
    for (const share of [0.1, 0.3]) events.push(stripe.refund(id, cents * share));
    left -= cents * 0.3;
  }
  for (const name of ["one", "other"]) {
    if (random() < 0.6) continue;
    const isLost = random() < 0.5;
    const part = { name, cents: cents * 0.2 };
    events.push(stripe.dispute(id, "open", part), stripe.dispute(id, isLost ? "lost" : "won", part));
    if (isLost) left -= cents * 0.2;
  }
  return { events, cents: left };
}

/** By card: a checkout, and what becomes of its money. */
export async function payByCard(visit: Visit): Promise<void> {
  const { market, tenant, journal, random } = visit;
  const { stripe } = market;
  const create = { method: "POST", headers: keyed() };
  const asked = await askUntilDecided(market, tenant.apiKey, "/api/v1/payments/stripe/create?pack=1000", create);
  const checkoutId = String(at(asked.body, "sessionId"));
  const events = stripe.pay(checkoutId, random() < 0.3 ? "later" : "now");
  const { events: reversals, cents } = reverse(visit, checkoutId, 1_000);
  await tell(visit, [...events, ...reversals]);
  journal.cards.push({ checkoutId, micros: cents * CENT });
}

/** By the month: some months of a plan, and what becomes of their money. */
export async function payByPlan(visit: Visit): Promise<void> {
  const { market, tenant, journal, random } = visit;
  const { stripe } = market;
  const [plan, price, credits] = random() < 0.5 ? (["solo", 2_900, 3_000] as const) : (["label", 14_900, 10_000] as const);
  const asked = await askUntilDecided(market, tenant.apiKey, "/api/billing/subscribe", { body: { plan }, headers: keyed() });
  const checkoutId = String(at(asked.body, "session_id"));
  const events = [stripe.subscription(checkoutId, "updated", "active")];
  for (let month = 0; month < 1 + random() * 2; month++) {
    const id = `in_${randomUUID()}`;
    events.push(stripe.invoice(checkoutId, { id }), stripe.invoice(checkoutId, { id, type: "invoice.payment_succeeded" }));
    const { events: reversals, cents } = reverse(visit, id, price);
    events.push(...reversals);
    journal.months.push({ paidMicros: cents * CENT, creditMicros: ((credits * cents) / price) * CENT });
  }
  await tell(visit, events);
}

/** Each call by itself, by card: asks, pays, and shows it until it is decided. What is paid back is paid anew, but for work that always fails; some leave, some dispute. */
export async function payByToken(visit: Visit, name: string): Promise<void> {
  const { market, tenant, journal, random } = visit;
  const { stripe } = market;
  const alwaysFails = random() < 0.2;
  const work = alwaysFails ? `failing ${name}` : name;
  const body = { plugin: "costly", work };
  for (let tried = 0; ; tried++) {
    const asking = { body, headers: { "x-payment-method": "mpp", "accept-payment": "stripe/charge" } };
    const asked = await askUntilDecided(market, tenant.apiKey, "/api/v1/gateway", asking);
    const [challenge] = Challenge.fromResponseList(new Response(null, { status: 402, headers: asked.headers }));
    if (challenge === undefined) throw new Error(`Nothing was offered: ${asked.text}`);
    const spt = `spt_${name}_${tried}`;
    const shown = Credential.serialize(Credential.from({ challenge, payload: { spt } }));
    const showing = { body, headers: { "payment-authorization": shown } };
    const isLeft = random() < 0.15;
    const note = { challengeId: challenge.id, spt, lostMicros: 0 };
    if (isLeft) {
      await askOnce(market, tenant.apiKey, "/api/v1/gateway", showing);
      return void journal.tokens.push({ ...note, work, ending: "left" });
    }
    const answer = await askUntilDecided(market, tenant.apiKey, "/api/v1/gateway", showing);
    const [charge] = [...stripe.charges.values()].filter(({ token }) => token === spt);
    if (charge === undefined) throw new Error(`${work} was answered ${answer.status} ${answer.text}, and nothing was charged`);
    const isPaidBack = answer.status === 402 && String(at(answer.body, "detail")).includes("paid back");
    if (isDelivered(answer, work)) {
      const disputes = random() < 0.4;
      const isLost = random() < 0.5;
      if (disputes) await tell(visit, [stripe.dispute(charge.id, "open"), stripe.dispute(charge.id, isLost ? "lost" : "won")]);
      return void journal.tokens.push({ ...note, work, ending: "delivered", lostMicros: disputes && isLost ? COSTLY_CENTS * CENT : 0 });
    }
    if (!isPaidBack) return void journal.complaints.push(`paid by card ${work} was answered ${answer.status} ${answer.text}`);
    // Whoever has waited for it long enough asks the bank: then Stripe gives nothing back besides.
    const isTaken = charge.refundedCents === 0 && random() < 0.5;
    if (isTaken) await tell(visit, [stripe.dispute(charge.id, "open"), stripe.dispute(charge.id, "lost")]);
    journal.tokens.push({ ...note, work, ending: "refunded", lostMicros: isTaken ? COSTLY_CENTS * CENT : 0 });
    if (alwaysFails || tried > 3) return;
  }
}
