import type { ChannelChange, KeptChannel } from "@parley/domain";
import { expect, test } from "vitest";
import { ChannelBusy, type ChannelState, changeOf, channelStore } from "./channel-state.ts";

const STATE = {
  ...{ payer: "0xAB", closeRequestedAt: 0n, deposit: 200_000n, highestVoucherAmount: 50_000n, spent: 50_000n, units: 1, finalized: false },
} as unknown as ChannelState;

/** A book of one channel; `meddle` changes it between a reading and the writing behind it. */
function bookOf(reservedMicros: number, meddle = 0) {
  const kept: KeptChannel = { ...changeOf(STATE), version: 1, spentMicros: 50_000, reservedMicros, units: 1 };
  let left = meddle;
  return {
    kept,
    read: async () => ({ ...kept }),
    async write(_id: string, version: number | null, { state }: ChannelChange) {
      if (left > 0) kept.version += 1;
      left -= 1;
      if (version !== kept.version) return false;
      Object.assign(kept, { state, version: version + 1 });
      return true;
    },
  };
}

const closing = (current: ChannelState | null) =>
  ({ op: "set", value: { ...(current ?? STATE), closeRequestedAt: 1n }, result: "closing" }) as const;

test("a channel is not closed while calls of it are under way; what else is changed does not wait for them", async () => {
  const busy = bookOf(10_000);
  await expect(channelStore(busy, { isClosing: true }).update("c", closing)).rejects.toBeInstanceOf(ChannelBusy);
  expect(busy.kept.version).toBe(1);
  expect(await channelStore(bookOf(0), { isClosing: true }).update("c", closing)).toBe("closing");
  const raised = (current: ChannelState | null) =>
    ({ op: "set", value: { ...(current ?? STATE), highestVoucherAmount: 60_000n }, result: "raised" }) as const;
  expect(await channelStore(busy, { isClosing: true }).update("c", raised)).toBe("raised");
});

test("a change that another one has overtaken is made again on what that has left, and not for ever", async () => {
  const seen: bigint[] = [];
  const note = (current: ChannelState | null) => {
    seen.push(current?.spent ?? -1n);
    return closing(current);
  };
  const book = bookOf(0, 2);
  expect(await channelStore(book, { isClosing: false }).update("c", note)).toBe("closing");
  expect([seen.length, seen[0]]).toEqual([3, 50_000n]);
  await expect(channelStore(bookOf(0, 1_000), { isClosing: false }).update("c", closing)).rejects.toBeInstanceOf(ChannelBusy);
});

test("what is kept of it says whose it is, how far it may be used, and whether it still may", () => {
  expect(changeOf(STATE)).toMatchObject({ payer: "0xab", voucherMicros: 50_000, depositMicros: 200_000, status: "open" });
  expect(changeOf({ ...STATE, closeRequestedAt: 1n }).status).toBe("closing");
  expect(changeOf({ ...STATE, closeRequestedAt: 1n, finalized: true }).status).toBe("closed");
  expect(() => changeOf({ ...STATE, deposit: BigInt(Number.MAX_SAFE_INTEGER) + 1n })).toThrow("more than is counted");
});
