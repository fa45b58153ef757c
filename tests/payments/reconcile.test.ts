import { randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import { at, createRestClient, forgetRedis, type Replica, type RestAnswer, startReplica, type Tenant } from "@parley/testkit";
import { Challenge } from "mppx";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { payByToken } from "./settlement/card-payers.ts";
import { letTimePass } from "./settlement/crash.ts";
import { findsPayments } from "./settlement/finds-payments.ts";
import { newJournal } from "./settlement/journal.ts";
import { type Market, PRICE_MICROS, startMarket } from "./settlement/market.ts";
import { credentialFor, payByCredits, payByVoucher, payInSession, payOnChain, transferFor } from "./settlement/payers.ts";
import { endTransfer, newPendingPayment, type PendingPayment } from "./settlement/pending-payment.ts";

const PATH = "/api/v1/gateway";
const WORKER = fileURLToPath(new URL("settlement/dying-worker.ts", import.meta.url));
/** Whatever is looked for, is looked for within some seconds. */
const SOON = { timeout: 60_000, interval: 100 };

let market: Market;
let tenant: Tenant;
beforeAll(async () => {
  market = await startMarket(2);
  for (const link of Object.values(market.links)) link.calm();
  tenant = await market.system.newTenant("reconciled");
});
afterAll(() => market?.close());

const pendingPayment = () => newPendingPayment(market, tenant.apiKey);
const ends = (payment: PendingPayment, state: "mined" | "reverted") => endTransfer(market, payment, state);
const forgetOrders = () => forgetRedis(market.system.environment["REDIS_URL"] ?? "", market.system.environment["REDIS_PREFIX"] ?? "");

test("a payment that is pending is looked for until it is in a block, also when the queue forgets it; then it is booked once, and its payer gets what was paid for", async () => {
  const payment = await pendingPayment();
  ends(payment, "mined");
  await letTimePass(market, tenant.organizationId);
  await forgetOrders();
  await expect.poll(payment.state, SOON).toBe("paid");
  expect(await payment.booked()).toBe(1);
  const answers = await Promise.all([payment.show(), payment.show()]);
  expect(answers.map(({ status }) => status)).toContain(200);
  expect((await payment.show()).status).toBe(200);
  expect([await payment.state(), await payment.booked()]).toEqual(["done", 1]);
});

test("a payment that is reverted ends as none: nothing is booked, and its payer is told why beside a fresh offer", async () => {
  const payment = await pendingPayment();
  ends(payment, "reverted");
  await letTimePass(market, tenant.organizationId);
  await expect.poll(payment.state, SOON).toBe("open");
  expect(await payment.booked()).toBe(0);
  expect(await payment.show()).toMatchObject({ status: 402, body: { type: "https://paymentauth.org/problems/verification-failed" } });
});

test("what two look for at once one takes up, and what an earlier look finds late changes nothing", async () => {
  const { sql } = market;
  const payment = await pendingPayment();
  const { organizationId } = tenant;
  const { id } = payment;
  // Nobody else looks meanwhile.
  await sql`update payment_challenges set due_at = now() - interval '1 second', touched_at = now() where id = ${id}`;
  const take = () =>
    sql<{ taken: { epoch: number } | null }[]>`select take_unknown_payment(${sql.json({ organizationId, id, quietMs: 60_000 })}) as taken`;
  const looks = (await Promise.all([take(), take()])).map(([row]) => row?.taken ?? null);
  const [first] = looks.filter((taken) => taken !== null);
  // The worker of this system may have been quicker than both.
  expect(looks.filter((taken) => taken !== null).length).toBeLessThanOrEqual(1);
  const early = first?.epoch ?? 1;
  await letTimePass(market, organizationId);
  ends(payment, "mined");
  await expect.poll(payment.state, SOON).toBe("paid");
  const late = { organizationId, id, epoch: early, outcome: "paid", reference: `late-${id}`, payer: null, receipt: "late", then: "paid" };
  const tell = async (more: object) => (await sql`select verify_challenge(${sql.json({ ...late, ...more })}) as said`)[0]?.["said"];
  expect([await tell({}), await tell({ outcome: "refused" }), await tell({ outcome: "unknown" })]).toEqual(["lost", "lost", "lost"]);
  expect([await payment.state(), await payment.booked()]).toEqual(["paid", 1]);
});

test("one payment pays for one call, also where two challenges show it", async () => {
  const [one, other] = [await pendingPayment(), await pendingPayment()];
  ends(one, "mined");
  await letTimePass(market, tenant.organizationId);
  await expect.poll(one.state, SOON).toBe("paid");
  await market.sql`update payment_challenges set due_at = now() + interval '1 hour' where id = ${other.id}`;
  await market.sql`update payment_challenges set state = 'verifying', touched_at = now(), epoch = epoch + 1 where id = ${other.id}`;
  const [claimed] = await market.sql<{ epoch: number }[]>`select epoch from payment_challenges where id = ${other.id}`;
  const found = {
    organizationId: tenant.organizationId,
    id: other.id,
    epoch: claimed?.epoch ?? 0,
    outcome: "paid",
    reference: one.hash,
    payer: null,
    receipt: "r",
  };
  expect((await market.sql`select verify_challenge(${market.sql.json(found)}) as said`)[0]).toEqual({ said: "used" });
  expect([await other.state(), await other.booked()]).toEqual(["open", 0]);
});

// Before anything is booked, and when it is.
test.each(["takeUnknown after", "verifyChallenge after"])(
  "a worker that is killed at its look (%s) leaves it to the next one: it is booked once",
  async (deadly) => {
    const { system } = market;
    const [worker] = system.workers;
    const payment = await pendingPayment();
    await worker?.kill();
    const dying = await startReplica("worker", { ...system.environment, DIE_AT: deadly }, WORKER);
    try {
      ends(payment, "mined");
      await letTimePass(market, tenant.organizationId);
      await dying.process.exited;
      // Its order stands in the queue as one that somebody is at; the queue may be lost besides.
      await forgetOrders();
      await letTimePass(market, tenant.organizationId);
      await worker?.restart();
      await expect.poll(payment.state, SOON).toBe("paid");
      expect(await payment.booked()).toBe(1);
    } finally {
      await dying.close();
    }
  },
);

test("a call that was left gives its money back, once, also where its answer comes too late", async () => {
  const { system, sql } = market;
  const { organizationId } = tenant;
  const id = randomUUID();
  const reserved = { organizationId, id, principalId: "key_one", plugin: "work", amountMicros: PRICE_MICROS, callKey: "a call" };
  const ask = async (name: string, input: object) => (await sql`select ${sql(name)}(${sql.json({ ...input })}) as said`)[0]?.["said"];
  expect(await ask("reserve_credits", reserved)).toEqual({ outcome: "reserved" });
  await letTimePass(market, organizationId);
  const stateOf = async () => (await sql`select state from purchases where id = ${id}`)[0]?.["state"];
  await expect.poll(stateOf, SOON).toBe("released");
  expect(await ask("end_purchase", { organizationId, id, capture: true })).toBe(false);
  expect(await ask("end_purchase", { organizationId, id, capture: false })).toBe(true);
  // One that is alive is not let go, however long it takes.
  const alive = { ...reserved, id: randomUUID() };
  await ask("reserve_credits", alive);
  await sql`update purchases set created_at = now() - interval '2 hours' where id = ${alive.id}`;
  expect(await ask("release_left_purchase", { organizationId, id: alive.id, quietMs: 60_000 })).toBe(false);
  // Whoever holds the call's key next has what the one before has set aside go back.
  const next = { ...reserved, id: randomUUID() };
  await ask("reserve_credits", next);
  expect(await sql`select id, state from purchases where id in ${sql([alive.id, next.id])} order by state`).toEqual([
    { id: alive.id, state: "released" },
    { id: next.id, state: "reserved" },
  ]);
  expect(await ask("end_purchase", { organizationId, id: next.id, capture: true })).toBe(true);
  expect(await ask("end_purchase", { organizationId, id: next.id, capture: true })).toBe(true);
  const entries =
    await sql`select sum(amount_micros)::int as sum from ledger_entries where organization_id = ${organizationId} and account = 'customer'`;
  expect(entries[0]).toEqual({ sum: -PRICE_MICROS });
  expect(system.workers.every(({ process }) => !process.hasExited())).toBe(true);
});

test("what is sold stands in statements and in the export, however it was paid, and adds up to what the ledger has earned; what a card has back is taken off", async () => {
  const { system, sql, stripe } = market;
  const seller = await system.newTenant("statements");
  // Nobody leaves, nothing reverts, fails or is disputed.
  const visit = { market, tenant: seller, journal: newJournal(seller.organizationId), random: () => 0.9 };
  for (const pay of [payByCredits, payInSession, payByVoucher, payOnChain]) await pay(visit, randomUUID());
  await payByToken(visit, randomUUID());
  expect(visit.journal.complaints).toEqual([]);

  const rest = system.rest(0, seller.apiKey);
  const linesBy = async (by: string) => at((await rest.call(`/api/billing/statement?by=${by}`, { method: "GET" })).body, "items");
  const earned = async () => {
    const [row] = await sql<{ micros: number }[]>`select sum(amount_micros)::int as micros from ledger_entries
      where organization_id = ${seller.organizationId} and account = 'revenue'`;
    return row?.micros;
  };
  expect(await linesBy("model")).toMatchObject([
    { name: "plugin/costly", calls: 1, amount_micros: 750_000, unpriced_calls: 0 },
    { name: "plugin/work", calls: 4, amount_micros: 4 * PRICE_MICROS, unpriced_calls: 0 },
  ]);
  expect(await linesBy("day")).toMatchObject([{ calls: 5, amount_micros: await earned() }]);
  // What a wallet has bought counts with the key that had set its money aside.
  const [row] = await sql<
    { key: string }[]
  >`select principal_id as key from wallet_sessions where organization_id = ${seller.organizationId} limit 1`;
  expect(await linesBy("key")).toContainEqual(expect.objectContaining({ name: row?.key, calls: 3, amount_micros: 3 * PRICE_MICROS }));

  const [charge] = [...stripe.charges.values()].filter(({ token }) => token === visit.journal.tokens[0]?.spt);
  const refund = stripe.refund(charge?.id ?? "", 25);
  const told = { body: refund.body, headers: { "stripe-signature": refund.signature, "content-type": "application/json" } };
  expect((await system.rest(0, null).call("/api/v1/payments/stripe/webhook", told)).status).toBe(200);
  expect(await linesBy("day")).toMatchObject([{ calls: 5, amount_micros: 500_000 + 4 * PRICE_MICROS, unpriced_calls: 0 }]);
  expect(await earned()).toBe(500_000 + 4 * PRICE_MICROS);
  const csv = (await rest.call("/api/billing/charges.csv", { method: "GET" })).text.trim().split("\r\n").slice(1);
  const kinds = csv.map((line) => [1, 3, 4].map((column) => line.split(",")[column]).join());
  expect(kinds.sort()).toEqual([
    ...Array(3).fill(`plugin,customer,${PRICE_MICROS}`),
    `plugin,outside,${PRICE_MICROS}`,
    ...["plugin,outside,750000", "refund,outside,-250000"],
  ]);

  await findsPayments(rest);
});

test("a session that nobody uses is closed after its time and gives back what is left; one of which a call is under way stays", async () => {
  const { system, sql } = market;
  const owner = await system.newTenant("idle");
  const rest = system.rest(0, owner.apiKey);
  const open = async () => {
    const answer = await rest.call("/api/wallet/sessions", {
      body: { address: `0x${randomUUID().replaceAll("-", "")}00000000`, deposit: "2.00" },
    });
    return String(at(answer.body, "session", "id"));
  };
  const [idle, busy, used] = [await open(), await open(), await open()];
  const ask = async (name: string, input: object) => (await sql`select ${sql(name)}(${sql.json({ ...input })}) as said`)[0]?.["said"];
  const [row] = await sql<{ wallet: string }[]>`select wallet from wallet_sessions where id = ${busy}`;
  const call = { organizationId: owner.organizationId, id: randomUUID(), sessionId: busy, wallet: row?.wallet ?? "", plugin: "work" };
  const reserved = { ...call, amountMicros: PRICE_MICROS, nonce: "n", signature: null, signedMicros: null, callKey: null };
  expect(await ask("reserve_in_session", reserved)).toMatchObject({ outcome: "reserved" });
  await sql`update wallet_sessions set used_at = now() - interval '31 days' where id in ${sql([idle, busy])}`;
  await sql`update wallet_sessions set due_at = now() - interval '1 second' where id in ${sql([idle, busy, used])}`;
  const shown = async (id: string) => at((await rest.call(`/api/wallet/sessions?sessionId=${id}`, { method: "GET" })).body, "session");
  await expect.poll(() => shown(idle), SOON).toMatchObject({ status: "expired", remaining: "0.00", closedAt: expect.any(Number) });
  const looked = async () => (await sql`select from wallet_sessions where id in ${sql([busy, used])} and due_at > now()`).length;
  await expect.poll(looked, SOON).toBe(2);
  expect(await shown(busy)).toMatchObject({ status: "active", reserved: "0.05" });
  expect(await shown(used)).toMatchObject({ status: "active", remaining: "2.00" });
  // What the call was set aside for is done, and paid: the session was used by it.
  expect(await ask("end_purchase", { organizationId: owner.organizationId, id: call.id, capture: true })).toBe(true);
  await sql`update wallet_sessions set due_at = now() - interval '1 second' where id = ${busy}`;
  expect(await ask("expire_wallet_session", { organizationId: owner.organizationId, id: busy, idleMs: 86_400_000 })).toBe(false);
  const entries = await sql`select amount_micros::int as micros from ledger_entries where organization_id = ${owner.organizationId}
    and account = 'customer' and source_id = ${`${idle}/close`}`;
  expect(entries).toEqual([{ micros: 2_000_000 }]);
  expect(await ask("check_ledger", { organizationId: owner.organizationId })).toMatchObject({ ok: true });
});

describe("somebody without a key", () => {
  const [CHARS_MAX, TOKENS_MAX] = [60, 7];
  let guests: Replica;
  let seller: Tenant;
  beforeAll(async () => {
    seller = await market.system.newTenant("seller");
    await seller.newAgent({ mayAsk: true });
    const limits = {
      LIMIT_GUEST_INPUT_CHARS_MAX: String(CHARS_MAX),
      LIMIT_GUEST_OUTPUT_TOKENS_MAX: String(TOKENS_MAX),
      LIMIT_SYNC_WAIT_MS: "3000",
    };
    guests = await startReplica("api", {
      ...market.system.environment,
      ...limits,
      PAYMENTS_ORGANIZATION_ID: seller.organizationId,
      PAYMENTS_TEXT_MODEL: "custom/text",
    });
    await market.sql`insert into prices (organization_id, kind, name, input_pico, output_pico, unit_pico) values
      (${seller.organizationId}, 'plugin', 'generate-text', 0, 0, ${String(PRICE_MICROS * 1_000_000)}), (${seller.organizationId}, 'plugin', 'tts', 0, 0, 0)`;
    market.system.model.otherwise({ text: ["Hello"] });
  });
  afterAll(() => guests?.close());

  const ask = (body: object, headers: Record<string, string> = {}) => createRestClient(guests.url, null).call(PATH, { body, headers });

  async function paid(body: object): Promise<RestAnswer> {
    const [challenge] = Challenge.fromResponseList(new Response(null, { status: 402, headers: (await ask(body)).headers }));
    if (challenge === undefined) throw new Error("Nothing was offered.");
    return ask(body, { "payment-authorization": credentialFor(challenge, transferFor(market, challenge.id, "mined")) });
  }

  describe("nor with a turn that ends", () => {
    const stateOfLast = async () =>
      (await market.sql`select status from turns where organization_id = ${seller.organizationId} order by created_at desc limit 1`)[0]?.[
        "status"
      ];
    const withKey = (body: object) => createRestClient(guests.url, seller.apiKey).call(PATH, { body });
    const question = { name: "ask_user_questions", arguments: { questions: [{ id: "q", text: "Which one?" }] } };

    test("who has a key is sold the question, and a guest, who cannot answer it, nothing: its turn is stopped, and what it paid stands", async () => {
      market.system.model.script({ toolCalls: [question] });
      expect(await withKey({ message: "Ask" })).toMatchObject({ status: 200, body: { data: { reply: "Which one?", status: "paused" } } });
      market.system.model.script({ toolCalls: [question] });
      const refused = await paid({ message: "Ask" });
      expect(refused).toMatchObject({
        status: 502,
        body: { error: "plugin_failed", message: expect.stringContaining("What was paid stands") },
      });
      await expect.poll(stateOfLast, SOON).toBe("stopped");
    });

    test("who has a key pays nothing and is told where it goes on; a guest's is stopped, and what it paid stands", async () => {
      const charged = async () =>
        (await market.sql`select from charges where organization_id = ${seller.organizationId} and source_type = 'plugin'`).length;
      const before = await charged();
      market.system.model.script({ hang: true });
      const waits = await withKey({ message: "Wait" });
      expect(waits).toMatchObject({
        status: 504,
        body: { error: "turn_pending", message: expect.stringContaining("It is conversation ") },
      });
      expect(await charged()).toBe(before);
      market.system.model.script({ hang: true });
      expect(await paid({ message: "Wait" })).toMatchObject({ status: 502, body: { error: "plugin_failed" } });
      await expect.poll(stateOfLast, SOON).toBe("stopped");
    });
  });

  test("is not asked to pay for a call whose seller has no money left for its models", async () => {
    const { organizationId } = seller;
    await market.sql`insert into budgets (id, organization_id, scope, subject, period, limit_micros, alert_percent, hard)
      values (gen_random_uuid(), ${organizationId}, 'organization', '', 'day', 0, 80, true)`;
    const refused = await ask({ message: "Hi" });
    const known = await createRestClient(guests.url, seller.apiKey).call(PATH, {
      body: { message: "Hi" },
      headers: { "x-payment-method": "mpp" },
    });
    await market.sql`delete from budgets where organization_id = ${organizationId}`;
    expect(refused).toMatchObject({ status: 503, body: { error: "model_unavailable" } });
    expect(known).toMatchObject({ status: 402, body: { error: "budget_exhausted" } });
    expect([refused, known].map(({ headers }) => headers.get("www-authenticate"))).toEqual([null, null]);
    expect((await ask({ message: "Hi" })).headers.get("www-authenticate")).not.toBeNull();
  });

  const long = "x".repeat(CHARS_MAX + 1);
  test.each([
    { plugin: "agent", message: long },
    { plugin: "generate-text", prompt: long },
    { plugin: "generate-text", messages: [{ role: "user", content: [{ type: "text", text: long }] }] },
    { plugin: "tts", text: long },
  ])("is told that it asks too much before it is asked to pay: %j", async (body) => {
    const answer = await ask(body);
    expect(answer).toMatchObject({
      status: 400,
      body: { error: "bad_request", message: `At most ${CHARS_MAX} characters without a key.` },
    });
    expect(answer.headers.get("www-authenticate")).toBeNull();
    expect((await market.system.rest(0, seller.apiKey).call(PATH, { body })).status).toBe(200);
  });

  test.each<[object, "guest" | "ours", number?]>([
    [{}, "guest"],
    [{ message: "Hi", conversationId: randomUUID() }, "guest"],
    [{ plugin: "stt", audio: "!" }, "guest"],
    [{ message: "Hi", agentId: "x" }, "ours"],
    [{ plugin: "generate-text", prompt: "Hi", model: "agent/x" }, "ours", 404],
  ])("is asked to pay for nothing that cannot be done, and no more is who has a key: %j", async (body, who, status = 400) => {
    const headers = { "x-payment-method": "mpp" };
    const answer = await (who === "guest" ? ask(body) : market.system.rest(0, seller.apiKey).call(PATH, { body, headers }));
    expect([answer.status, answer.headers.get("www-authenticate")]).toEqual([status, null]);
  });

  test("is told before it is asked to pay that only text is read for it", async () => {
    const picture = { type: "image_url", image_url: { url: "https://example.com/a.png" } };
    const body = { plugin: "generate-text", messages: [{ role: "user", content: [picture] }] };
    expect(await ask(body)).toMatchObject({ status: 400, body: { message: "Only text without a key." } });
  });

  test("is told before it is asked to pay how much sound is heard for it; who has a key is not", async () => {
    const body = { plugin: "stt", audio: Buffer.alloc(1_048_577).toString("base64") };
    const answer = await ask(body);
    expect(answer).toMatchObject({ status: 400, body: { message: "At most 1048576 bytes of sound without a key." } });
    expect(answer.headers.get("www-authenticate")).toBeNull();
    const shown = await market.system.rest(0, seller.apiKey).call(PATH, { body, headers: { "x-payment-method": "mpp" } });
    expect(shown.status).toBe(402);
  });

  test.each([
    { plugin: "agent", message: "Hi" },
    { plugin: "generate-text", prompt: "Hi" },
  ])("is answered within the tokens that the price is for: %j", async (body) => {
    const before = market.system.model.journal.length;
    expect((await paid(body)).status).toBe(200);
    expect(market.system.model.journal.slice(before).map((request) => request.body["max_tokens"])).toEqual([TOKENS_MAX]);
  });

  test("has what costs nothing without an offer, and its call stands in the statement", async () => {
    expect(await ask({ plugin: "tts", text: "Hi" })).toMatchObject({ status: 200, body: { plugin: "tts", payment: { receipt: null } } });
    const [charge] = await market.sql`select amount_micros::int as micros from charges
      where organization_id = ${seller.organizationId} and model = 'plugin/tts' and principal_id = 'guest'`;
    expect(charge).toEqual({ micros: 0 });
  });
});
