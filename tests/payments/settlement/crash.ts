import { randomBytes, randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import { at, createRestClient, type RestRequest, startReplica, type Tenant } from "@parley/testkit";
import { Challenge } from "mppx";
import { askUntilDecided, isDelivered } from "./asking.ts";
import { checkBooks } from "./check-books.ts";
import { type Journal, newJournal } from "./journal.ts";
import type { Market } from "./market.ts";
import { credentialFor, transferFor } from "./payers.ts";

const PATH = "/api/v1/gateway";
const API = fileURLToPath(new URL("dying-api.ts", import.meta.url));

export type PaidBy = "credits" | "session" | "chain" | "card";

/** A call of a port, and whether its process dies before or after it. */
export type Deadly = `${string} ${"before" | "after"}`;

/** Every step of a call that is sold, and of an event of Stripe's. */
export const DEADLY: readonly (readonly [PaidBy, Deadly])[] = [
  ["credits", "claim after"],
  ["credits", "reserveCredits before"],
  ["credits", "reserveCredits after"],
  ["credits", "endPurchase before"],
  ["credits", "endPurchase after"],
  ["session", "reserveInSession before"],
  ["session", "reserveInSession after"],
  ["session", "endPurchase before"],
  ["session", "endPurchase after"],
  ["chain", "claimChallenge after"],
  ["chain", "verify before"],
  ["chain", "verify after"],
  ["chain", "verifyChallenge before"],
  ["chain", "verifyChallenge after"],
  ["chain", "finishChallenge before"],
  ["chain", "finishChallenge after"],
  ["card", "createCheckout before"],
  ["card", "createCheckout after"],
  ["card", "takeCardEvent before"],
  ["card", "takeCardEvent after"],
];

interface Paying {
  request: RestRequest;
  path: string;
  /** What it comes to for the payer, once it is decided. */
  note(journal: Journal, body: unknown): void;
}

async function prepare(market: Market, tenant: Tenant, by: PaidBy, work: string): Promise<Paying> {
  const body = { plugin: "work", work };
  const headers = { "idempotency-key": randomUUID() };
  const sold = (method: "credits" | "session") => (journal: Journal) => void journal.calls.push({ method, work, ending: "delivered" });
  const rest = market.system.rest(0, tenant.apiKey);
  if (by === "credits") return { path: PATH, request: { body, headers: { ...headers, "x-payment-method": "stripe" } }, note: sold(by) };
  if (by === "session") {
    const address = `0x${randomBytes(20).toString("hex")}`;
    const opened = await rest.call("/api/wallet/sessions", { body: { address, deposit: "1.00" } });
    const named = { "x-session-id": String(at(opened.body, "session", "id")), "x-wallet-address": address };
    return { path: PATH, request: { body, headers: { ...headers, ...named } }, note: sold(by) };
  }
  if (by === "card") throw new Error("Cards are not calls.");
  const asked = await rest.call(PATH, { body, headers: { "x-payment-method": "mpp" } });
  const [challenge] = Challenge.fromResponseList(new Response(null, { status: 402, headers: asked.headers }));
  if (challenge === undefined) throw new Error(`Nothing was offered: ${asked.text}`);
  const { from, hash } = transferFor(market, challenge.id, "mined");
  return {
    path: PATH,
    request: { body, headers: { "payment-authorization": credentialFor(challenge, { from, hash }) } },
    note(journal) {
      journal.calls.push({ method: "chain", work, ending: "delivered" });
      journal.transfers.push({ challengeId: challenge.id, hash, ending: "delivered" });
    },
  };
}

/** As if whoever has died had done so long ago: the claims of one organization are nobody's any more. */
export async function letTimePass({ sql }: Market, organizationId: string): Promise<void> {
  await sql`update idempotency_keys set claimed_until = now() - interval '1 second' where organization_id = ${organizationId} and claim is not null`;
  await sql`update purchases set touched_at = now() - interval '2 hours' where organization_id = ${organizationId} and state = 'reserved'`;
  await sql`update payment_challenges set touched_at = now() - interval '2 hours', due_at = now() - interval '1 hour'
    where organization_id = ${organizationId} and state in ('verifying', 'running', 'unknown')`;
}

async function buyByCard(
  market: Market,
  tenant: Tenant,
  doors: { url: string; apiKey: string | null }[],
  journal: Journal,
  path: "create" | "webhook",
) {
  const { stripe } = market;
  const ask = async (request: RestRequest, name: string) => {
    let last: unknown = null;
    for (const { url } of doors)
      last = await createRestClient(url, tenant.apiKey)
        .call(`/api/v1/payments/stripe/${name}`, request)
        .catch(() => last);
    return last as { status: number; body: unknown };
  };
  const create = { method: "POST", headers: { "idempotency-key": randomUUID() } };
  const died = doors.slice(0, 1);
  const healthy = doors.slice(1);
  if (path === "create") {
    for (const { url } of died)
      await createRestClient(url, tenant.apiKey)
        .call("/api/v1/payments/stripe/create?pack=500", create)
        .catch(() => null);
    await letTimePass(market, tenant.organizationId);
  }
  const [door] = healthy;
  if (door === undefined) throw new Error("There is no other door.");
  const asked = await createRestClient(door.url, tenant.apiKey).call("/api/v1/payments/stripe/create?pack=500", create);
  const checkoutId = String(at(asked.body, "sessionId"));
  for (const { body, signature } of stripe.pay(checkoutId)) {
    const told = await ask({ body, headers: { "stripe-signature": signature, "content-type": "application/json" } }, "webhook");
    if (told?.status !== 200) journal.complaints.push(`Stripe was answered ${told?.status}`);
  }
  journal.cards.push({ checkoutId, micros: 5_000_000 });
}

/** A call whose process dies at that step, and which its payer then repeats elsewhere. Gives what does not agree. */
export async function dieAndRepeat(market: Market, by: PaidBy, deadly: Deadly): Promise<string[]> {
  const { system } = market;
  const tenant = await system.newTenant(`${by} ${deadly}`);
  const { organizationId } = tenant;
  const journal = newJournal(organizationId);
  const door = await startReplica("api", { ...system.environment, DIE_AT: deadly }, API);
  try {
    const work = `${by} ${deadly}`;
    if (by === "card") {
      const doors = [door, ...system.apis].map(({ url }) => ({ url, apiKey: tenant.apiKey }));
      await buyByCard(market, tenant, doors, journal, deadly.startsWith("create") ? "create" : "webhook");
    } else {
      const { path, request, note } = await prepare(market, tenant, by, work);
      await createRestClient(door.url, tenant.apiKey)
        .call(path, request)
        .catch(() => null);
      await door.process.exited;
      await letTimePass(market, organizationId);
      const answer = await askUntilDecided(market, tenant.apiKey, path, request);
      if (isDelivered(answer, work)) note(journal, answer.body);
      else journal.complaints.push(`it was answered ${answer.status} ${answer.text}`);
    }
    if (!door.process.hasExited()) journal.complaints.push("nothing has died");
    return (await checkBooks(market, journal)).map((wrong) => `${by}, ${deadly}: ${wrong}`);
  } finally {
    await door.close();
  }
}
