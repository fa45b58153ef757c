import { GatewayError, microsToDollars } from "@parley/contracts";
import type { ChainPayments, Offer, Verified } from "@parley/domain";
import type { EgressFetch } from "@parley/egress";
import { Challenge, Credential, Receipt } from "mppx";
import { Mppx, Store, tempo } from "mppx/server";
import { readPlain, readStandard } from "./read-credential.ts";
import { senderOf } from "./sender-of.ts";
import { createTempoClient } from "./tempo-client.ts";
import { type Shown, verdictOn } from "./tempo-verdict.ts";

/** How long an offer stands: who has paid shows it until then, also where the chain, or we, or the payer were away meanwhile. */
const OPEN_MS = 86_400_000;
/** What clients of the older dialect are told: they ask for a new offer then. One that was paid is taken all the same. */
const PLAIN_MS = 300_000;

export interface ChainSettings {
  /** Binds the offers. */
  secretKey: string;
  recipient: string;
  rpcUrl: string;
  currency: string;
  realm: string;
  chainId: number;
}

/** Payments on Tempo, over our own way out. */
export function createTempoPayments(settings: ChainSettings, fetch: EgressFetch): ChainPayments {
  const { secretKey, recipient, rpcUrl, currency, realm, chainId } = settings;
  const client = createTempoClient({ rpcUrl, chainId }, fetch);
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
      const expiresAt = new Date(nowMs + OPEN_MS).toISOString();
      const issued = await payments(besideKey).challenge.tempo.charge({
        amount,
        description,
        chainId,
        expires: expiresAt,
        scope: `plugin:${plugin}`,
        meta: { body: digest, issued: String(nowMs) },
      });
      return {
        id: issued.id,
        method: "tempo/charge",
        challenge: issued,
        header: Challenge.serialize(issued),
        expiresAt,
        plain: { scheme: "Payment", amount, currency, recipient, description, nonce: issued.id, expiresAt: nowMs + PLAIN_MS },
      };
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
      const look = async (credential: Shown): Promise<Verified> => {
        const receipt = await payments().broadcastCredential(credential, { scope: `plugin:${plugin}` });
        const payer = await senderOf(client, receipt.reference);
        return { outcome: "paid", reference: receipt.reference, payer, receipt: Receipt.serialize(receipt) };
      };
      try {
        return await look(shown);
      } catch (error) {
        return verdictOn(error, { client, shown, look });
      }
    },
  };
}
