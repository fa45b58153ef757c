import { randomBytes, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { voucherTypedData } from "@parley/payments";
import { at, type RestAnswer, type Tenant } from "@parley/testkit";
import { Challenge, Credential } from "mppx";
import { type Hex, keccak256, toBytes } from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { askOnce, askUntilDecided, isDelivered } from "./asking.ts";
import type { Journal, Method } from "./journal.ts";
import { CHAIN_ID, type Market, PRICE_MICROS, REALM, RECIPIENT, TOKEN } from "./market.ts";

const PATH = "/api/v1/gateway";

/** What a payer needs to know. */
export interface Visit {
  market: Market;
  tenant: Tenant;
  journal: Journal;
  random(): number;
}

const orderOf = (work: string) => ({ plugin: "work", work });
export const keyed = (): Record<string, string> => ({ "idempotency-key": randomUUID() });

function note({ journal }: Visit, method: Method, work: string, answer: RestAnswer): void {
  const isUsed = method === "nonce" && answer.status === 402 && at(answer.body, "message") === "The voucher was used before.";
  if (isDelivered(answer, work)) journal.calls.push({ method, work, ending: "delivered" });
  else if (isUsed) journal.calls.push({ method, work, ending: "used" });
  else journal.complaints.push(`${method} ${work} was answered ${answer.status} ${answer.text}`);
}

/** By the credits of a key. */
export async function payByCredits(visit: Visit, work: string): Promise<void> {
  const request = { body: orderOf(work), headers: { ...keyed(), "x-payment-method": "stripe" } };
  note(visit, "credits", work, await askUntilDecided(visit.market, visit.tenant.apiKey, PATH, request));
}

async function openSession({ market, tenant }: Visit, address: string): Promise<Record<string, string>> {
  const opened = await market.system.rest(0, tenant.apiKey).call("/api/wallet/sessions", { body: { address, deposit: "1.00" } });
  return { "x-session-id": String(at(opened.body, "session", "id")), "x-wallet-address": address };
}

/** By a session, as its owner. */
export async function payInSession(visit: Visit, work: string): Promise<void> {
  const headers = { ...(await openSession(visit, `0x${randomBytes(20).toString("hex")}`)), ...keyed() };
  note(visit, "session", work, await askUntilDecided(visit.market, visit.tenant.apiKey, PATH, { body: orderOf(work), headers }));
}

/** By what a wallet has signed, with a key for the call or without. */
export async function payByVoucher(visit: Visit, work: string): Promise<void> {
  const wallet = privateKeyToAccount(generatePrivateKey());
  const named = await openSession(visit, wallet.address);
  const expires = Math.floor(Date.now() / 1_000) + 3_600;
  const nonce = randomUUID();
  const voucher = {
    kind: "call",
    sessionId: named["x-session-id"] ?? "",
    plugin: "work",
    amountMicros: PRICE_MICROS,
    nonce,
    expires,
  } as const;
  const typed = voucherTypedData(voucher, CHAIN_ID);
  if (typed.primaryType !== "Voucher") throw new Error("Not a voucher for one call.");
  const shown = Buffer.from(JSON.stringify({ signature: await wallet.signTypedData(typed), nonce, expires })).toString("base64url");
  const isKeyed = visit.random() < 0.5;
  const headers = { ...named, "x-session-voucher": shown, ...(isKeyed && keyed()) };
  note(visit, isKeyed ? "session" : "nonce", work, await askUntilDecided(visit.market, null, PATH, { body: orderOf(work), headers }));
}

const bytesOf = (text: string, count: number): string => keccak256(toBytes(text)).slice(2, 2 + count * 2);
const memoFor = (id: string): Hex => `0x${bytesOf("mpp", 4)}01${bytesOf(REALM, 10)}${"00".repeat(10)}${bytesOf(id, 7)}`;

/** What is asked for, paid from somebody's address. */
export function transferFor({ chain }: Market, challengeId: string, state: "pending" | "mined" | "reverted"): { from: Hex; hash: Hex } {
  const from: Hex = `0x${randomBytes(20).toString("hex")}`;
  const facts = { from, to: RECIPIENT, token: TOKEN, amount: BigInt(PRICE_MICROS), memo: memoFor(challengeId) } as const;
  return { from, hash: chain.pay({ ...facts, state }) };
}

export const credentialFor = (challenge: Challenge.Challenge, { from, hash }: { from: Hex; hash: Hex }): string =>
  Credential.serialize(Credential.from({ challenge, payload: { type: "hash", hash }, source: `did:pkh:eip155:${CHAIN_ID}:${from}` }));

/** On the chain: asks, pays, and shows it until it is decided. What is in no block yet comes into one, or fails; then it is paid anew. */
export async function payOnChain(visit: Visit, work: string): Promise<void> {
  const { market, tenant, journal, random } = visit;
  const asking = { body: orderOf(work), headers: { "x-payment-method": "mpp" } };
  for (;;) {
    const asked = await askUntilDecided(market, tenant.apiKey, PATH, asking);
    const [challenge] = Challenge.fromResponseList(new Response(null, { status: 402, headers: asked.headers }));
    if (challenge === undefined) throw new Error(`Nothing was offered: ${asked.text}`);
    const [isLate, reverts, leaves] = [random() < 0.3, random() < 0.2, random() < 0.15];
    const end = reverts ? "reverted" : "mined";
    const { from, hash } = transferFor(market, challenge.id, isLate ? "pending" : end);
    const transfer = market.chain.transfers.get(hash);
    const ripening = sleep(isLate ? 100 + random() * 400 : 0).then(() => {
      if (transfer !== undefined) transfer.state = end;
    });
    const shown = credentialFor(challenge, { from, hash });
    const showing = { body: orderOf(work), headers: { "payment-authorization": shown } };
    const id = challenge.id;
    if (leaves) {
      await askOnce(market, tenant.apiKey, PATH, showing);
      await ripening;
      return void journal.transfers.push({ challengeId: id, hash, ending: reverts ? "reverted" : "left" });
    }
    const [answer] = await Promise.all([
      askUntilDecided(market, tenant.apiKey, PATH, showing),
      // At once, by another of the payer's.
      random() < 0.5 ? askOnce(market, tenant.apiKey, PATH, showing) : null,
      ripening,
    ]);
    if (answer.status === 402 && reverts) {
      journal.transfers.push({ challengeId: id, hash, ending: "reverted" });
      continue;
    }
    if (isDelivered(answer, work)) journal.calls.push({ method: "chain", work, ending: "delivered" });
    else journal.complaints.push(`paid on the chain${isLate ? ", late," : ""} ${work} was answered ${answer.status} ${answer.text}`);
    return void journal.transfers.push({ challengeId: id, hash, ending: "delivered" });
  }
}
