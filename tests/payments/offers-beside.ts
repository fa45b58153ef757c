import { randomBytes } from "node:crypto";
import { voucherTypedData } from "@parley/payments";
import { at, createRestClient, type Replica, type RestAnswer, type System, type Tenant } from "@parley/testkit";
import { Challenge, Credential } from "mppx";
import type postgres from "postgres";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { expect, test } from "vitest";

const PATH = "/api/v1/gateway";
type Sent = Record<string, string>;

interface World {
  system: System;
  /** Sells to guests, in the name of `system.ours`. */
  second: Replica;
  sql: postgres.Sql;
  chargedWith(spt: string): object[];
}

/** Three quarters of a dollar for a call of their agent. */
export const setPrice = (sql: postgres.Sql, { organizationId }: Tenant) =>
  sql`insert into prices (organization_id, kind, name, input_pico, output_pico, unit_pico) values (${organizationId}, 'plugin', 'agent', 0, 0, 750000000000)`;

export const offersIn = ({ headers }: RestAnswer): Challenge.Challenge[] =>
  headers.get("www-authenticate") === null ? [] : Challenge.fromResponseList(new Response(null, { status: 402, headers }));
export const namesIn = (answer: RestAnswer): string[] => offersIn(answer).map(({ method, intent }) => `${method}/${intent}`);

export const paidWith = (challenge: Challenge.Challenge, spt: string) => ({
  "payment-authorization": Credential.serialize(Credential.from({ challenge, payload: { spt } })),
});

/** What the operator does to an organization. */
async function operate(system: System, path: string, order: object): Promise<void> {
  const request = { body: order, headers: { "x-admin-secret": system.adminSecret } };
  expect((await system.rest(0, null).call(`/admin/billing/${path}`, request)).status).toBe(200);
}
/** Each sum once for an organization. */
export const giveCredits = (system: System, { organizationId }: Tenant, amountMicros: number): Promise<void> =>
  operate(system, "credits", { organization_id: organizationId, amount_micros: amountMicros, reference: `${amountMicros}` });

/** The headers that name a new session of a dollar. */
export async function openSession(system: System, { apiKey }: Tenant, address = `0x${randomBytes(20).toString("hex")}`): Promise<Sent> {
  const opened = await system.rest(0, apiKey).call("/api/wallet/sessions", { body: { address, deposit: "1.00" } });
  return { "x-session-id": String(at(opened.body, "session", "id")), "x-wallet-address": address };
}

/** What a wallet signs for one call of `agent`, or as a total of dollars. */
async function voucherOf(
  account: ReturnType<typeof privateKeyToAccount>,
  session: Sent,
  { nonce, dollars, expires = Math.floor(Date.now() / 1_000) + 3_600 }: { nonce?: string; dollars?: number; expires?: number },
): Promise<Sent> {
  const sessionId = session["x-session-id"] ?? "";
  const typed = voucherTypedData(
    dollars === undefined
      ? { kind: "call", sessionId, plugin: "agent", amountMicros: 750_000, nonce: nonce ?? "", expires }
      : { kind: "total", sessionId, cumulativeMicros: dollars * 1_000_000, expires },
    4_217,
  );
  const signature = await (typed.primaryType === "Voucher" ? account.signTypedData(typed) : account.signTypedData(typed));
  const shown = {
    signature,
    expires,
    ...(nonce !== undefined && { nonce }),
    ...(dollars !== undefined && { cumulative: dollars.toFixed(2) }),
  };
  return { ...session, "x-session-voucher": Buffer.from(JSON.stringify(shown)).toString("base64url") };
}

/** Offers beside a refusal of another way to pay, in processes that sell by card and on a chain. */
export function offersBeside(worldOf: () => World): void {
  /** By somebody's key, or by none: a guest of ours. */
  const callBy = (key: string | null, headers: Sent): Promise<RestAnswer> =>
    createRestClient(worldOf().second.url, key).call(PATH, { body: { message: "Hi" }, headers });

  test("beside another way's refusal are bought by the same request with the payment, with a key or without", async () => {
    const { system, sql, chargedWith } = worldOf();
    const poor = await system.newTenant("poor");
    await poor.newAgent();
    await Promise.all([setPrice(sql, poor), giveCredits(system, poor, 500_000), giveCredits(system, system.ours, 1_500_000)]);
    await operate(system, "mode", { organization_id: poor.organizationId, mode: "prepaid" });
    const session = await openSession(system, system.ours);
    expect((await callBy(system.ours.apiKey, { ...session, "x-payment-method": "session" })).status).toBe(200);
    const refused: [error: string, key: string | null, headers: Sent][] = [
      ["insufficient_balance", system.ours.apiKey, { ...session, "x-payment-method": "session" }],
      ["voucher_failed", system.ours.apiKey, { ...session, "x-session-voucher": "e30" }],
      ["session_required", null, { "x-payment-method": "session" }],
      ["payment_required", poor.apiKey, { "x-payment-method": "stripe" }],
    ];
    for (const [error, key, first] of refused) {
      const headers = { ...first, "accept-payment": "stripe/charge" };
      const asked = await callBy(key, headers);
      expect(asked).toMatchObject({ status: 402, body: { error } });
      const [challenge] = offersIn(asked);
      if (challenge === undefined) throw new Error(`Nothing was offered beside ${error}.`);
      const paid = await callBy(key, { ...headers, ...paidWith(challenge, `spt_${error}`) });
      expect(paid).toMatchObject({ status: 200, body: { payment: { method: "mpp" } } });
      expect(chargedWith(`spt_${error}`)).toMatchObject([{ amountCents: 75, refundedCents: 0 }]);
    }
  });

  test("do not stand beside a voucher whose call is paid, nor beside a session that pays once others let go of what they hold", async () => {
    const { system, sql } = worldOf();
    await giveCredits(system, system.ours, 4_000_000);
    const account = privateKeyToAccount(generatePrivateKey());
    const session = await openSession(system, system.ours, account.address);
    const refusedFor = async (error: string, headers: Sent) => {
      const answer = await callBy(null, headers);
      expect([answer.status, at(answer.body, "error"), answer.headers.get("www-authenticate")]).toEqual([402, error, null]);
      expect(answer.headers.get("content-type")).toBe("application/json; charset=utf-8");
      return answer.headers.get("retry-after");
    };
    const raised = { sessionId: session["x-session-id"], deposit: "1.00" };
    expect((await system.rest().call("/api/wallet/sessions/top-up", { body: raised })).status).toBe(200);
    const nonce = await voucherOf(account, session, { nonce: "one" });
    expect((await callBy(null, nonce)).status).toBe(200);
    expect(await refusedFor("voucher_failed", nonce)).toBeNull();
    const total = await voucherOf(account, session, { dollars: 1.5 });
    const hold = (micros: number) =>
      sql`update wallet_sessions set reserved_micros = reserved_micros + ${micros} where id = ${session["x-session-id"] ?? ""}`;
    await hold(750_000);
    expect(await refusedFor("insufficient_balance", total)).toBe("2");
    await hold(-250_000);
    expect(await refusedFor("voucher_failed", total)).toBe("2");
    await hold(-500_000);
    expect((await callBy(null, total)).status).toBe(200);
    expect(await refusedFor("insufficient_balance", total)).toBeNull();
  });

  test("do not stand beside a session of another organization than theirs: what it sells has another price", async () => {
    const { system, sql } = worldOf();
    const theirs = await system.newTenant("another seller");
    await theirs.newAgent();
    await Promise.all([setPrice(sql, theirs), giveCredits(system, theirs, 1_500_000)]);
    const account = privateKeyToAccount(generatePrivateKey());
    const session = await openSession(system, theirs, account.address);
    expect((await callBy(null, await voucherOf(account, session, { nonce: "one" }))).status).toBe(200);
    const expired = await voucherOf(account, session, { nonce: "two", expires: 1 });
    const short = await voucherOf(account, session, { nonce: "three" });
    for (const [error, headers] of [["voucher_failed", expired] as const, ["insufficient_balance", short] as const]) {
      for (const key of [null, system.ours.apiKey, theirs.apiKey]) {
        const answer = await callBy(key, headers);
        expect(answer).toMatchObject({ status: 402, body: { error } });
        expect([error, key, namesIn(answer)]).toEqual([error, key, key === theirs.apiKey ? ["tempo/charge", "stripe/charge"] : []]);
      }
    }
  });
}
