import { createHash } from "node:crypto";
import { GatewayError, microsToDollars } from "@parley/contracts";
import type { ChainPayments, Offer, Verified } from "@parley/domain";
import type { EgressFetch } from "@parley/egress";
import { Challenge, Credential, Errors, Receipt } from "mppx";
import { Mppx, Store, tempo } from "mppx/server";
import { createClient, http } from "viem";
import { tempo as tempoChain } from "viem/tempo/chains";
import { z } from "zod";

/** How long a payer may take from the offer on. */
const OPEN_MS = 300_000;
/** What was paid in time may be shown later: nobody pays twice because the chain, or we, were away. */
const SHOWN_MS = 86_400_000;
const TIMEOUT_MS = 10_000;
const TRIES = 1;

const plainCredential = z.object({
  scheme: z.literal("Payment"),
  transaction: z.string().regex(/^0x[0-9a-fA-F]{2,20000}$/),
  challengeNonce: z.string().min(1).max(200),
});

export interface ChainSettings {
  /** Binds the offers. */
  secretKey: string;
  recipient: string;
  rpcUrl: string;
  currency: string;
  realm: string;
  chainId: number;
}

const fingerprintOf = (text: string): string => createHash("sha256").update(text).digest("hex");

/** In the raw JSON of one dialect, or the base64url of the other, which never begins with a brace. */
function readPlain(credential: string) {
  try {
    return plainCredential.parse(JSON.parse(credential));
  } catch {
    return null;
  }
}

function readStandard(credential: string) {
  try {
    return Credential.deserialize(`Payment ${credential}`);
  } catch {
    return null;
  }
}

/** A refusal of the payment itself; anything else is the chain's silence. */
function verdictOn(error: unknown): Verified {
  if (!(error instanceof Errors.PaymentError) || error instanceof Errors.InternalPaymentError) {
    const isAbsent = error instanceof Error && /TransactionReceiptNotFound|TransactionNotFound/.test(error.name);
    if (!isAbsent) return { outcome: "unknown" };
    return { outcome: "refused", problem: problemOf(new Errors.VerificationFailedError({ reason: "the chain has no such transaction" })) };
  }
  return { outcome: "refused", problem: problemOf(error) };
}

function problemOf(error: Errors.PaymentError) {
  const { type, title, detail, status } = error.toProblemDetails();
  return { type, title, status: status ?? 402, detail };
}

/** Payments on Tempo, over our own way out. */
export function createTempoPayments(settings: ChainSettings, fetch: EgressFetch): ChainPayments {
  const { secretKey, recipient, rpcUrl, currency, realm, chainId } = settings;
  const client = createClient({
    chain: { ...tempoChain, id: chainId },
    transport: http(rpcUrl, { fetchFn: fetch as typeof globalThis.fetch, retryCount: TRIES, timeout: TIMEOUT_MS }),
  });
  /** What was used is kept in Postgres: a memory of its own would refuse what is looked at again. */
  const payments = (besideKey = false) =>
    Mppx.create({
      methods: [
        tempo.charge({
          currency: currency as `0x${string}`,
          recipient: recipient as `0x${string}`,
          getClient: () => client,
          store: Store.memory(),
        }),
      ],
      secretKey,
      realm,
      // A key stands in `Authorization` already. The id binds where the credential is to stand.
      requiresAuth: besideKey,
    });

  return {
    async offer({ plugin, amountMicros, description, digest, besideKey }): Promise<Offer> {
      const amount = microsToDollars(amountMicros);
      const nowMs = Date.now();
      const issued = await payments(besideKey).challenge.tempo.charge({
        amount,
        description,
        chainId,
        expires: new Date(nowMs + SHOWN_MS).toISOString(),
        scope: `plugin:${plugin}`,
        meta: { body: digest, issued: String(nowMs) },
      });
      const expiresAtMs = nowMs + OPEN_MS;
      return {
        id: issued.id,
        challenge: issued,
        header: Challenge.serialize(issued),
        expiresAt: new Date(expiresAtMs).toISOString(),
        plain: { scheme: "Payment", amount, currency, recipient, description, nonce: issued.id, expiresAt: expiresAtMs },
      };
    },

    async read(credential) {
      if (credential.startsWith("{")) {
        const plain = readPlain(credential);
        if (plain === null) return null;
        return { challengeId: plain.challengeNonce, fingerprint: fingerprintOf(plain.transaction), dialect: "plain" };
      }
      const read = readStandard(credential);
      if (read === null) return null;
      return { challengeId: read.challenge.id, fingerprint: fingerprintOf(JSON.stringify(read.payload)), dialect: "mpp" };
    },

    async verify(credential, { challenge, plugin }) {
      const plain = credential.startsWith("{") ? readPlain(credential) : null;
      const read = plain === null ? readStandard(credential) : null;
      if (plain === null && read === null)
        throw new GatewayError("internal", { detail: "a credential that was read before cannot be read" });
      const shown =
        read ??
        Credential.from({
          challenge: challenge as Challenge.Challenge,
          payload:
            plain?.transaction.length === 66
              ? { type: "hash", hash: plain.transaction }
              : { type: "transaction", signature: plain?.transaction },
        });
      try {
        const receipt = await payments().broadcastCredential(shown, { scope: `plugin:${plugin}` });
        return { outcome: "paid", reference: receipt.reference, payer: shown.source ?? null, receipt: Receipt.serialize(receipt) };
      } catch (error) {
        return verdictOn(error);
      }
    },
  };
}
