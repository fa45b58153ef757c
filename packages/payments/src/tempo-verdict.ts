import type { Verified } from "@parley/domain";
import { type Credential, Errors } from "mppx";
import { type Client, type Hex, keccak256 } from "viem";
import { getTransaction } from "viem/actions";
import { Transaction } from "viem/tempo";
import { problemOf } from "./payment-problem.ts";

export type Shown = Credential.Credential;

interface Looked {
  client: Client;
  shown: Shown;
  /** Looks for what a credential says on the chain; throws what this is about. */
  look(credential: Shown): Promise<Verified>;
}

interface Payload {
  type?: string;
  hash?: Hex;
  signature?: `0x76${string}`;
}

const isNamed = (error: unknown, ...names: string[]): boolean =>
  error instanceof Error && names.some((name) => error.name.startsWith(name));
const isRefusal = (error: unknown): error is Errors.PaymentError =>
  error instanceof Errors.PaymentError && !(error instanceof Errors.InternalPaymentError);

const refused = (reason: string): Extract<Verified, { outcome: "refused" }> => ({
  outcome: "refused",
  problem: problemOf(new Errors.VerificationFailedError({ reason })),
});

/** What the chain knows the transaction by; null for what is none. */
async function hashOf({ hash, signature }: Payload): Promise<Hex | null> {
  if (hash !== undefined || signature === undefined) return hash ?? null;
  try {
    return keccak256((await Transaction.serialize(Transaction.deserialize(signature))) as Hex);
  } catch {
    return null;
  }
}

/**
 * What is to be said of a payment that was looked for in vain. A refusal is of the payment itself; a transaction that the chain has heard of may still be taken up,
 * and what nobody answers may have been paid: both are unknown. One that was handed in, and whose answer was lost, is found by its hash.
 */
export async function verdictOn(error: unknown, { client, shown, look }: Looked): Promise<Verified> {
  // It was shown in time, or would not be looked for: that it is late by now says nothing of the money.
  if (error instanceof Errors.PaymentExpiredError) return { outcome: "unknown" };
  if (isRefusal(error)) return { outcome: "refused", problem: problemOf(error) };
  if (error instanceof Error && error.message.startsWith("Transaction reverted")) return refused("the transaction was reverted");
  const payload = shown.payload as Payload;
  const hash = await hashOf(payload);
  if (hash === null) return refused("there is no such transaction");
  if (payload.type === "transaction") {
    const handedIn: Shown = { ...shown, payload: { type: "hash", hash } };
    try {
      return await look(handedIn);
    } catch (again) {
      return verdictOn(again, { client, shown: handedIn, look });
    }
  }
  if (!isNamed(error, "TransactionReceiptNotFound", "TransactionNotFound")) return { outcome: "unknown" };
  try {
    await getTransaction(client, { hash });
    return { outcome: "unknown" };
  } catch (looked) {
    if (!isNamed(looked, "TransactionNotFound")) return { outcome: "unknown" };
    return { ...refused("the chain has no such transaction"), isAbsent: true };
  }
}
