import { type Cursor, LIMITS, type LogEvent } from "@parley/contracts";
import { describe, expect, it } from "vitest";
import { Follower } from "./follower.ts";

const event = (n: number) => ({ cursor: `1-${n}` }) as LogEvent;
const events = (count: number) => Array.from({ length: count }, (_, index) => event(index + 1));
const follower = () =>
  new Follower({ organizationId: "o", conversationId: "c" }, "1-0" as Cursor, { endsAtMs: 1_000, bufferMax: LIMITS.streamBufferEventsMax });

describe("Follower", () => {
  it("wakes its reader with what the tail brought, and gives it once", async () => {
    const reader = follower();
    const woken = reader.wait();
    reader.push([event(1)]);
    expect(await woken).toBe("events");
    reader.push([event(2)]);
    expect(reader.take()).toEqual([event(1), event(2)]);
    expect(reader.take()).toEqual([]);
  });

  it("says to read again when something may have been missed, and forgets what it had", async () => {
    const reader = follower();
    reader.push([event(1)]);
    reader.push(null);
    expect(await reader.wait()).toBe("again");
    expect(reader.take()).toEqual([]);
    reader.push([event(3)]);
    expect(await reader.wait()).toBe("events");
  });

  it("never holds more than its bound: a slow reader reads again instead", async () => {
    const reader = follower();
    reader.push(events(LIMITS.streamBufferEventsMax));
    expect(await reader.wait()).toBe("events");
    reader.push([event(0)]);
    expect(await reader.wait()).toBe("again");
    expect(reader.take()).toEqual([]);
  });

  it("reads again only when the durable head is beyond it", async () => {
    const reader = follower();
    reader.mustReach("1-0" as Cursor);
    expect(await reader.wait(1)).toBe("timeout");
    reader.mustReach("1-1" as Cursor);
    expect(await reader.wait()).toBe("again");
  });

  it("ends its wait when it is closed, tells so once, and takes nothing more", async () => {
    const reader = follower();
    let closed = 0;
    reader.onClose = () => {
      closed += 1;
    };
    const woken = reader.wait(10_000);
    reader.close();
    reader.close();
    expect(await woken).toBe("closed");
    reader.push([event(1)]);
    expect(await reader.wait()).toBe("closed");
    expect(reader.take()).toEqual([]);
    expect(closed).toBe(1);
  });
});
