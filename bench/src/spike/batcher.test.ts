import { expect, test } from "vitest";
import { createBatcher } from "./batcher.ts";

test("a lone call goes at once, calls that come meanwhile share the next batch, each gets its own result", async () => {
  const batches: number[][] = [];
  const release: (() => void)[] = [];
  const double = createBatcher<number, number>(
    async (items) => {
      batches.push(items);
      await new Promise<void>((resolve) => release.push(resolve));
      return items.map((item) => item * 2);
    },
    { lanesMax: 1, sizeMax: 2 },
  );
  const results = Promise.all([double(1), double(2), double(3), double(4)]);
  expect(batches).toEqual([[1]]);
  for (let batch = 0; batch < 3; batch++) {
    await expect.poll(() => release.length).toBe(batch + 1);
    release[batch]?.();
  }
  expect(await results).toEqual([2, 4, 6, 8]);
  expect(batches).toEqual([[1], [2, 3], [4]]);
});

test("a batch that fails fails its own items only", async () => {
  const send = createBatcher<string, string>(
    (items) => (items.includes("bad") ? Promise.reject(new Error("refused")) : Promise.resolve(items)),
    { lanesMax: 2, sizeMax: 1 },
  );
  const [good, bad, later] = await Promise.allSettled([send("good"), send("bad"), send("later")]);
  expect(good).toEqual({ status: "fulfilled", value: "good" });
  expect(bad?.status).toBe("rejected");
  expect(later).toEqual({ status: "fulfilled", value: "later" });
});
