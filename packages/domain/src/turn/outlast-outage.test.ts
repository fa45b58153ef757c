import { GatewayError } from "@parley/contracts";
import { expect, it } from "vitest";
import { movedClock } from "../testing/moved-clock.ts";
import { outlastOutage } from "./outlast-outage.ts";
import { TurnAbort } from "./turn-abort.ts";

const MINUTE_MS = 60_000;

/** A store that is away until a moment of a moved clock. */
function store(backAtMs: number) {
  const clock = movedClock();
  const startMs = clock.monotonicMs();
  let asked = 0;
  const work = async (): Promise<string> => {
    asked += 1;
    if (clock.monotonicMs() - startMs < backAtMs) throw new GatewayError("storage_unavailable");
    return "done";
  };
  return { clock, work, asked: () => asked };
}

it("asks four times a second until the store is back, and gives its answer", async () => {
  const { clock, work, asked } = store(30_000);
  const answer = outlastOutage(clock, work);
  await clock.move(29_900);
  expect(asked()).toBe(120);
  await clock.move(100);
  expect(await answer).toBe("done");
});

it("gives up after five minutes with what the store said last", async () => {
  const { clock, work } = store(Number.POSITIVE_INFINITY);
  const refused = expect(outlastOutage(clock, work)).rejects.toThrow(GatewayError);
  await clock.move(6 * MINUTE_MS);
  await refused;
  expect(clock.sleepers()).toBe(0);
});

it("asks nothing more once the turn must end, and says why", async () => {
  const { clock, work, asked } = store(MINUTE_MS);
  const stop = new AbortController();
  const refused = expect(outlastOutage(clock, work, stop.signal)).rejects.toMatchObject({ reason: "user_stop" });
  await clock.move(1_000);
  stop.abort(new TurnAbort("user_stop"));
  await refused;
  const before = asked();
  await clock.move(MINUTE_MS);
  expect(asked()).toBe(before);
});

it("passes on at once what is no outage", async () => {
  const { clock } = store(0);
  await expect(outlastOutage(clock, () => Promise.reject(new GatewayError("stale_epoch")))).rejects.toThrow("right to run");
});
