import { randomBytes, randomUUID } from "node:crypto";
import { voucherTypedData } from "@parley/payments";
import { at, type RestAnswer, type System, startSystem } from "@parley/testkit";
import postgres from "postgres";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const CHAIN_ID = 42_431;
const PATH = "/api/v1/gateway";
const WALLETS = "/api/wallet/sessions";

let system: System;
let sql: postgres.Sql;
let agentId: string;
beforeAll(async () => {
  system = await startSystem({
    apis: 2,
    env: {
      PAYMENTS_CHAIN_ID: String(CHAIN_ID),
      BILLING_DEV_FUNDING: "true",
      CORS_ORIGINS: "https://page.test",
      LIMIT_SOLD_CALLS_MAX: "100000",
      LIMIT_WALLET_CALLS_MAX: "100000",
    },
  });
  sql = postgres(system.ownerUrl, { max: 1, onnotice: () => undefined });
  agentId = await system.ours.newAgent();
  system.model.otherwise({ text: ["Hello", " there"] });
});
afterAll(async () => {
  await sql?.end();
  await system?.close();
});

const newWallet = (): string => `0x${randomBytes(20).toString("hex")}`;

async function open(deposit = "1.00", address = newWallet()): Promise<{ sessionId: string; address: string }> {
  const answer = await system.rest().call(WALLETS, { body: { address, deposit } });
  expect(answer.status).toBe(201);
  return { sessionId: String(at(answer.body, "session", "id")), address };
}

const headersOf = ({ sessionId, address }: { sessionId: string; address: string }) => ({
  "x-session-id": sessionId,
  "x-wallet-address": address,
});

const call = (
  headers: Record<string, string>,
  body: object | string = { message: "Hi" },
  api = 0,
  key: string | null = system.ours.apiKey,
): Promise<RestAnswer> => system.rest(api, key).call(PATH, { body, headers });

async function stateOf(sessionId: string) {
  const [row] =
    await sql`select deposit_micros::int as deposit, reserved_micros::int as reserved, spent_micros::int as spent, status from wallet_sessions where id = ${sessionId}`;
  return row;
}

/** Of every organization all accounts together, and nothing held. */
async function expectBalanced(): Promise<void> {
  expect(await sql`select organization_id from ledger_entries group by 1 having sum(amount_micros) <> 0`).toEqual([]);
  const [held] =
    await sql`select coalesce(sum(s.deposit_micros - s.spent_micros - s.returned_micros), 0)::int as kept from wallet_sessions s`;
  const [account] = await sql`select coalesce(sum(balance_micros), 0)::int as kept from ledger_balances where account = 'sessions'`;
  expect(account).toEqual(held);
}

describe("a session", () => {
  test("100 calls at once on $1.00 at $0.05, over two processes: 20 are answered, the rest have nothing left, and the books agree", async () => {
    const session = await open();
    const headers = { ...headersOf(session), "x-plugin-id": "generate-text" };
    await sql`insert into prices (organization_id, kind, name, input_pico, output_pico, unit_pico) values (${system.ours.organizationId}, 'plugin', 'generate-text', 0, 0, 50000000000)`;
    const answers = await Promise.all(Array.from({ length: 100 }, (_, index) => call(headers, { prompt: "Hi" }, index % 2)));
    const done = answers.filter(({ status }) => status === 200);
    expect(done.length).toBe(20);
    for (const answer of answers.filter(({ status }) => status !== 200)) {
      expect(answer).toMatchObject({ status: 402, body: { error: "insufficient_balance", session: { cost: "0.05" } } });
    }
    expect(await stateOf(session.sessionId)).toMatchObject({ spent: 1_000_000, reserved: 0 });
    expect(done.map(({ headers: sent }) => sent.get("x-session-remaining")).sort()[0]).toBe("0.00");
    // Each is told what it has left itself, and no other's.
    expect(new Set(done.map(({ headers: sent }) => sent.get("x-session-remaining"))).size).toBe(20);
    await sql`update prices set withdrawn = true where organization_id = ${system.ours.organizationId}`;
    await sql`delete from prices where organization_id = ${system.ours.organizationId}`;
    await expectBalanced();
  });

  test.each(["abc", "1e3", "-5", "0.0000001", "100.01", "0.99", "5abc", "", "Infinity", "1_0", " 5", "05"])(
    "is refused with 400 for a deposit of '%s'",
    async (deposit) => {
      expect((await system.rest().call(WALLETS, { body: { address: newWallet(), deposit } })).status).toBe(400);
    },
  );

  test("belongs to a wallet in whatever case; another's is none, and nobody learns that it is there", async () => {
    const session = await open("1.00", `0x${"aB".repeat(20)}`);
    const again = await system.rest().call(WALLETS, { body: { address: `0x${"Ab".repeat(20)}`, deposit: "5" } });
    expect(again).toMatchObject({ status: 200, body: { note: "Active session already exists", session: { id: session.sessionId } } });
    expect((await call(headersOf({ ...session, address: `0x${"AB".repeat(20)}` }))).status).toBe(200);

    const theirs = await system.newTenant("theirs");
    const none = await call(
      headersOf({ sessionId: `ses_${"0".repeat(24)}`, address: session.address }),
      { message: "Hi" },
      0,
      theirs.apiKey,
    );
    for (const answer of [
      await call(headersOf(session), { message: "Hi" }, 0, theirs.apiKey),
      await call(headersOf(session), { message: "Hi" }, 0, null),
      await call(headersOf({ ...session, address: newWallet() })),
    ])
      expect([answer.status, answer.body]).toEqual([402, none.body]);
    expect(none.body).toMatchObject({ error: "session_invalid" });
    for (const path of [`${WALLETS}?sessionId=${session.sessionId}`, `${WALLETS}?sessionId=ses_${"0".repeat(24)}`])
      expect(await system.rest(0, theirs.apiKey).call(path)).toMatchObject({ status: 404, body: { error: "Session not found" } });
  });

  test("that is closed while calls are under way gives back what they leave, to the micro-unit", async () => {
    const session = await open("2.00");
    const calls = Promise.all(Array.from({ length: 20 }, () => call({ ...headersOf(session), "x-plugin-id": "tts" }, { text: "Hi" })));
    const closing = system.rest(1).call(`${WALLETS}?sessionId=${session.sessionId}`, { method: "DELETE" });
    const answers = await calls;
    expect([200, 202]).toContain((await closing).status);
    const done = answers.filter(({ status }) => status === 200).length;
    for (const { status } of answers) expect([200, 402]).toContain(status);
    await expect.poll(async () => (await stateOf(session.sessionId))?.["status"]).toBe("closed");
    const back = 2_000_000 - done * 30_000;
    const [entry] = await sql`select amount_micros::int as micros from ledger_entries
      where source_type = 'session' and source_id = ${`${session.sessionId}/close`} and account = 'customer'`;
    expect(entry).toEqual({ micros: back });
    await expectBalanced();
  });

  test("is topped up and listed, with what it has paid and without signatures", async () => {
    const session = await open();
    await call({ ...headersOf(session), "x-plugin-id": "tts" }, { text: "Hi" });
    const tooMuch = await system.rest().call(`${WALLETS}/top-up`, { body: { sessionId: session.sessionId, deposit: "99.99" } });
    expect([tooMuch.status, tooMuch.text]).toEqual([409, expect.stringContaining("A session has at most $100.00 left at any time.")]);
    const topped = await system.rest().call(`${WALLETS}/top-up`, { body: { sessionId: session.sessionId, deposit: "2.50" } });
    expect(topped.body).toMatchObject({ session: { deposit: "3.50", spent: "0.03", remaining: "3.47" } });
    const listed = await system.rest().call(`${WALLETS}?address=${session.address.toUpperCase().replace("0X", "0x")}`);
    expect(listed.body).toMatchObject({ sessions: [{ id: session.sessionId, vouchers: [{ plugin: "tts", amount: "0.03" }] }] });
    expect(listed.text).not.toContain("signature");
  });
});

describe("a wallet without a key", () => {
  const account = privateKeyToAccount(generatePrivateKey());
  const expires = Math.floor(Date.now() / 1_000) + 3_600;

  async function sign(
    sessionId: string,
    more: { nonce: string; plugin?: string; amountMicros?: number; expires?: number },
  ): Promise<Record<string, string>> {
    const voucher = { kind: "call", sessionId, plugin: "generate-text", amountMicros: 10_000, expires, ...more } as const;
    const typed = voucherTypedData(voucher, CHAIN_ID);
    if (typed.primaryType !== "Voucher") throw new Error("Not a voucher for one call.");
    const signature = await account.signTypedData(typed);
    return {
      "x-session-voucher": Buffer.from(JSON.stringify({ signature, nonce: voucher.nonce, expires: voucher.expires })).toString("base64url"),
    };
  }

  test("pays by what it has signed, once for each nonce, for that plugin and that price alone", async () => {
    const session = await open("1.00", account.address);
    const named = { ...headersOf(session), "x-plugin-id": "generate-text" };
    const guest = (voucher: Record<string, string>, more: Record<string, string> = {}) =>
      call({ ...named, ...voucher, ...more }, { prompt: "Hi" }, 0, null);
    const voucher = await sign(session.sessionId, { nonce: "one" });
    const paid = await guest(voucher);
    expect(paid).toMatchObject({
      status: 200,
      body: { plugin: "generate-text", payment: { method: "session", receipt: `session:${session.sessionId}:one` } },
    });
    expect(paid.headers.get("payment-receipt")).toBe(`session:${session.sessionId}:one`);
    for (const bad of [
      voucher,
      await sign(session.sessionId, { nonce: "two", plugin: "tts" }),
      await sign(session.sessionId, { nonce: "three", amountMicros: 9_999 }),
      await sign(session.sessionId, { nonce: "four", expires: 1 }),
      await sign(`ses_${"0".repeat(24)}`, { nonce: "five" }),
      { "x-session-voucher": "e30" },
    ])
      expect(await guest(bad)).toMatchObject({ status: 402, body: { error: "voucher_failed" } });
    expect(await stateOf(session.sessionId)).toMatchObject({ spent: 10_000, reserved: 0 });

    const racing = await sign(session.sessionId, { nonce: "race" });
    const answers = await Promise.all(Array.from({ length: 50 }, () => guest(racing)));
    expect(answers.filter(({ status }) => status === 200).length).toBe(1);
    expect(await stateOf(session.sessionId)).toMatchObject({ spent: 20_000, reserved: 0 });
  });

  test("is not kept from the end of one call by somebody who shows its voucher again at that moment", async () => {
    const { sessionId } = await open("1.00", privateKeyToAccount(generatePrivateKey()).address);
    const [row] = await sql<{ organization: string; wallet: string }[]>`
      select organization_id as organization, wallet from wallet_sessions where id = ${sessionId}`;
    const purchase = { organizationId: row?.organization ?? "", id: randomUUID() };
    const sold = {
      ...purchase,
      wallet: row?.wallet ?? "",
      sessionId,
      plugin: "tts",
      amountMicros: 10_000,
      nonce: "again",
      signature: "0x",
    };
    const reserve = (tx: postgres.ISql, id: string) =>
      tx<{ answer: { outcome: string } }[]>`select reserve_in_session(${tx.json({ ...sold, id, signedMicros: null })}) as answer`;
    await using other = { tx: postgres(system.ownerUrl, { max: 1 }), [Symbol.asyncDispose]: () => other.tx.end() };
    expect(await reserve(sql, purchase.id)).toMatchObject([{ answer: { outcome: "reserved" } }]);
    let ending: Promise<unknown> | undefined;
    const again = sql.begin(async (tx) => {
      await tx`select from wallet_sessions where id = ${sessionId} for update`;
      ending = other.tx`select end_purchase(${other.tx.json({ ...purchase, capture: true })}) as answer`.then(([end]) => end);
      const waiting = async () => {
        await tx`select pg_stat_clear_snapshot()`;
        return (
          await tx`select from pg_stat_activity where wait_event_type = 'Lock' and query like '%end_purchase%'
          and datname = current_database()`
        ).length;
      };
      await expect.poll(waiting, { timeout: 10_000 }).toBe(1);
      return reserve(tx, randomUUID());
    });
    expect(await again).toMatchObject([{ answer: { outcome: "used" } }]);
    expect(await ending).toEqual({ answer: true });
    expect(await stateOf(sessionId)).toMatchObject({ spent: 10_000, reserved: 0 });
  });

  test("pays by a total that it has signed, which may be shown again and never takes more than that", async () => {
    const wallet = privateKeyToAccount(generatePrivateKey());
    const session = await open("1.00", wallet.address);
    const typed = voucherTypedData({ kind: "total", sessionId: session.sessionId, cumulativeMicros: 20_000, expires }, CHAIN_ID);
    if (typed.primaryType !== "CumulativeVoucher") throw new Error("Not a total.");
    const signature = await wallet.signTypedData(typed);
    const shown = Buffer.from(JSON.stringify({ signature, cumulative: "0.02", expires })).toString("base64url");
    const headers = { ...headersOf(session), "x-plugin-id": "generate-text", "x-session-voucher": shown };
    const answers = await Promise.all(Array.from({ length: 10 }, () => call(headers, { prompt: "Hi" }, 0, null)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, ...Array(8).fill(402)]);
    expect(await stateOf(session.sessionId)).toMatchObject({ spent: 20_000 });
  });

  test("shows a voucher at its own route, once", async () => {
    const wallet = privateKeyToAccount(generatePrivateKey());
    const session = await open("1.00", wallet.address);
    const typed = voucherTypedData(
      { kind: "call", sessionId: session.sessionId, plugin: "agent", amountMicros: 50_000, nonce: "n", expires },
      CHAIN_ID,
    );
    if (typed.primaryType !== "Voucher") throw new Error("Not a voucher for one call.");
    const body = {
      sessionId: session.sessionId,
      userAddress: wallet.address,
      plugin: "agent",
      nonce: "n",
      expires,
      signature: await wallet.signTypedData(typed),
    };
    const show = (more: object = {}) => system.rest(0, null).call(`${WALLETS}/voucher`, { body: { ...body, ...more } });
    expect(await show()).toMatchObject({
      status: 200,
      body: {
        ...{ success: true, receipt: `session:${session.sessionId}:n` },
        session: { spent: "0.05", remaining: "0.95", pendingVouchers: 0 },
        voucher: { amount: "0.05", plugin: "agent", description: "Agent orchestrator request" },
      },
    });
    expect((await show()).status).toBe(402);
    expect(await show({ plugin: "nothing" })).toMatchObject({ status: 400, body: { error: "Unknown plugin: nothing" } });
    // Of another wallet's session nobody learns that it is there.
    expect(await show({ userAddress: newWallet(), nonce: "m" })).toMatchObject({ status: 400, body: { error: "Session not found" } });
  });
});

describe("a call", () => {
  test("of the agent is a turn, paid by the caller's credits", async () => {
    const answer = await call({ "x-payment-method": "stripe" }, { message: "Hi", agentId });
    expect(answer).toMatchObject({
      status: 200,
      body: {
        plugin: "agent",
        message: "Request processed by agent plugin",
        payment: { method: "stripe", receipt: null },
        data: { reply: "Hello there", status: "completed" },
      },
    });
    expect(answer.headers.get("x-plugin-id")).toBe("agent");
  });

  test("of the agent streams where that is asked for, and ends with the whole envelope", async () => {
    const session = await open();
    const answer = await call({ ...headersOf(session), accept: "text/event-stream" });
    expect(answer.headers.get("content-type")).toContain("text/event-stream");
    const frames = answer.text.split("\n\n").map((frame) => /^event: (\w+)/.exec(frame)?.[1]);
    expect(frames).toContain("token");
    const done = /event: done\ndata: (.*)/.exec(answer.text)?.[1] ?? "null";
    expect(JSON.parse(done)).toMatchObject({ payment: { method: "session" }, data: { reply: "Hello there" } });
    expect(await stateOf(session.sessionId)).toMatchObject({ spent: 50_000, reserved: 0 });
  });

  test("speaks and listens", async () => {
    const spoken = await call({ "x-plugin-id": "tts" }, { text: "Good day" });
    expect(spoken.status).toBe(200);
    const heard = await call({}, { plugin: "stt", audio: at(spoken.body, "data", "audio") });
    expect(heard).toMatchObject({ status: 200, body: { plugin: "stt", data: { text: expect.stringContaining("Good day") } } });
  });

  test("repeated under one key, also at once and of two processes, is paid once and answered the same", async () => {
    const session = await open();
    const headers = { ...headersOf(session), "idempotency-key": randomUUID() };
    const answers = await Promise.all([call(headers), call(headers, undefined, 1), call(headers)]);
    const again = await call(headers, undefined, 1);
    for (const { status, body } of [...answers, again]) expect([status, body]).toEqual([200, answers[0]?.body]);
    // One of them was done, and the others say that they were not.
    expect([again, ...answers].map((answer) => answer.headers.get("idempotent-replay")).sort()).toEqual(
      ["true", "true", "true", null].sort(),
    );
    expect(await stateOf(session.sessionId)).toMatchObject({ spent: 50_000, reserved: 0 });
    expect((await call(headers, { message: "Other" })).status).toBe(409);
  });

  test("that fails, or whose client leaves before anything was told, costs nothing", async () => {
    const session = await open();
    system.model.script({ status: 400, error: { message: "no" } });
    const failed = await call({ ...headersOf(session) }, { message: "fail" });
    expect(failed).toMatchObject({ status: 502, body: { error: "plugin_failed" } });
    expect(await stateOf(session.sessionId)).toMatchObject({ spent: 0, reserved: 0 });

    system.model.script({ hang: true });
    const asked = system.model.journal.length;
    const leaving = new AbortController();
    const left = fetch(`${system.apis[0]?.url}${PATH}`, {
      method: "POST",
      headers: { "x-api-key": system.ours.apiKey, "content-type": "application/json", ...headersOf(session) },
      body: JSON.stringify({ message: "hang" }),
      signal: leaving.signal,
    }).catch(() => undefined);
    await expect.poll(async () => (await stateOf(session.sessionId))?.["reserved"], { timeout: 10_000 }).toBe(50_000);
    // Else the next one to ask would be left hanging.
    await expect.poll(() => system.model.journal.length, { timeout: 10_000 }).toBe(asked + 1);
    leaving.abort();
    await left;
    await expect.poll(() => stateOf(session.sessionId), { timeout: 10_000 }).toMatchObject({ spent: 0, reserved: 0 });
  });

  test.each<[string, Record<string, string>, object | string, boolean, number, string]>([
    ["an unknown plugin", { "x-plugin-id": "nothing" }, {}, true, 502, "no_plugin"],
    ["no plugin's name", { "x-plugin-id": "../x" }, {}, true, 502, "no_plugin"],
    ["a session without its wallet", { "x-session-id": `ses_${"0".repeat(24)}` }, {}, true, 402, "session_required"],
    ["no key and no payment", {}, { message: "Hi" }, false, 402, "payment_required"],
    ["a method that needs a credential, and none", { "x-payment-method": "mpp" }, { message: "Hi" }, true, 402, "payment_required"],
    ["no JSON, which counts as empty", {}, "{", true, 400, "bad_request"],
    ["an agent that is none", {}, { message: "Hi", agentId: "x" }, true, 400, "bad_request"],
  ])("with %s is refused", async (_what, headers, body, isKnown, status, error) => {
    expect(await call(headers, body, 0, isKnown ? system.ours.apiKey : null)).toMatchObject({
      status,
      body: { error, message: expect.any(String) },
    });
  });

  test("a bad key is a 401, whatever pays", async () => {
    expect(await call({}, { message: "Hi" }, 0, "agw_nobody")).toMatchObject({ status: 401, body: { error: "Unauthorized" } });
  });

  test("of a page: preflights are answered, headers may be read, also of a refusal", async () => {
    const origin = "https://page.test";
    const url = `${system.apis[0]?.url}${PATH}`;
    const wanted = {
      origin,
      "access-control-request-method": "POST",
      "access-control-request-headers": "x-session-id,x-wallet-address,x-payment-method",
    };
    const preflight = await fetch(url, { method: "OPTIONS", headers: wanted });
    expect([preflight.status, preflight.headers.get("access-control-allow-headers")]).toEqual([
      204,
      "x-session-id,x-wallet-address,x-payment-method",
    ]);
    const probe = await fetch(url, { method: "OPTIONS", headers: { origin, accept: "application/json" } });
    expect([probe.status, probe.headers.get("www-authenticate")]).toEqual([204, "Payment"]);
    const refused = await fetch(url, { method: "POST", headers: { origin }, body: "{}" });
    expect(refused.headers.get("access-control-allow-origin")).toBe(origin);
    for (const name of ["payment-receipt", "x-session-remaining", "www-authenticate", "x-plugin-id"])
      expect(refused.headers.get("access-control-expose-headers")).toContain(name);
  });
});
