import type { ChannelBook, ChannelChange, KeptChannel } from "@parley/domain";
import type { Session } from "mppx/tempo";

/** A channel as the standard's own code keeps it; amounts are bigints in it. */
export interface ChannelState {
  backend: "precompile";
  chainId: number;
  channelId: `0x${string}`;
  descriptor: Session.Precompile.SessionDescriptor;
  escrowContract: `0x${string}`;
  expiringNonceHash: `0x${string}`;
  authorizedSigner: `0x${string}`;
  operator: `0x${string}`;
  payee: `0x${string}`;
  payer: `0x${string}`;
  salt: `0x${string}`;
  token: `0x${string}`;
  closeRequestedAt: bigint;
  deposit: bigint;
  settledOnChain: bigint;
  highestVoucherAmount: bigint;
  highestVoucher: { channelId: `0x${string}`; cumulativeAmount: bigint; signature: `0x${string}` };
  spent: bigint;
  units: number;
  finalized: boolean;
  createdAt: string;
}

type Change<Result> =
  | { op: "noop"; result: Result }
  | { op: "set"; value: ChannelState; result: Result }
  | { op: "delete"; result: Result };

/** A call of this channel is under way: what it costs is not known yet. */
export class ChannelBusy extends Error {}

/** Of changes that keep coming between reading and writing. */
const TRIES = 50;
const BIGINT = /^\d+n$/;

const write = (state: ChannelState): string =>
  JSON.stringify(state, (_key, value: unknown) => (typeof value === "bigint" ? `${value}n` : value));

/** What was sold stands in columns of its own, and counts. */
export function readState({ state, spentMicros, units }: KeptChannel): ChannelState {
  const read = JSON.parse(state, (_key, value: unknown) =>
    typeof value === "string" && BIGINT.test(value) ? BigInt(value.slice(0, -1)) : value,
  ) as ChannelState;
  return { ...read, spent: BigInt(spentMicros), units };
}

function microsOf(amount: bigint): number {
  if (amount > BigInt(Number.MAX_SAFE_INTEGER)) throw new Error("A channel of more than is counted here.");
  return Number(amount);
}

export const changeOf = (state: ChannelState): ChannelChange => ({
  state: write(state),
  payer: state.payer.toLowerCase(),
  voucherMicros: microsOf(state.highestVoucherAmount),
  depositMicros: microsOf(state.deposit),
  status: state.finalized ? "closed" : state.closeRequestedAt === 0n ? "open" : "closing",
});

/**
 * The store that the standard's code wants, on the book of one organization: it reads, decides, and writes where nothing has changed since. `isClosing`: calls that
 * are under way are waited for.
 */
export function channelStore(book: ChannelBook, { isClosing }: { isClosing: boolean }) {
  async function update<Result>(channelId: string, decide: (current: ChannelState | null) => Change<Result>): Promise<Result> {
    for (let tries = 0; tries < TRIES; tries += 1) {
      const kept = await book.read(channelId);
      const current = kept === null ? null : readState(kept);
      const change = decide(current);
      if (change.op !== "set") return change.result;
      const begins = current?.closeRequestedAt === 0n && change.value.closeRequestedAt !== 0n;
      if (isClosing && begins && (kept?.reservedMicros ?? 0) > 0) throw new ChannelBusy();
      if (await book.write(channelId, kept?.version ?? null, changeOf(change.value))) return change.result;
    }
    throw new ChannelBusy();
  }
  return {
    async get(channelId: string): Promise<ChannelState | null> {
      const kept = await book.read(channelId);
      return kept === null ? null : readState(kept);
    },
    put: (channelId: string, value: ChannelState): Promise<void> => update(channelId, () => ({ op: "set", value, result: undefined })),
    delete: (): Promise<void> => Promise.reject(new Error("Channels are kept.")),
    update,
  };
}
