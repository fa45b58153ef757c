import { randomBytes } from "node:crypto";
import type { ChannelBook, ChannelStep, KeptChannel } from "@parley/domain";
import { createChannelPayments, paymentSettings } from "@parley/payments";
import { Challenge, Credential } from "mppx";
import { Session } from "mppx/tempo";
import { zeroAddress } from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { newChannelPayer } from "./channel-payer.ts";
import { type EscrowChain, startEscrowChain } from "./escrow-chain.ts";

const { Constants, Voucher } = Session.Precompile;
const CHAIN_ID = 42_431;
const PRICE = 50_000;
const SETTINGS = {
  PAYMENTS_CHAIN_ID: String(CHAIN_ID),
  MPP_SECRET_KEY: randomBytes(32).toString("hex"),
  MPP_RECIPIENT: privateKeyToAccount(generatePrivateKey()).address,
  MPP_ACCOUNT_KEY: generatePrivateKey(),
  MPP_REALM: "gateway.test",
};

let chain: EscrowChain;
beforeAll(async () => {
  chain = await startEscrowChain(CHAIN_ID);
});
afterAll(() => chain?.close());

type Headers = Record<string, string>;
const PLAIN = "payment-authorization";

/** A gateway's channels as its processes keep them, without the processes. */
function gateway(settings: Headers = {}) {
  const payments = createChannelPayments(paymentSettings.parse({ ...SETTINGS, MPP_RPC_URL: chain.url, ...settings }), fetch);
  if (payments === null) throw new Error("Nobody is to be paid.");
  const kept = new Map<string, KeptChannel>();
  const book: ChannelBook = {
    read: async (id) => structuredClone(kept.get(id) ?? null),
    async write(id, version, { state }) {
      const before = kept.get(id);
      if ((before?.version ?? null) !== version) return false;
      kept.set(id, { spentMicros: 0, reservedMicros: 0, units: 0, ...before, state, version: (version ?? 0) + 1 });
      return true;
    },
  };
  return {
    kept,
    book,
    async offer(amountMicros = PRICE): Promise<Challenge.Challenge> {
      const order = { plugin: "agent", amountMicros, description: "a call", digest: "d", besideKey: true };
      return (await payments.offer(order)).challenge as Challenge.Challenge;
    },
    act: (headers: Headers, of: Partial<ChannelBook> = {}): Promise<ChannelStep> =>
      payments.act((headers[PLAIN] ?? "").replace(/^Payment /, ""), { plugin: "agent", amountMicros: PRICE, book: { ...book, ...of } }),
    review: (id: string, isIdle = true, of: Partial<ChannelBook> = {}) => payments.review(id, { isIdle, book: { ...book, ...of } }),
  };
}
type Gateway = ReturnType<typeof gateway>;

const newPayer = () => newChannelPayer({ url: chain.url, chainId: CHAIN_ID });
async function opened(ours: Gateway) {
  const payer = newPayer();
  const open = await payer.open(await ours.offer());
  expect(await ours.act(open)).toMatchObject({ outcome: "accepted", action: "open", channelId: payer.channelId });
  return { payer, open, id: payer.channelId };
}
/** The same credential with something else in it. */
function altered(headers: Headers, payload: object, challenge: object = {}): Headers {
  const read = Credential.deserialize(headers[PLAIN] ?? "");
  const of = { ...read.challenge, ...challenge } as Challenge.Challenge;
  return { [PLAIN]: Credential.serialize({ ...read, challenge: of, payload: { ...(read.payload as object), ...payload } }) };
}
const signed = ({ account, client }: ReturnType<typeof newPayer>, channelId: string, total: bigint) =>
  Voucher.signVoucher(
    client,
    account,
    { channelId: channelId as `0x${string}`, cumulativeAmount: Constants.uint96(total) },
    Constants.tip20ChannelEscrow,
    CHAIN_ID,
  );
const refusal = (name: string) => ({ outcome: "refused", problem: { type: `https://paymentauth.org/problems/${name}` } });
/** An offer of ours that is over. */
const over = ({ id: _, ...challenge }: Challenge.Challenge): Challenge.Challenge =>
  Challenge.from({ ...challenge, expires: new Date(Date.now() - 1_000).toISOString(), secretKey: SETTINGS.MPP_SECRET_KEY } as never);

describe("an opening that is shown again", () => {
  test("sends nothing, and makes no second channel of the same one, however its id is written", async () => {
    const ours = gateway();
    const { open, id } = await opened(ours);
    const sent = chain.sent.length;
    const loud = altered(open, { channelId: `0x${id.slice(2).toUpperCase()}` });
    for (const again of [open, loud]) expect(await ours.act(again)).toMatchObject({ outcome: "accepted", channelId: id, txHash: null });
    expect([...ours.kept.keys()]).toEqual([id]);
    expect(chain.sent).toHaveLength(sent);
  });

  test("has to be signed by its payer, under an offer of ours that is not over, for the price of the call", async () => {
    const ours = gateway();
    const { payer, open, id } = await opened(ours);
    const another = await signed(newPayer(), id, 50_000n);
    expect(await ours.act(altered(open, { signature: another }))).toMatchObject(refusal("session/invalid-signature"));
    expect(await ours.act(altered(open, { cumulativeAmount: "60000" }))).toMatchObject(refusal("session/invalid-signature"));
    expect(await ours.act(altered(open, {}, { id: "x" }))).toMatchObject(refusal("invalid-challenge"));
    const { challenge } = Credential.deserialize(open[PLAIN] ?? "");
    expect(await ours.act(altered(open, {}, over(challenge)))).toMatchObject(refusal("payment-expired"));
    for (const price of [PRICE - 1, PRICE + 1])
      expect(await ours.act(altered(open, {}, await ours.offer(price)))).toMatchObject(refusal("invalid-challenge"));
    for (const payload of [{ action: "steal" }, { cumulativeAmount: "5e4" }, { descriptor: undefined }, { channelId: 7 }])
      expect(await ours.act(altered(open, payload))).toMatchObject(refusal("invalid-payload"));
    expect(ours.kept.get(id)?.version).toBe(1);
    // As it was signed it is good.
    expect(await ours.act(altered(open, { signature: await signed(payer, id, 50_000n) }))).toMatchObject({ outcome: "accepted" });
  });
});

describe("an opening that the chain knows and we do not", () => {
  /** One that another process of ours has sent, and died of. */
  async function forgotten(settings: Headers = {}) {
    const before = await opened(gateway(settings));
    return { ...before, ours: gateway() };
  }

  test("is taken up as the chain has it, and only where no other organization has it", async () => {
    const { ours, open, id } = await forgotten();
    const sent = chain.sent.length;
    expect(await ours.act(open, { write: async () => false })).toMatchObject(refusal("session/channel-not-found"));
    expect(ours.kept.size).toBe(0);
    expect(await ours.act(open)).toMatchObject({ outcome: "accepted", channelId: id, txHash: null });
    expect(JSON.parse(ours.kept.get(id)?.state ?? "{}")).toMatchObject({ deposit: "200000n", highestVoucherAmount: "50000n" });
    expect(chain.sent).toHaveLength(sent);
  });

  test("is refused where it was signed by another one, or for more than there is", async () => {
    const { ours, open, payer, id } = await forgotten();
    const another = await signed(newPayer(), id, 50_000n);
    expect(await ours.act(altered(open, { signature: another }))).toMatchObject(refusal("session/invalid-signature"));
    const more = { cumulativeAmount: "200001", signature: await signed(payer, id, 200_001n) };
    expect(await ours.act(altered(open, more))).toMatchObject(refusal("session/amount-exceeds-deposit"));
    expect(ours.kept.size).toBe(0);
    const all = { cumulativeAmount: "200000", signature: await signed(payer, id, 200_000n) };
    expect(await ours.act(altered(open, all))).toMatchObject({ outcome: "accepted" });
  });

  test.each([
    ["pays somebody else", { MPP_RECIPIENT: privateKeyToAccount(generatePrivateKey()).address }],
    ["holds another money", { MPP_CURRENCY: "0x20c0000000000000000000000000000000000009" }],
    ["is closed by somebody else", { MPP_ACCOUNT_KEY: generatePrivateKey() }],
  ])("is refused where it %s", async (_name, settings) => {
    const { ours, open } = await forgotten(settings);
    expect(await ours.act(open)).toMatchObject({
      ...refusal("verification-failed"),
      problem: { detail: expect.stringContaining("not one of ours") },
    });
    expect(ours.kept.size).toBe(0);
  });

  test("is refused where it is another one's: who shows it has a channel of little, and names one of more", async () => {
    const { ours, open, payer } = await forgotten();
    const rich = await opened(gateway());
    const stolen = { channelId: rich.id, signature: await signed(payer, rich.id, 50_000n) };
    expect(await ours.act(altered(open, stolen))).toMatchObject(refusal("verification-failed"));
    expect(ours.kept.size).toBe(0);
  });
});

test("an opening that the chain does not know, and whose transaction is none, is refused, and nothing is kept of it", async () => {
  const ours = gateway();
  const open = await newPayer().open(await ours.offer());
  expect(await ours.act(altered(open, { transaction: "0x76ff" }))).toMatchObject({ outcome: "refused" });
  expect(ours.kept.size).toBe(0);
});

test("a channel names who closes it, unless its payee does", async () => {
  const operatorOf = async (settings: Headers) => {
    const ours = gateway(settings);
    const { id } = await opened(ours);
    return JSON.parse(ours.kept.get(id)?.state ?? "{}").operator.toLowerCase();
  };
  const { address } = privateKeyToAccount(SETTINGS.MPP_ACCOUNT_KEY);
  expect(await operatorOf({})).toBe(address.toLowerCase());
  expect(await operatorOf({ MPP_RECIPIENT: address })).toBe(zeroAddress);
});

test("a voucher is good under an offer that is not over, and until the chain says that its payer is leaving", async () => {
  const ours = gateway();
  const { payer, id } = await opened(ours);
  const voucher = async (total: string, challenge?: Challenge.Challenge) =>
    payer.show(challenge ?? (await ours.offer()), { action: "voucher", cumulativeAmountRaw: total });
  expect(await ours.act(await voucher("100000", over(await ours.offer())))).toMatchObject(refusal("payment-expired"));
  expect(await ours.act(await voucher("100000"))).toMatchObject({ outcome: "accepted", action: "voucher" });
  Object.assign(chain.channels.get(id) ?? {}, { closeRequestedAt: 1 });
  expect(await ours.act(await voucher("150000"))).toMatchObject({ outcome: "refused" });
  expect(JSON.parse(ours.kept.get(id)?.state ?? "{}")).toMatchObject({ highestVoucherAmount: "100000n" });
});

test("what the chain does not answer is not known, and a closing waits for the calls that are under way", async () => {
  const ours = gateway();
  const { payer, id } = await opened(ours);
  const voucher = await payer.show(await ours.offer(), { action: "voucher", cumulativeAmountRaw: "100000" });
  chain.isAway = true;
  expect(await ours.act(voucher).finally(() => Object.assign(chain, { isAway: false }))).toEqual({ outcome: "unknown" });
  expect(await ours.act(voucher)).toMatchObject({ outcome: "accepted" });
  const close = await payer.show(await ours.offer(), { action: "close", cumulativeAmountRaw: "100000" });
  Object.assign(ours.kept.get(id) ?? {}, { reservedMicros: PRICE, spentMicros: PRICE });
  expect(await ours.act(close)).toEqual({ outcome: "busy" });
  Object.assign(ours.kept.get(id) ?? {}, { reservedMicros: 0 });
  expect(await ours.act(close)).toMatchObject({ outcome: "accepted", action: "close", txHash: expect.stringMatching(/^0x/) });
  expect(chain.channels.get(id)).toMatchObject({ paid: 50_000n, returned: 150_000n });
});

describe("a look at a channel", () => {
  /** One of which so much was spent. */
  async function spent(micros: number, more: Partial<KeptChannel> = {}) {
    const ours = gateway();
    const { id } = await opened(ours);
    const change = (facts: Partial<KeptChannel>) => Object.assign(ours.kept.get(id) ?? {}, facts);
    change({ spentMicros: micros, ...more });
    const sent = chain.sent.length;
    return { ...{ ours, id, change }, sentSince: () => chain.sent.slice(sent), onChain: () => chain.channels.get(id) };
  }
  const isFinal = (ours: Gateway, id: string) => JSON.parse(ours.kept.get(id)?.state ?? "{}").finalized;

  test("leaves it where it is not known, in use, or pays for a call that is under way, also where its payer is leaving", async () => {
    const { ours, id, change, sentSince, onChain } = await spent(50_000);
    expect(await ours.review(`0x${"0".repeat(64)}`)).toBe(false);
    expect(await ours.review(id, false)).toBe(false);
    change({ reservedMicros: 1 });
    expect(await ours.review(id)).toBe(false);
    Object.assign(onChain() ?? {}, { closeRequestedAt: 1 });
    expect(await ours.review(id, false)).toBe(false);
    expect([sentSince(), isFinal(ours, id)]).toEqual([[], false]);
    change({ reservedMicros: 0 });
    // Somebody else has begun, or uses it again.
    expect(await ours.review(id, false, { write: async () => false })).toBe(false);
    expect(sentSince()).toEqual([]);
    expect(await ours.review(id, false)).toBe(true);
    expect([sentSince(), isFinal(ours, id)]).toEqual([["close"], true]);
  });

  test("takes what was spent, or what was taken before where that is more, and no more once it is closed", async () => {
    const less = await spent(20_000);
    expect(await less.ours.review(less.id)).toBe(true);
    expect(less.onChain()).toMatchObject({ paid: 20_000n, returned: 180_000n });
    expect(await less.ours.review(less.id)).toBe(false);
    expect(less.sentSince()).toEqual(["close"]);
    const more = await spent(20_000);
    Object.assign(more.onChain() ?? {}, { settled: 30_000n });
    expect(await more.ours.review(more.id)).toBe(true);
    expect(more.onChain()).toMatchObject({ settled: 30_000n, paid: 0n, returned: 170_000n });
  });

  test("notes that it was closed, where we did not hear of it, and sends nothing", async () => {
    const { ours, id, sentSince, onChain } = await spent(50_000, { reservedMicros: 1 });
    Object.assign(onChain() ?? {}, { deposit: 0n });
    expect(await ours.review(id, false)).toBe(true);
    expect([sentSince(), isFinal(ours, id)]).toEqual([[], true]);
  });
});
