import { randomUUID } from "node:crypto";
import { LIMITS } from "@parley/contracts";
import { openSweepStore } from "@parley/db";
import type { PaymentStore } from "@parley/domain";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Books, openBooks } from "../billing/open-books.ts";

let books: Books;
let payments: PaymentStore;
let owner: postgres.Sql;
beforeAll(async () => {
  books = await openBooks();
  ({ payments } = books.database);
  owner = postgres(books.fresh.ownerUrl, { max: 2, onnotice: () => undefined });
});
afterAll(async () => {
  await owner?.end();
  await books?.close();
});

describe("a channel", () => {
  test("is looked at when it is due, by one, and is idle when nobody has used it for so long", async () => {
    const organizationId = await books.organization();
    const key = { organizationId, id: `0x${randomUUID()}` };
    const change = { state: "{}", payer: "0xa", voucherMicros: 300, depositMicros: 200, status: "open" as const };
    expect(await payments.writeChannel({ ...key, version: null, ...change })).toBe(true);
    const take = (idleMs: number) => payments.takeChannel({ ...key, idleMs });
    const makeDue = () => owner`update payment_channels set due_at = now() - interval '1 second' where id = ${key.id}`;
    expect(await take(0)).toBeNull();
    await makeDue();
    expect([await take(60_000), await take(60_000)]).toEqual([{ isIdle: false }, null]);
    await makeDue();
    expect(await take(-1)).toEqual({ isIdle: true });
    await payments.leaveChannel(key);
    expect(await take(-1)).toBeNull();
  });

  test("is taken no further than its deposit, nor than was signed for, whatever is under way", async () => {
    const organizationId = await books.organization();
    const reserve = (channelId: string, amountMicros: number) =>
      payments.reserveInChannel({ organizationId, id: randomUUID(), channelId, plugin: "agent", amountMicros, callKey: null });
    for (const [voucherMicros, depositMicros] of [
      [300, 200],
      [200, 300],
    ] as const) {
      const id = `0x${randomUUID()}`;
      await payments.writeChannel({
        ...{ organizationId, id, version: null, state: "{}", payer: "0xa", voucherMicros, depositMicros, status: "open" as const },
      });
      expect(await reserve(id, 201)).toMatchObject({ outcome: "short", requiredMicros: 201 });
      expect(await reserve(id, 150)).toMatchObject({ outcome: "reserved", spentMicros: 150 });
      expect(await reserve(id, 51)).toMatchObject({ outcome: "short", requiredMicros: 201 });
      expect(await reserve(id, 50)).toMatchObject({ outcome: "reserved", spentMicros: 200 });
    }
  });
});

test("a channel that is closed goes after its time, when none of its calls is kept; its name is known for ever, and nothing opens it again", async () => {
  const organizationId = await books.organization();
  const channel = (id: string, status: string, days: number) => owner`
    insert into payment_channels (id, organization_id, payer, state, voucher_micros, deposit_micros, spent_micros, status, used_at)
    values (${id}, ${organizationId}, 'w', '{}', 1, 1, 1, ${status}, now() - ${days} * interval '1 day')`;
  for (const id of ["was closed", "sold in"]) await channel(id, "closed", 100);
  await channel("closed of late", "closed", 80);
  await channel("left open", "open", 100);
  await channel("being closed", "closing", 100);
  await owner`insert into purchases (id, organization_id, method, plugin, amount_micros, session_id, state, ended_at)
    values (${randomUUID()}, ${organizationId}, 'channel', 'agent', 1, 'sold in', 'captured', now() - interval '80 days')`;
  const sweep = openSweepStore({ url: books.fresh.sweepUrl, prepare: true, applicationName: "test" });
  try {
    for (let batches = 0; await sweep.store.forget(LIMITS, 1); batches += 1) expect(batches).toBeLessThan(50);
  } finally {
    await sweep.close();
  }
  const left = await owner<{ id: string }[]>`select id from payment_channels where organization_id = ${organizationId} order by id`;
  expect(left.map(({ id }) => id)).toEqual(["being closed", "closed of late", "left open", "sold in"]);
  const anew = { organizationId, state: "{}", payer: "w", voucherMicros: 1, depositMicros: 1, status: "open" as const, version: null };
  expect(await payments.writeChannel({ ...anew, id: "was closed" })).toBe(false);
  expect(await payments.writeChannel({ ...anew, id: "a new one" })).toBe(true);
});

test("a channel that goes just now is not opened again by who has waited for that", async () => {
  const organizationId = await books.organization();
  const id = `0x${randomUUID()}`;
  await owner`
    insert into payment_channels (id, organization_id, payer, state, voucher_micros, deposit_micros, spent_micros, status, used_at)
    values (${id}, ${organizationId}, 'w', '{}', 1, 1, 1, 'closed', now() - interval '100 days')`;
  const anew = { organizationId, id, state: "{}", payer: "w", voucherMicros: 1, depositMicros: 1, status: "open" as const, version: null };
  let opening: Promise<unknown> | undefined;
  await owner.begin(async (tx) => {
    await tx`select forget_channels(interval '90 days', 10)`;
    opening = payments.writeChannel(anew).catch((error: unknown) => error);
    const waiting = () => owner`select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`;
    await expect.poll(async () => (await waiting()).length).toBeGreaterThan(0);
  });
  expect(await opening).toMatchObject({ code: "channel_gone" });
  expect(await owner`select from payment_channels where id = ${id}`).toHaveLength(0);
});
