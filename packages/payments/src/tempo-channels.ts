import { GatewayError, microsToDollars } from "@parley/contracts";
import type { ChannelBook, ChannelPayments, ChannelStep } from "@parley/domain";
import type { EgressFetch } from "@parley/egress";
import { Challenge, type Credential, Errors, Expires } from "mppx";
import { Mppx, Store, tempo } from "mppx/server";
import { Session } from "mppx/tempo";
import { BaseError, HttpRequestError, isAddressEqual, TimeoutError, WaitForTransactionReceiptTimeoutError, zeroAddress } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { z } from "zod";
import { ChannelBusy, type ChannelState, changeOf, channelStore, readState } from "./channel-state.ts";
import { problemOf } from "./payment-problem.ts";
import { readStandard } from "./read-credential.ts";
import { createTempoClient } from "./tempo-client.ts";
import type { ChainSettings } from "./tempo-payments.ts";

const { Chain, Channel, Voucher, Constants } = Session.Precompile;

/** How long an offer may be answered; vouchers of a long stream come with the offer that it began with. */
const OPEN_MS = 3_600_000;
/** What is not heard of by then is looked for when it is shown again. */
const ACT_MS = 30_000;
/** What a payer is advised to lock: so many calls. */
const CALLS_ADVISED = 20;

const hex = z.templateLiteral(["0x", z.string().regex(/^[0-9a-fA-F]*$/)]);
const payloadShape = z.object({
  action: z.enum(["open", "topUp", "voucher", "close"]),
  channelId: hex,
  cumulativeAmount: z
    .string()
    .regex(/^\d{1,29}$/)
    .default("0"),
  signature: hex.default("0x"),
  descriptor: z.object({
    ...{ payer: hex, payee: hex, operator: hex, token: hex, authorizedSigner: hex },
    ...{ salt: hex, expiringNonceHash: hex },
  }),
});
type Payload = z.infer<typeof payloadShape>;

export interface ChannelSettings extends ChainSettings {
  /** Of the account that closes channels. */
  accountKey: string;
}

const invalid = (reason: string): Errors.PaymentError => new Errors.VerificationFailedError({ reason });

/** The chain, or the way to it, was away; whatever else it says is a refusal. */
function isSilence(error: unknown): boolean {
  if (error instanceof BaseError) {
    return (
      error.walk(
        (cause) =>
          cause instanceof HttpRequestError || cause instanceof TimeoutError || cause instanceof WaitForTransactionReceiptTimeoutError,
      ) !== null
    );
  }
  return error instanceof GatewayError;
}

/** Payments through channels of Tempo's escrow, by the payment standard's own code. */
export function createTempoChannels(settings: ChannelSettings, fetch: EgressFetch): ChannelPayments {
  const { secretKey, realm, rpcUrl, chainId } = settings;
  const [recipient, currency] = [settings.recipient as `0x${string}`, settings.currency as `0x${string}`];
  const client = createTempoClient({ rpcUrl, chainId }, fetch);
  const account = privateKeyToAccount(settings.accountKey as `0x${string}`);
  const operator = isAddressEqual(account.address, recipient) ? zeroAddress : account.address;
  const escrow = Constants.tip20ChannelEscrow;

  const payments = (store: Store.AtomicStore, besideKey = false) =>
    Mppx.create({
      methods: [
        // Each voucher is looked at on the chain: a payer that is leaving is seen at once, by every process.
        tempo.session({
          account,
          recipient,
          currency,
          chainId,
          operator,
          unitType: "request",
          getClient: () => client,
          store,
          channelStateTtl: 0,
        }),
      ],
      secretKey,
      realm,
      requiresAuth: besideKey,
    });

  function checkSignature({ channelId, cumulativeAmount, signature, descriptor }: Payload): void {
    const voucher = { channelId: channelId as `0x${string}`, cumulativeAmount: Constants.uint96(BigInt(cumulativeAmount)), signature };
    if (!Voucher.verifyVoucher(escrow, chainId, voucher, Channel.resolveAuthorizedSigner(descriptor)))
      throw new Errors.InvalidSignatureError({ reason: "invalid voucher signature" });
  }

  /** An opening that the chain has and we do not: it was sent, and its answer was lost. Null: the chain has none. */
  async function adopted(payload: Payload): Promise<ChannelState | null> {
    const { descriptor, channelId, cumulativeAmount, signature } = payload;
    const isOurs =
      Channel.computeId({ ...descriptor, chainId, escrow }).toLowerCase() === channelId.toLowerCase() &&
      isAddressEqual(descriptor.payee, recipient) &&
      isAddressEqual(descriptor.token, currency) &&
      isAddressEqual(descriptor.operator, operator);
    if (!isOurs) throw invalid("the channel is not one of ours");
    const { deposit, settled, closeRequestedAt } = await Chain.getChannelState(client, channelId, escrow);
    if (deposit === 0n) return null;
    const amount = BigInt(cumulativeAmount);
    if (amount > deposit) throw new Errors.AmountExceedsDepositError({ reason: "voucher amount exceeds the deposit" });
    checkSignature(payload);
    return {
      ...{ backend: "precompile", chainId, channelId, descriptor, escrowContract: escrow, createdAt: new Date().toISOString() },
      ...{ expiringNonceHash: descriptor.expiringNonceHash, authorizedSigner: Channel.resolveAuthorizedSigner(descriptor) },
      ...{
        operator: descriptor.operator,
        payee: descriptor.payee,
        payer: descriptor.payer,
        salt: descriptor.salt,
        token: descriptor.token,
      },
      ...{ closeRequestedAt: BigInt(closeRequestedAt), deposit, settledOnChain: settled, spent: 0n, units: 0, finalized: false },
      ...{ highestVoucherAmount: amount, highestVoucher: { channelId, cumulativeAmount: amount, signature } },
    };
  }

  /** An opening that is shown again, or that the chain knows: nothing is sent. False: it is to be sent. */
  async function wasOpened(payload: Payload, challenge: Challenge.Challenge, book: ChannelBook): Promise<boolean> {
    if (!Challenge.verify(challenge, { secretKey })) throw new Errors.InvalidChallengeError({ id: challenge.id, reason: "it is not ours" });
    Expires.assert(challenge.expires, challenge.id);
    if ((await book.read(payload.channelId)) !== null) {
      checkSignature(payload);
      return true;
    }
    const state = await adopted(payload);
    if (state === null) return false;
    if (!(await book.write(payload.channelId, null, changeOf(state))))
      throw new Errors.ChannelNotFoundError({ reason: "channel not found" });
    return true;
  }

  /** Resolves to what was done on the chain for it. */
  async function done(shown: Credential.Credential, payload: Payload, book: ChannelBook): Promise<string | null> {
    if (payload.action === "open" && (await wasOpened(payload, shown.challenge, book))) return null;
    const store = channelStore(book, { isClosing: payload.action === "close" }) as unknown as Store.AtomicStore;
    const receipt = await payments(store).broadcastCredential(shown);
    return "txHash" in receipt && typeof receipt.txHash === "string" ? receipt.txHash : null;
  }

  return {
    async offer({ amountMicros, description, besideKey }) {
      const expiresAt = new Date(Date.now() + OPEN_MS).toISOString();
      const issued = await payments(Store.memory(), besideKey).challenge.tempo.session({
        ...{ amount: microsToDollars(amountMicros), suggestedDeposit: microsToDollars(amountMicros * CALLS_ADVISED) },
        ...{ description, expires: expiresAt },
      });
      return { id: issued.id, method: "tempo/session", challenge: issued, header: Challenge.serialize(issued), expiresAt };
    },

    async act(credential, { amountMicros, book }): Promise<ChannelStep> {
      const shown = readStandard(credential);
      if (shown === null) throw new GatewayError("internal", { detail: "a credential that was read before cannot be read" });
      const challengeId = shown.challenge.id;
      const refused = (error: Errors.PaymentError): ChannelStep => ({ outcome: "refused", problem: problemOf(error), challengeId });
      const parsed = payloadShape.safeParse(shown.payload);
      if (!parsed.success) return refused(new Errors.InvalidPayloadError());
      const payload = { ...parsed.data, channelId: parsed.data.channelId.toLowerCase() as `0x${string}` };
      // What one call costs was signed for with the offer, and is another plugin's, or an older price.
      if (shown.challenge.request["amount"] !== String(amountMicros))
        return refused(new Errors.InvalidChallengeError({ id: challengeId, reason: "it offers another price" }));
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<"late">((resolve) => {
        timer = setTimeout(resolve, ACT_MS, "late");
      });
      try {
        const txHash = await Promise.race([done(shown, payload, book), late]);
        if (txHash === "late") return { outcome: "unknown" };
        const { action, channelId, descriptor } = payload;
        return { outcome: "accepted", action, channelId, challengeId, payer: descriptor.payer.toLowerCase(), txHash };
      } catch (error) {
        if (error instanceof ChannelBusy) return { outcome: "busy" };
        if (error instanceof Errors.PaymentError && !(error instanceof Errors.InternalPaymentError)) return refused(error);
        if (isSilence(error)) return { outcome: "unknown" };
        return refused(invalid("the chain, or the transaction's own form, refuses it"));
      } finally {
        clearTimeout(timer);
      }
    },

    async review(channelId, { isIdle, book }) {
      const kept = await book.read(channelId);
      if (kept === null) return false;
      const state = readState(kept);
      if (state.finalized) return false;
      const id = state.channelId;
      const onChain = await Chain.getChannelState(client, id, escrow);
      const ended = { ...state, finalized: true, closeRequestedAt: 0n, deposit: 0n };
      // It was closed, and we did not hear of it.
      if (onChain.deposit === 0n) return book.write(channelId, kept.version, changeOf(ended));
      if (kept.reservedMicros > 0 || (!isIdle && onChain.closeRequestedAt === 0)) return false;
      const begun = { ...state, closeRequestedAt: BigInt(Math.floor(Date.now() / 1_000)) };
      if (!(await book.write(channelId, kept.version, changeOf(begun)))) return false;
      const taken = state.spent > onChain.settled ? state.spent : onChain.settled;
      const { cumulativeAmount, signature } = state.highestVoucher;
      const amounts = [Constants.uint96(cumulativeAmount), Constants.uint96(taken)] as const;
      const hash = await Chain.closeOnChain(client, state.descriptor, ...amounts, signature, escrow, {
        account,
        candidateFeeTokens: [currency],
      });
      await Chain.waitForSuccessfulReceipt(client, hash);
      return book.write(channelId, kept.version + 1, changeOf({ ...ended, settledOnChain: taken }));
    },
  };
}
