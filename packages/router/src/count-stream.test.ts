import { expect, test } from "vitest";
import { countStream } from "./count-stream.ts";

function setUp() {
  const leaving = new AbortController();
  let closed = 0;
  const open = { close: () => void closed++, leaving: leaving.signal };
  return { open, leaving, closed: () => closed };
}

async function* items(count: number): AsyncGenerator<number, void> {
  for (let item = 0; item < count; item++) yield item;
}

const subscription = async (data: unknown) => ({ ok: true as const, data });
const iterate = (data: unknown) => (data as AsyncIterable<unknown>)[Symbol.asyncIterator]();

test("a subscription is open until its last item was taken", async () => {
  const { open, closed } = setUp();
  const iterator = iterate((await countStream(() => subscription(items(1)), open)).data);
  expect([await iterator.next(), closed()]).toEqual([{ done: false, value: 0 }, 0]);
  expect([(await iterator.next()).done, closed()]).toEqual([true, 1]);
});

test("a subscription that is left, be it before its first item, is open no longer", async () => {
  const left = setUp();
  await countStream(() => subscription(items(1)), left.open);
  left.leaving.abort();
  expect(left.closed()).toBe(1);
  const returned = setUp();
  const iterator = iterate((await countStream(() => subscription(items(2)), returned.open)).data);
  await iterator.next();
  await iterator.return?.();
  expect(returned.closed()).toBe(1);
});

test("a value, a refusal and a failure are open until they are there", async () => {
  const value = setUp();
  expect(await countStream(() => subscription("a value"), value.open)).toEqual({ ok: true, data: "a value" });
  const refused = setUp();
  expect(await countStream(async () => ({ ok: false as const }), refused.open)).toEqual({ ok: false });
  const failed = setUp();
  await expect(countStream(() => Promise.reject(new Error("no")), failed.open)).rejects.toThrow("no");
  expect([value.closed(), refused.closed(), failed.closed()]).toEqual([1, 1, 1]);
});

test("a caller who has left before it began counts no more", async () => {
  const { open, leaving, closed } = setUp();
  leaving.abort();
  await countStream(() => subscription(items(1)), open);
  expect(closed()).toBe(1);
});
