import { randomUUID } from "node:crypto";
import { at, type RestAnswer } from "@parley/testkit";
import { Challenge } from "mppx";
import type { Hex } from "viem";
import { expect } from "vitest";
import type { Market } from "./market.ts";
import { credentialFor, transferFor } from "./payers.ts";

const PATH = "/api/v1/gateway";

export interface PendingPayment {
  id: string;
  hash: Hex;
  show(): Promise<RestAnswer>;
  state(): Promise<string>;
  /** How often it is in the books. */
  booked(): Promise<number>;
}

/** A payment that the chain has heard of and that is in no block yet: shown once, and nobody knows what becomes of it. */
export async function newPendingPayment(market: Market, apiKey: string): Promise<PendingPayment> {
  const { system, sql } = market;
  const body = { plugin: "work", work: randomUUID() };
  const rest = system.rest(0, apiKey);
  const asked = await rest.call(PATH, { body, headers: { "x-payment-method": "mpp" } });
  const [challenge] = Challenge.fromResponseList(new Response(null, { status: 402, headers: asked.headers }));
  if (challenge === undefined) throw new Error(`Nothing was offered: ${asked.text}`);
  const { id } = challenge;
  const { from, hash } = transferFor(market, id, "pending");
  const payment: PendingPayment = {
    ...{ id, hash },
    show: () => rest.call(PATH, { body, headers: { "payment-authorization": credentialFor(challenge, { from, hash }) } }),
    state: async () => String((await sql`select state from payment_challenges where id = ${id}`)[0]?.["state"]),
    booked: async () =>
      (await sql`select from ledger_entries where source_type = 'payment' and source_id = ${id} and account = 'revenue'`).length,
  };
  const shown = await payment.show();
  expect([shown.status, at(shown.body, "error")]).toEqual([503, "payment_pending"]);
  expect(Number(shown.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(await payment.state()).toBe("unknown");
  return payment;
}

export function endTransfer(market: Market, payment: PendingPayment, state: "mined" | "reverted"): void {
  const transfer = market.chain.transfers.get(payment.hash);
  if (transfer === undefined) throw new Error("There is no such transfer.");
  transfer.state = state;
}
