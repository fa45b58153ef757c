import { isGatewayError } from "@parley/contracts";
import { expect, test } from "vitest";
import { atMost, createOpenStreams } from "./open-streams.ts";
import { testCaller } from "./testing/test-gateway.ts";

function setUp(perCallerMax: number) {
  const open: Record<string, number> = {};
  const streams = createOpenStreams({
    perCallerMax,
    onOpen(door) {
      open[door] = (open[door] ?? 0) + 1;
      return () => {
        open[door] = (open[door] ?? 0) - 1;
      };
    },
  });
  return { streams, open };
}

const refused = (act: () => unknown): boolean => {
  try {
    act();
    return false;
  } catch (error) {
    return isGatewayError(error, "too_many_streams");
  }
};

const caller = testCaller();

test("a caller has at most so many streams through all doors together, and others have their own", () => {
  const { streams, open } = setUp(2);
  const [rest, websocket] = [streams.through("rest"), streams.through("websocket")];
  const close = rest(caller);
  websocket({ ...caller, agentIds: new Set(["an agent"]) });
  expect([refused(() => rest(caller)), refused(() => websocket(caller))]).toEqual([true, true]);
  expect(refused(() => rest(testCaller({ principalId: "key-2" })))).toBe(false);
  expect(refused(() => rest(testCaller({ organizationId: "o-2" })))).toBe(false);
  expect(open).toEqual({ rest: 3, websocket: 1 });
  close();
  expect(refused(() => websocket(caller))).toBe(false);
  expect(open).toEqual({ rest: 2, websocket: 2 });
});

test("a stream that is closed twice counts out once", () => {
  const { streams, open } = setUp(2);
  const openStream = streams.through("rest");
  const close = openStream(caller);
  openStream(caller);
  close();
  close();
  openStream(caller);
  expect(refused(() => openStream(caller))).toBe(true);
  expect(open).toEqual({ rest: 2 });
});

test("a socket has its own bound, and what it is refused counts nowhere", () => {
  const { streams, open } = setUp(3);
  const [one, other] = [atMost(2, streams.through("websocket")), atMost(2, streams.through("websocket"))];
  const close = one(caller);
  one(caller);
  expect(refused(() => one(caller))).toBe(true);
  other(caller);
  expect(refused(() => other(caller))).toBe(true);
  close();
  close();
  one(caller);
  expect(refused(() => one(caller))).toBe(true);
  expect(open).toEqual({ websocket: 3 });
});
