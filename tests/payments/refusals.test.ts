import { randomBytes, randomUUID } from "node:crypto";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { voucherTypedData } from "@parley/payments";
import { at, type RestAnswer, type System, startSystem } from "@parley/testkit";
import postgres from "postgres";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { callTrpc } from "../system/support/call-trpc.ts";

const PATH = "/api/v1/gateway";
const WALLETS = "/api/wallet/sessions";
/** The standard one. */
const CHAIN_ID = 4_217;
const ORIGIN = "https://page.test";

/** What the servers of plugins do. */
const MANNERS: Record<string, (response: ServerResponse) => unknown> = {
  fine: (response) => response.end('{"done":true}'),
  nul: (response) => response.end('{"said\\u0000":["a\\u0000b", "a\\ud800b"]}'),
  fails: (response) => response.writeHead(500).end("{}"),
  leads: (response) => response.writeHead(302, { location: "http://169.254.169.254/" }).end(),
  cut: (response) => response.writeHead(200, { "content-length": "100" }).write("{", () => response.destroy()),
  blank: (response) => response.writeHead(204).end(),
  long: (response) => response.end(`"${"x".repeat(2_000)}"`),
  deep: (response) => response.end(`${"[".repeat(900)}${"]".repeat(900)}`),
  silent: (response) => response.write(" "),
};

let plugin: Server;
let system: System;
let sql: postgres.Sql;
beforeAll(async () => {
  plugin = createServer(({ url = "" }, response) => {
    response.setHeader("content-type", "application/json");
    (MANNERS[url.slice(1)] ?? MANNERS["fine"])?.(response);
  });
  await new Promise<void>((resolve) => plugin.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(plugin.address() as AddressInfo).port}`;
  const sold = { url: `http://${host}/` };
  system = await startSystem({
    workers: 0,
    allow: [host],
    env: {
      PAYMENTS_PLUGINS: JSON.stringify({
        ...{ closed: { ...sold, auth: true }, unpriced: sold, lan: { url: "http://10.0.0.1/" } },
        ...Object.fromEntries(Object.keys(MANNERS).map((name) => [name, { url: `${sold.url}${name}` }])),
      }),
      LIMIT_PLUGIN_MS: "500",
      LIMIT_PLUGIN_BYTES_MAX: "1024",
      CORS_ORIGINS: ORIGIN,
      LIMIT_SOLD_CALLS_MAX: "30",
      LIMIT_WALLET_CALLS_MAX: "20",
      LIMIT_RATE_WINDOW_MS: "3600000",
    },
  });
  sql = postgres(system.ownerUrl, { max: 1, onnotice: () => undefined });
  await sql`insert into prices (kind, name, input_pico, output_pico, unit_pico, effective_from)
    values ('plugin', 'closed', 0, 0, 10000000000, '2020-01-01')`;
  for (const name of ["lan", ...Object.keys(MANNERS)]) {
    await sql`insert into prices (kind, name, input_pico, output_pico, unit_pico, effective_from) values ('plugin', ${name}, 0, 0, 1000000000, '2020-01-01')`;
  }
});
afterAll(async () => {
  await sql?.end();
  await system?.close();
  plugin.closeAllConnections();
  await new Promise((resolve) => plugin.close(resolve));
});

const newWallet = (): string => `0x${randomBytes(20).toString("hex")}`;
const call = (headers: Record<string, string>, key: string | null): Promise<RestAnswer> =>
  system.rest(0, key).call(PATH, { body: { text: "Hi" }, headers: { origin: ORIGIN, ...headers } });

/** Somebody with so many dollars. */
async function newPayer(name: string, amountMicros = 0) {
  const tenant = await system.newTenant(name);
  if (amountMicros > 0) {
    const body = { organization_id: tenant.organizationId, amount_micros: amountMicros, reference: name };
    const headers = { "x-admin-secret": system.adminSecret };
    expect((await system.rest(0, null).call("/admin/billing/credits", { body, headers })).status).toBe(200);
  }
  return tenant;
}

async function opened(key: string, deposit = "1.00", address = newWallet()) {
  const answer = await system.rest(0, key).call(WALLETS, { body: { address, deposit } });
  expect(answer.status).toBe(201);
  const sessionId = String(at(answer.body, "session", "id"));
  return { sessionId, headers: { "x-session-id": sessionId, "x-wallet-address": address } };
}

describe("a call is refused", () => {
  test("in a session, where its plugin has no price", async () => {
    const { apiKey } = await newPayer("unpriced", 5_000_000);
    const { headers } = await opened(apiKey);
    expect(await call({ ...headers, "x-plugin-id": "unpriced" }, apiKey)).toMatchObject({ status: 400, body: { error: "unknown_plugin" } });
  });

  test("where its plugin wants somebody who is known or has paid, and nobody is", async () => {
    expect(await call({ "x-plugin-id": "closed" }, null)).toMatchObject({
      ...{ status: 401, body: { error: "Unauthorized", message: expect.any(String) } },
    });
    const { apiKey } = await newPayer("known", 5_000_000);
    expect(await call({ "x-plugin-id": "closed" }, apiKey)).toMatchObject({ status: 200, body: { data: { done: true } } });
    const { headers } = await opened(apiKey);
    expect((await call({ ...headers, "x-plugin-id": "closed" }, apiKey)).status).toBe(200);
  });

  test("in a way that a page can read, whatever it is refused for", async () => {
    const { apiKey } = await newPayer("page");
    const refusals: [number, RestAnswer][] = [
      [402, await call({ "x-plugin-id": "fine" }, null)],
      [401, await call({ "x-plugin-id": "closed" }, null)],
      [502, await call({ "x-plugin-id": "nothing" }, apiKey)],
      [402, await call({ "x-payment-method": "session" }, apiKey)],
    ];
    for (const [status, answer] of refusals) {
      expect([status, answer.status]).toEqual([status, status]);
      expect(answer.headers.get("access-control-allow-origin")).toBe(ORIGIN);
      expect(answer.headers.get("vary")?.toLowerCase()).toContain("origin");
      expect(answer.headers.get("access-control-expose-headers")?.toLowerCase()).toContain("retry-after");
      if (status === 402) expect(answer.headers.get("cache-control")).toBe("no-store");
    }
  });

  test("beyond so many of one key, and says when to come again; another's are not counted with them", async () => {
    const { apiKey } = await newPayer("hasty");
    const answers: RestAnswer[] = [];
    for (let count = 0; count < 31; count += 1) answers.push(await call({ "x-payment-method": "mpp", "x-plugin-id": "fine" }, apiKey));
    expect(answers.slice(0, 30).map(({ status }) => status)).toEqual(Array(30).fill(402));
    expect(answers[30]).toMatchObject({ status: 429, body: { error: "too_many_requests" } });
    expect(Number(answers[30]?.headers.get("retry-after"))).toBeGreaterThan(0);
    const other = await newPayer("patient");
    expect((await call({ "x-payment-method": "mpp", "x-plugin-id": "fine" }, other.apiKey)).status).toBe(402);
    const wallets: number[] = [];
    for (let count = 0; count < 21; count += 1)
      wallets.push((await system.rest(0, apiKey).call(`${WALLETS}?address=${newWallet()}`)).status);
    expect(wallets).toEqual([...Array(20).fill(200), 429]);
  });
});

test.each([
  [WALLETS, "PUT", "GET, POST, DELETE"],
  [`${WALLETS}/top-up`, "GET", "POST"],
  [`${WALLETS}/voucher`, "DELETE", "POST"],
  ["/api/v1/payments/stripe/create", "GET", "POST"],
  ["/api/v1/payments/stripe/portal", "POST", "GET"],
  ["/api/v1/payments/stripe/verify", "POST", "GET"],
  ["/api/v1/payments/stripe/webhook", "PUT", "POST"],
  ["/api/gateway/chat", "GET", "POST"],
  ["/api/gateway/status", "POST", "GET"],
  [PATH, "PUT", "POST, OPTIONS"],
])("%s says to %s which methods there are", async (path, method, allowed) => {
  const answer = await system.rest().call(path, { method });
  expect([answer.status, answer.headers.get("allow")]).toEqual([405, allowed]);
});

describe("a plugin's server", () => {
  test.each(["fails", "leads", "cut", "blank", "long", "deep", "silent", "lan"])(
    "that is %s has failed, says nothing to the caller, and is paid nothing",
    async (name) => {
      const { apiKey, organizationId } = await newPayer(`server ${name}`, 1_000_000);
      for (const more of [{}, { "idempotency-key": "1" }]) {
        expect(await call({ "x-plugin-id": name, ...more }, apiKey)).toMatchObject({
          ...{ status: 502, body: { error: "plugin_failed", message: "The plugin failed; the call itself was not charged." } },
        });
      }
      expect(await sql`select 1 from ledger_entries where organization_id = ${organizationId} and source_type = 'purchase'`).toEqual([]);
    },
  );

  test("whose answer no database keeps is told as it can be kept, and the same again", async () => {
    const { apiKey } = await newPayer("unkeepable", 1_000_000);
    const first = await call({ "x-plugin-id": "nul", "idempotency-key": "1" }, apiKey);
    expect(first).toMatchObject({ status: 200, body: { data: { "said\ufffd": ["a\ufffdb", "a\ufffdb"] } } });
    expect((await call({ "x-plugin-id": "nul", "idempotency-key": "1" }, apiKey)).body).toEqual(first.body);
  });
});

describe("a session", () => {
  test("gives what it has bought to nobody who cannot sign for it, whatever else they know of the call", async () => {
    const { apiKey } = await newPayer("signer", 5_000_000);
    const account = privateKeyToAccount(generatePrivateKey());
    const { sessionId, headers } = await opened(apiKey, "1.00", account.address);
    const expires = Math.floor(Date.now() / 1_000) + 3_600;
    const shown = (signature: string, nonce: string) => ({
      "x-session-voucher": Buffer.from(JSON.stringify({ signature, nonce, expires })).toString("base64url"),
    });
    async function signed(nonce: string) {
      const typed = voucherTypedData({ kind: "call", sessionId, plugin: "fine", amountMicros: 1_000, nonce, expires }, CHAIN_ID);
      if (typed.primaryType !== "Voucher") throw new Error("Not a voucher for one call.");
      return shown(await account.signTypedData(typed), nonce);
    }
    const ask = (more: Record<string, string>) => call({ ...headers, "x-plugin-id": "fine", "idempotency-key": "1", ...more }, null);
    const bought = await ask(await signed("one"));
    expect(bought.status).toBe(200);
    expect((await ask(await signed("two"))).body).toEqual(bought.body);

    const forged = shown(`0x${"11".repeat(65)}`, "three");
    for (const more of [{}, { "idempotency-key": "2" }])
      expect(await ask({ ...forged, ...more })).toMatchObject({ status: 402, body: { error: "voucher_failed" } });
    // Of another wallet's session nobody learns that it is there.
    const elsewhere = { ...forged, "x-wallet-address": newWallet() };
    const nowhere = { ...elsewhere, "x-session-id": `ses_${"0".repeat(24)}` };
    expect(await ask(elsewhere)).toMatchObject({ status: 402, body: (await ask(nowhere)).body });
    const [row] = await sql`select spent_micros::int as spent from wallet_sessions where id = ${sessionId}`;
    expect(row).toEqual({ spent: 1_000 });
  });

  test("is not money by itself: what is not there cannot be set aside", async () => {
    const { apiKey, organizationId } = await newPayer("poor", 2_000_000);
    const open = (deposit: string) => system.rest(0, apiKey).call(WALLETS, { body: { address: newWallet(), deposit } });
    expect((await open("100.00")).status).toBe(402);
    expect((await open("1.50")).status).toBe(201);
    expect((await open("1.00")).status).toBe(402);
    const rows = await sql`select account, balance_micros::int as micros from ledger_balances
      where organization_id = ${organizationId} and account in ('customer', 'sessions') order by account`;
    expect(rows).toEqual([
      { account: "customer", micros: 500_000 },
      { account: "sessions", micros: 1_500_000 },
    ]);
  });

  test("is closed and topped up by nobody else: it is not there for them, and stays as it is", async () => {
    const { apiKey } = await newPayer("owner", 5_000_000);
    const thief = await newPayer("thief", 5_000_000);
    const { sessionId } = await opened(apiKey);
    const closed = await system.rest(0, thief.apiKey).call(`${WALLETS}?sessionId=${sessionId}`, { method: "DELETE" });
    const topped = await system.rest(0, thief.apiKey).call(`${WALLETS}/top-up`, { body: { sessionId, deposit: "1.00" } });
    for (const answer of [closed, topped]) expect(answer).toMatchObject({ status: 404, body: { error: "Session not found" } });
    const shown = await system.rest(0, apiKey).call(`${WALLETS}?sessionId=${sessionId}`);
    expect(shown.body).toMatchObject({ session: { status: "active", deposit: "1.00" } });
  });

  test("pays a tenth of a cent to the micro-unit, and each call is told what it has left itself", async () => {
    const { apiKey } = await newPayer("small", 5_000_000);
    const { headers, sessionId } = await opened(apiKey);
    const answers = await Promise.all(Array.from({ length: 5 }, () => call({ ...headers, "x-plugin-id": "fine" }, apiKey)));
    expect(answers.map(({ headers: sent }) => sent.get("x-session-remaining")).sort()).toEqual([
      "0.995",
      "0.996",
      "0.997",
      "0.998",
      "0.999",
    ]);
    const [row] =
      await sql`select spent_micros::int as spent, reserved_micros::int as reserved from wallet_sessions where id = ${sessionId}`;
    expect(row).toEqual({ spent: 5_000, reserved: 0 });
  });

  test("that is being closed is not opened a second time beside itself", async () => {
    const { apiKey, organizationId } = await newPayer("closing", 5_000_000);
    const { sessionId, headers } = await opened(apiKey);
    await sql`update wallet_sessions set status = 'closing' where id = ${sessionId}`;
    const again = await system.rest(0, apiKey).call(WALLETS, { body: { address: headers["x-wallet-address"], deposit: "1.00" } });
    expect(again).toMatchObject({ status: 200, body: { session: { id: sessionId, status: "closing" } } });
    expect(await call({ ...headers, "x-plugin-id": "fine" }, apiKey)).toMatchObject({ status: 402, body: { error: "session_invalid" } });
    expect(await sql`select count(*)::int as count from wallet_sessions where organization_id = ${organizationId}`).toEqual([{ count: 1 }]);
  });
});

test("a typed client opens, looks at, tops up and closes sessions as REST does, under the same keys and within the same window", async () => {
  const rest = system.rest(0, (await newPayer("typed", 5_000_000)).apiKey);
  const address = newWallet();
  const idempotencyKey = randomUUID();
  const asked = { address, deposit: "1.00", idempotencyKey };
  const opened = await callTrpc(rest, "mutation", "wallet.open", asked);
  const id = String(at(opened, "data", "session", "id"));
  expect(opened).toMatchObject({
    ok: true,
    data: { created: true, session: { wallet: address, depositMicros: 1_000_000, status: "active" } },
  });
  const again = await rest.call("/api/wallet/sessions", {
    body: { address, deposit: "1.00" },
    headers: { "idempotency-key": idempotencyKey },
  });
  expect([again.status, at(again.body, "session", "id")]).toEqual([201, id]);
  expect(await callTrpc(rest, "mutation", "wallet.topUp", { sessionId: id, deposit: "0.5" })).toMatchObject({ ok: false, status: 422 });
  expect(await callTrpc(rest, "mutation", "wallet.topUp", { sessionId: id, deposit: "2.50" })).toMatchObject({
    data: { depositMicros: 3_500_000 },
  });
  expect(await callTrpc(rest, "query", "wallet.get", { sessionId: id })).toMatchObject({ data: { id, depositMicros: 3_500_000 } });
  expect(await callTrpc(rest, "query", "wallet.list", { address: address.toUpperCase().replace("X", "x") })).toMatchObject({
    data: { items: [{ id }] },
  });
  expect(await callTrpc(rest, "mutation", "wallet.close", { sessionId: id })).toMatchObject({
    data: { status: "closed", returnedMicros: 3_500_000 },
  });
  expect(at((await rest.call(`/api/wallet/sessions?sessionId=${id}`)).body, "session", "status")).toBe("closed");
});
