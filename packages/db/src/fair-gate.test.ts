import { expect, test } from "vitest";
import { createFairGate } from "./fair-gate.ts";

test("a gate lets so many through at a time, tells how many stand before it, and lets the quiet organization through first", async () => {
  const gate = createFairGate(2);
  const through: string[] = [];
  const ends: (() => void)[] = [];
  const pass = (organization: string) =>
    gate.pass(organization, async () => {
      through.push(organization);
      await new Promise<void>((resolve) => ends.push(resolve));
    });
  const crowd = Array.from({ length: 5 }, () => pass("crowd"));
  const quiet = pass("quiet");
  expect(through).toEqual(["crowd", "crowd"]);
  expect(gate.waiting()).toBe(4);
  ends.shift()?.();
  await expect.poll(() => through.length).toBe(3);
  expect(through.at(-1)).toBe("quiet");
  expect(gate.waiting()).toBe(3);
  while (gate.waiting() > 0 || ends.length > 0) {
    for (const end of ends.splice(0)) end();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all([...crowd, quiet]);
  expect(through).toHaveLength(6);
  expect(gate.waiting()).toBe(0);
});

test("a call that fails gives its place to the next one", async () => {
  const gate = createFairGate(1);
  const failed = gate.pass("one", () => Promise.reject(new Error("no")));
  const next = gate.pass("one", async () => "through");
  await expect(failed).rejects.toThrow("no");
  expect(await next).toBe("through");
});
