import { setTimeout as sleep } from "node:timers/promises";

/** Asks again and again until the answer is true; false once `waitMs` have passed. */
export async function waitUntil(condition: () => boolean | Promise<boolean>, waitMs: number, everyMs = 25): Promise<boolean> {
  const end = performance.now() + waitMs;
  while (!(await condition())) {
    if (performance.now() >= end) return false;
    await sleep(everyMs);
  }
  return true;
}
