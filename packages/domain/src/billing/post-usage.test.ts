import { GatewayError } from "@parley/contracts";
import { expect, test } from "vitest";
import type { PostedUsage } from "./billing-store.ts";
import { postUsage } from "./post-usage.ts";

/** What is asked of the store, where posting answers so. */
async function posted(
  organizationIds: string[],
  answer: (ids: readonly string[]) => Partial<PostedUsage>,
  signal = new AbortController().signal,
) {
  const asked: string[] = [];
  let setAside = 0;
  const logged: string[] = [];
  const log = { debug() {}, info() {}, warn: () => void logged.push("warn"), error: () => void logged.push("error"), child: () => log };
  const billing = {
    async post(ids: readonly string[]) {
      asked.push(ids.join());
      return { posted: 0, more: null, setAside: [], ...answer(ids) };
    },
  };
  const metrics = { usageSetAside: ({ count }: { count: number }) => void (setAside += count) };
  const failure = await postUsage({ billing, limits: { holdKeptMs: 1 }, log, metrics }, organizationIds, signal).then(
    () => null,
    (error: unknown) => error,
  );
  return { asked, failure, setAside, logged };
}

test("organizations are charged together, and who has more goes on", async () => {
  let rounds = 0;
  const { asked, failure } = await posted(["a", "b", "c"], () => ({ more: rounds++ < 2 ? ["b"] : null }));
  expect([asked, failure]).toEqual([["a,b,c", "b", "b"], null]);
});

test("where they cannot be charged together each is by itself, and the failure of one stops no other and is told", async () => {
  const failure = new GatewayError("internal");
  const wrong = (ids: readonly string[]) => {
    if (ids.includes("b")) throw failure;
    return {};
  };
  expect(await posted(["a", "b", "c"], wrong)).toMatchObject({ asked: ["a,b,c", "a", "b", "c"], failure });
  expect(await posted(["b"], wrong)).toMatchObject({ asked: ["b"], failure });
});

test("who cannot be charged is an error in the log, and a warning where only a lock or Postgres itself could not be had", async () => {
  const failing = (code: "internal" | "storage_unavailable") => () => {
    throw new GatewayError(code);
  };
  expect((await posted(["a", "b"], failing("internal"))).logged).toEqual(["warn", "error", "error"]);
  expect((await posted(["a", "b"], failing("storage_unavailable"))).logged).toEqual(["warn", "warn", "warn"]);
});

test("a failure of all together that is none of each is over", async () => {
  const { asked, failure } = await posted(["a", "b"], (ids) => {
    if (ids.length > 1) throw new GatewayError("storage_unavailable");
    return {};
  });
  expect([asked, failure]).toEqual([["a,b", "a", "b"], null]);
});

test("a worker that ends begins no more of it", async () => {
  const ending = new AbortController();
  const { asked } = await posted(
    ["a", "b"],
    () => {
      ending.abort();
      return { more: ["a"] };
    },
    ending.signal,
  );
  expect(asked).toEqual(["a,b"]);
});

test("what cannot be recorded is counted", async () => {
  const one = { organizationId: "a", id: "i", kind: "call", trouble: "t" };
  expect((await posted(["a", "b"], () => ({ setAside: [one, one] }))).setAside).toBe(2);
});
