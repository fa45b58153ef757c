import { randomBytes } from "node:crypto";
import type { ChannelBook } from "@parley/domain";
import { createChannelPayments, paymentSettings } from "@parley/payments";
import { type Replica, type RestAnswer, type System, startReplica, startSystem } from "@parley/testkit";
import { Challenge, Credential } from "mppx";
import { Mppx } from "mppx/client";
import { Session } from "mppx/tempo";
import postgres from "postgres";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { newChannelPayer } from "./channel-payer.ts";
import { type EscrowChain, startEscrowChain } from "./escrow-chain.ts";

const CHAIN_ID = 42_431;
const PATH = "/api/v1/gateway";
const TOKEN = "0x20c0000000000000000000000000000000000000";
const PRICE = 50_000;
const SECRET_KEY = randomBytes(32).toString("hex");
const collector = privateKeyToAccount(generatePrivateKey());

let chain: EscrowChain;
let system: System;
let guests: Replica;
let sql: postgres.Sql;
beforeAll(async () => {
  chain = await startEscrowChain(CHAIN_ID);
  const key = generatePrivateKey();
  const env = {
    PAYMENTS_CHAIN_ID: String(CHAIN_ID),
    MPP_SECRET_KEY: SECRET_KEY,
    MPP_RECIPIENT: collector.address,
    MPP_ACCOUNT_KEY: key,
    MPP_RPC_URL: chain.url,
    MPP_REALM: "gateway.test",
    LIMIT_SOLD_CALLS_MAX: "100000",
    LIMIT_VOUCHER_WAIT_MS: "20000",
  };
  system = await startSystem({ apis: 1, allow: [chain.host], env });
  guests = await startReplica("api", { ...system.environment, PAYMENTS_ORGANIZATION_ID: system.ours.organizationId });
  sql = postgres(system.ownerUrl, { max: 1, onnotice: () => undefined });
  await system.ours.newAgent();
  system.model.otherwise({ text: ["Hello"] });
});
afterAll(async () => {
  await sql?.end();
  await guests?.close();
  await system?.close();
  await chain?.close();
});

const BODY = { message: "Hi" };
const ACCEPTED = { "x-payment-method": "mpp", "accept-payment": "tempo/session" };
const call = (headers: Record<string, string> = {}, body: object | null = BODY): Promise<RestAnswer> =>
  system.rest().call(PATH, { method: "POST", ...(body !== null && { body }), headers: { ...ACCEPTED, ...headers } });

async function offered(headers: Record<string, string> = {}): Promise<Challenge.Challenge> {
  const answer = await call(headers);
  expect(answer.status).toBe(402);
  const [challenge] = Challenge.fromResponseList(new Response(null, { status: 402, headers: answer.headers }));
  if (challenge === undefined) throw new Error("Nothing was offered.");
  expect(`${challenge.method}/${challenge.intent}`).toBe("tempo/session");
  return challenge;
}

const newPayer = () => newChannelPayer({ url: chain.url, chainId: CHAIN_ID });

async function opened() {
  const payer = newPayer();
  const challenge = await offered();
  expect((await call(await payer.open(challenge))).status).toBe(200);
  return { payer, challenge, id: payer.channelId };
}

async function stateOf(id: string) {
  const [row] = await sql`select spent_micros::int as spent, reserved_micros::int as reserved, voucher_micros::int as signed, status
    from payment_channels where id = ${id}`;
  return row;
}

async function earned(): Promise<number> {
  const [row] = await sql`select coalesce(sum(e.amount_micros), 0)::int as sum from ledger_entries e
    join purchases p on p.id::text = e.source_id and p.method = 'channel' where e.source_type = 'purchase' and e.account = 'revenue'`;
  return Number(row?.["sum"]);
}

const receiptIn = (answer: RestAnswer) =>
  JSON.parse(Buffer.from(answer.headers.get("payment-receipt") ?? "", "base64url").toString()) as object;
const problem = (name: string): string => `https://paymentauth.org/problems/${name}`;

describe("a channel", () => {
  test("is offered with what one call costs and what to lock, beside a payment by the call", async () => {
    const answer = await call({ "accept-payment": "*/*" });
    const all = Challenge.fromResponseList(new Response(null, { status: 402, headers: answer.headers }));
    expect(all.map(({ intent }) => intent)).toEqual(["charge", "session"]);
    expect(all[1]?.request).toMatchObject({
      ...{
        amount: String(PRICE),
        unitType: "request",
        suggestedDeposit: String(PRICE * 20),
        currency: TOKEN,
        recipient: collector.address,
      },
      methodDetails: { chainId: CHAIN_ID, escrowContract: Session.Precompile.Constants.tip20ChannelEscrow },
    });
  });

  test("is opened with the first call, and each further one is paid by a higher total: receipts say how far it has come", async () => {
    const before = await earned();
    const payer = newPayer();
    const challenge = await offered();
    const first = await call(await payer.open(challenge));
    expect(first).toMatchObject({ status: 200, body: { payment: { method: "mpp" }, data: { reply: "Hello" } } });
    const id = payer.channelId;
    expect(receiptIn(first)).toMatchObject({
      ...{ method: "tempo", intent: "session", status: "success", reference: id, channelId: id, challengeId: challenge.id },
      ...{ acceptedCumulative: "50000", spent: "50000", units: 1, txHash: expect.stringMatching(/^0x/) },
    });
    const second = await call(await payer.show(await offered(), { action: "voucher", cumulativeAmountRaw: "100000" }));
    expect(receiptIn(second)).toMatchObject({ acceptedCumulative: "100000", spent: "100000", units: 2 });
    expect(await stateOf(id)).toEqual({ spent: 100_000, reserved: 0, signed: 100_000, status: "open" });
    expect(await earned()).toBe(before + 100_000);
  });

  test("lets as many calls at once pass as were signed for, over two processes, and the same voucher shown again takes nothing more", async () => {
    const { payer, id } = await opened();
    const voucher = await payer.show(await offered(), { action: "voucher", cumulativeAmountRaw: "150000" });
    const headers = { ...ACCEPTED, ...voucher, "x-api-key": system.ours.apiKey, "content-type": "application/json" };
    const urls = [system.apis[0]?.url, guests.url];
    const answers = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const response = await fetch(`${urls[index % 2]}${PATH}`, { method: "POST", headers, body: JSON.stringify(BODY) });
        return { status: response.status, body: await response.json() };
      }),
    );
    expect(answers.filter(({ status }) => status === 200).length).toBe(2);
    for (const answer of answers.filter(({ status }) => status !== 200))
      expect(answer).toMatchObject({
        status: 402,
        body: { type: problem("session/insufficient-balance"), challengeId: expect.any(String) },
      });
    expect(await stateOf(id)).toEqual({ spent: 150_000, reserved: 0, signed: 150_000, status: "open" });
  });

  test("keeps the highest total, whatever is shown later", async () => {
    const { payer, id } = await opened();
    const manage = async (total: string) =>
      call(await payer.show(await offered(), { action: "voucher", cumulativeAmountRaw: total }), null);
    const raised = await manage("150000");
    expect([raised.status, receiptIn(raised)]).toMatchObject([204, { acceptedCumulative: "150000", spent: "50000" }]);
    expect(await manage("100000")).toMatchObject({ status: 402, body: { type: problem("verification-failed") } });
    expect(await stateOf(id)).toMatchObject({ signed: 150_000, spent: 50_000 });
  });

  test("refuses totals beyond the deposit, others' signatures, channels that are not there, and other prices", async () => {
    const { payer } = await opened();
    const [stranger, challenge] = [newPayer(), await offered()];
    const good = await payer.show(challenge, { action: "voucher", cumulativeAmountRaw: "100000" });
    const read = Credential.deserialize(good["payment-authorization"] ?? "");
    const altered = (change: object, of: Challenge.Challenge = challenge) => ({
      "payment-authorization": Credential.serialize({ ...read, challenge: of, payload: { ...(read.payload as object), ...change } }),
    });
    const unsigned = await stranger.account.signMessage({ message: "no" });
    await stranger.open(challenge);
    const cases: [string, number, Record<string, string>][] = [
      ["session/amount-exceeds-deposit", 402, await payer.show(challenge, { action: "voucher", cumulativeAmountRaw: "200001" })],
      ["session/invalid-signature", 402, altered({ signature: unsigned })],
      ["session/channel-not-found", 410, await stranger.show(challenge, { action: "voucher", cumulativeAmountRaw: "50000" })],
      ["invalid-payload", 402, altered({ action: "steal" })],
      ["invalid-challenge", 402, { ...good, "x-plugin-id": "tts" }],
      ["invalid-challenge", 402, altered({}, { ...challenge, id: "x" } as Challenge.Challenge)],
      ["method-unsupported", 400, altered({}, { ...challenge, method: "stripe", intent: "charge" } as Challenge.Challenge)],
    ];
    for (const [type, status, headers] of cases) {
      const answer = await call(headers);
      expect([type, answer.status, answer.body]).toMatchObject([type, status, { type: problem(type), detail: expect.any(String) }]);
      expect(answer.headers.get("www-authenticate")).toContain("Payment ");
    }
  });

  test("is raised by no less than its offer has asked for: such offers are of other settings, under the same secret", async () => {
    const { payer, id, challenge } = await opened();
    const { id: _, ...ours } = challenge;
    const methodDetails = { ...(ours.request["methodDetails"] as object), minVoucherDelta: "30000" };
    const asking = Challenge.from({ ...ours, request: { ...ours.request, methodDetails }, secretKey: SECRET_KEY } as never);
    const manage = async (total: string) => call(await payer.show(asking, { action: "voucher", cumulativeAmountRaw: total }), null);
    expect(await manage("79999")).toMatchObject({ status: 402, body: { type: problem("session/delta-too-small"), status: 402 } });
    expect(await stateOf(id)).toMatchObject({ signed: 50_000 });
    expect((await manage("80000")).status).toBe(204);
    expect(await stateOf(id)).toMatchObject({ signed: 80_000 });
  });

  test("takes nothing for a call that failed", async () => {
    const { payer, id } = await opened();
    system.model.script({ status: 400, error: { message: "no" } });
    const voucher = await payer.show(await offered(), { action: "voucher", cumulativeAmountRaw: "100000" });
    expect(await call(voucher)).toMatchObject({ status: 502, body: { error: "plugin_failed" } });
    expect(await stateOf(id)).toMatchObject({ spent: 50_000, reserved: 0, signed: 100_000 });
    expect((await call(voucher)).status).toBe(200);
    expect(await stateOf(id)).toMatchObject({ spent: 100_000 });
  });

  test("is topped up, and then closed by its payer: what was spent is taken, and the rest goes back", async () => {
    const { payer, id } = await opened();
    const topped = await call(await payer.show(await offered(), { action: "topUp", additionalDepositRaw: "100000" }));
    expect([topped.status, topped.text]).toEqual([204, ""]);
    expect(chain.channels.get(id)?.deposit).toBe(300_000n);
    const close = await payer.show(await offered(), { action: "close", cumulativeAmountRaw: "50000" });
    const closed = await call(close);
    expect([closed.status, receiptIn(closed)]).toMatchObject([204, { channelId: id, spent: "50000", txHash: expect.any(String) }]);
    expect(chain.channels.get(id)).toMatchObject({ paid: 50_000n, returned: 250_000n, deposit: 0n });
    expect(await stateOf(id)).toMatchObject({ status: "closed", spent: 50_000 });
    const late = await call(await payer.show(await offered(), { action: "voucher", cumulativeAmountRaw: "100000" }));
    expect(late).toMatchObject({ status: 410, body: { error: "channel_gone", type: problem("session/channel-finalized") } });
  });

  test("is not closed under a call that it pays for", async () => {
    const { payer, id } = await opened();
    system.model.script({ hang: true });
    const asked = system.model.journal.length;
    const leaving = new AbortController();
    const headers = await payer.show(await offered(), { action: "voucher", cumulativeAmountRaw: "100000" });
    const running = fetch(`${system.apis[0]?.url}${PATH}`, {
      ...{ method: "POST", body: JSON.stringify(BODY), signal: leaving.signal },
      headers: { ...ACCEPTED, ...headers, "x-api-key": system.ours.apiKey, "content-type": "application/json" },
    }).catch(() => undefined);
    await expect.poll(async () => (await stateOf(id))?.["reserved"], { timeout: 10_000 }).toBe(PRICE);
    // Else the next one to ask would be left hanging.
    await expect.poll(() => system.model.journal.length, { timeout: 10_000 }).toBe(asked + 1);
    const close = await payer.show(await offered(), { action: "close", cumulativeAmountRaw: "100000" });
    expect(await call(close)).toMatchObject({ status: 503, body: { error: "payment_pending" } });
    leaving.abort();
    await running;
    await expect.poll(() => stateOf(id), { timeout: 10_000 }).toMatchObject({ reserved: 0, spent: 50_000 });
    expect((await call(close)).status).toBe(204);
    expect(chain.channels.get(id)).toMatchObject({ paid: 50_000n });
  });

  test("whose opening was made and not heard of is found when the same is shown again, and is not opened twice", async () => {
    const payer = newPayer();
    const open = await payer.open(await offered());
    const sent = chain.sent.length;
    chain.loseReceipts = 1_000;
    const pending = await call(open);
    expect(pending).toMatchObject({ status: 503, body: { error: "payment_pending" } });
    chain.loseReceipts = 0;
    expect((await call(open)).status).toBe(200);
    expect(chain.sent.slice(sent)).toEqual(["open"]);
    expect(await stateOf(payer.channelId)).toEqual({ spent: 50_000, reserved: 0, signed: 50_000, status: "open" });
  });

  test("of a chain that is away takes nothing: the payer is told to show the same again", async () => {
    const { payer, id } = await opened();
    const voucher = await payer.show(await offered(), { action: "voucher", cumulativeAmountRaw: "100000" });
    chain.isAway = true;
    expect(await call(voucher)).toMatchObject({ status: 503, body: { error: "payment_pending" } });
    chain.isAway = false;
    expect(await stateOf(id)).toMatchObject({ signed: 50_000, spent: 50_000 });
    expect((await call(voucher)).status).toBe(200);
  });

  test("belongs to one organization: another's key finds none", async () => {
    const { payer } = await opened();
    const theirs = await system.newTenant("theirs");
    const voucher = await payer.show(await offered(), { action: "voucher", cumulativeAmountRaw: "100000" });
    const answer = await system.rest(0, theirs.apiKey).call(PATH, { body: BODY, headers: { ...ACCEPTED, ...voucher } });
    expect(answer).toMatchObject({ status: 410, body: { type: problem("session/channel-not-found") } });
  });
});

describe("a stream", () => {
  test.each([
    ["agent", 50_000, BODY],
    ["generate-text", 10_000, { prompt: "Hi" }],
  ])("of %s that nobody has signed for waits for its payer, and ends with the receipt", async (plugin, price, body) => {
    const { payer, id } = await opened();
    const named = { "x-plugin-id": plugin };
    const total = String(PRICE + price);
    const response = await fetch(`${system.apis[0]?.url}${PATH}`, {
      method: "POST",
      body: JSON.stringify(body),
      headers: {
        ...{ ...ACCEPTED, ...named, ...(await payer.show(await offered(named), { action: "voucher", cumulativeAmountRaw: "50000" })) },
        ...{ "x-api-key": system.ours.apiKey, "content-type": "application/json", accept: "text/event-stream" },
      },
    });
    expect(response.status).toBe(200);
    let text = "";
    for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      const isFirst = !text.includes("payment-need-voucher");
      text += piece;
      if (!isFirst || !text.includes("payment-need-voucher")) continue;
      const more = await payer.show(await offered(named), { action: "voucher", cumulativeAmountRaw: total });
      expect((await call({ ...named, ...more }, null)).status).toBe(204);
    }
    expect(text).toContain("event: token");
    const events = [...text.matchAll(/^event: (.*)$/gm)].map(([, name]) => name).filter((name) => name !== "token");
    expect(events).toEqual(["payment-need-voucher", "payment-receipt", "done"]);
    const dataOf = (event: string) => JSON.parse(new RegExp(`event: ${event}\\ndata: (.*)`).exec(text)?.[1] ?? "null");
    expect(dataOf("payment-need-voucher")).toEqual({
      ...{ channelId: id, requiredCumulative: total, acceptedCumulative: "50000", deposit: "200000" },
    });
    expect(dataOf("payment-receipt")).toMatchObject({
      intent: "session",
      channelId: id,
      acceptedCumulative: total,
      spent: total,
      units: 2,
    });
    expect(await stateOf(id)).toEqual({ spent: PRICE + price, reserved: 0, signed: PRICE + price, status: "open" });
  });

  test("is paid by the standard's own client, which signs for more by itself when it is asked to", async () => {
    const payer = newPayer();
    const { fetch: paid } = Mppx.create({ methods: [payer.method], polyfill: false });
    const ask = (more: Record<string, string> = {}) =>
      paid(`${guests.url}${PATH}`, {
        method: "POST",
        body: JSON.stringify(BODY),
        headers: { "content-type": "application/json", ...ACCEPTED, ...more },
      });
    expect((await ask()).status).toBe(200);
    const [row] = await sql<{ id: string }[]>`select id from payment_channels where payer = ${payer.account.address.toLowerCase()}`;
    const id = row?.id ?? "";
    // As where another call of the same payer has used what this client takes for its own.
    await sql`update payment_channels set spent_micros = 80000, voucher_micros = 80000, version = version + 1 where id = ${id}`;
    const text = await (await ask({ accept: "text/event-stream" })).text();
    expect(text).toContain("event: done");
    expect(await stateOf(id)).toMatchObject({ spent: 130_000, reserved: 0, signed: 130_000 });
  });
});

test("a worker collects from channels that nobody uses, and from those whose payers are leaving; a call under way is waited for", async () => {
  const [idle, leaving, used, busy] = [await opened(), await opened(), await opened(), await opened()];
  await sql`update payment_channels set used_at = now() - interval '2 days' where id = ${idle.id}`;
  Object.assign(chain.channels.get(leaving.id) ?? {}, { closeRequestedAt: 1 });
  await sql`update payment_channels set reserved_micros = 1, spent_micros = spent_micros - 1, used_at = now() - interval '2 days' where id = ${busy.id}`;
  await sql`update payment_channels set due_at = now()`;
  for (const { id } of [idle, leaving]) {
    await expect.poll(() => stateOf(id), { timeout: 20_000 }).toMatchObject({ status: "closed" });
    expect(chain.channels.get(id)).toMatchObject({ paid: 50_000n, returned: 150_000n });
  }
  for (const { id } of [used, busy]) {
    expect(await stateOf(id)).toMatchObject({ status: "open" });
    expect(chain.channels.get(id)).toMatchObject({ deposit: 200_000n });
  }
});

test("collecting from one channel twice at once, in two processes, is one transfer", async () => {
  const { id } = await opened();
  const [row] = await sql<
    { state: string; version: number }[]
  >`select state, version::int as version from payment_channels where id = ${id}`;
  const kept = { state: row?.state ?? "", version: row?.version ?? 0, spentMicros: 50_000, reservedMicros: 0, units: 1 };
  const book: ChannelBook = {
    read: async () => ({ ...kept }),
    async write(_id, version, { state }) {
      if (version !== kept.version) return false;
      Object.assign(kept, { state, version: version + 1 });
      return true;
    },
  };
  const sent = chain.sent.length;
  const settings = paymentSettings.parse(system.environment);
  const both = [createChannelPayments(settings, fetch), createChannelPayments(settings, fetch)];
  const closed = await Promise.all(both.map(async (one) => one?.review(id, { isIdle: true, book })));
  expect(closed.sort()).toEqual([false, true]);
  expect(chain.sent.slice(sent)).toEqual(["close"]);
  expect(chain.channels.get(id)).toMatchObject({ paid: 50_000n, returned: 150_000n });
});
