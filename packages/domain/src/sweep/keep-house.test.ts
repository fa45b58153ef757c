import { GatewayError, LIMITS, type Limits } from "@parley/contracts";
import { expect, it } from "vitest";
import type { MediaKey } from "../media/media-store.ts";
import { movedClock } from "../testing/moved-clock.ts";
import { silentLog } from "../testing/silent-log.ts";
import type { ConversationKey, TurnStore } from "../turn/turn-store.ts";
import { keepHouse } from "./keep-house.ts";
import type { SweepStore } from "./sweep-store.ts";

const ROUND_MS = 600_000;
const never = () => Promise.reject(new Error("not asked for"));
const key = (conversationId: string): ConversationKey => ({ organizationId: "o", conversationId });

/** Housekeeping under a moved clock; what it does is told in order. `backlog` is what each chore finds. */
function house(limits: Partial<Limits> = {}, changes: Partial<SweepStore> = {}) {
  const clock = movedClock();
  const did: string[] = [];
  const backlog = {
    batches: 0,
    conversations: [] as string[],
    parts: new Map<string, number>(),
  };
  const sweep: SweepStore = {
    takeRepairs: never,
    takeCompactions: never,
    takeResponses: never,
    returnRepairs: never,
    findReady: never,
    stillReady: never,
    countKicks: never,
    readWeights: never,
    takeWaitingHooks: never,
    loseKeepers: never,
    findUnposted: never,
    findSettlements: never,
    findCardLook: never,
    lookAtBooks: never,
    takeGoneMedia: async () => [],
    holdOffice: async () => true,
    async prepareMonths() {
      did.push("months");
    },
    async forget() {
      did.push("forget");
      return backlog.batches-- > 0;
    },
    async takeUnlooked({ hours }) {
      did.push(`look ${hours}`);
      return backlog.conversations.splice(0, 2).map(key);
    },
    ...changes,
  };
  const turns = {
    async retain({ conversationId }: ConversationKey) {
      did.push(conversationId);
      const left = backlog.parts.get(conversationId) ?? 1;
      if (left === 0) throw new GatewayError("storage_unavailable");
      if (left < 0) throw new GatewayError("internal");
      backlog.parts.set(conversationId, left - 1);
      return left > 1;
    },
  } as Pick<TurnStore, "retain"> as TurnStore;
  const stop = new AbortController();
  const media = {
    async forget({ id }: MediaKey) {
      did.push(`forget ${id}`);
    },
  };
  const blobs = {
    async remove(name: string) {
      did.push(`remove ${name}`);
      if (name.endsWith("stuck")) throw new GatewayError("storage_unavailable");
    },
  };
  const facts = {
    media,
    blobs,
    clock,
    log: silentLog,
    workerId: "w",
    limits: { ...LIMITS, ...limits },
  };
  const ended = keepHouse({ sweep, turns, ...facts }, stop.signal);
  return {
    clock,
    did,
    backlog,
    async end() {
      stop.abort();
      await ended;
      expect(clock.sleepers()).toBe(0);
    },
  };
}

it("keeps house at once and then every ten minutes, and looks at no conversation where all are kept for ever", async () => {
  const { clock, did, end } = house();
  await clock.move(1_000);
  expect(did.splice(0)).toEqual(["months", "forget"]);
  await clock.move(ROUND_MS);
  expect(did).toEqual(["months", "forget"]);
  await end();
});

it("removes the bytes of files that are gone, then their rows; of what cannot be removed the row stays for the next round", async () => {
  const gone = [["a", "stuck", "b"]];
  const takeGoneMedia = async () => (gone.shift() ?? []).map((id) => ({ organizationId: "o", id }));
  const { clock, did, end } = house({}, { takeGoneMedia });
  await clock.move(1_000);
  expect(did).toEqual(["months", "forget", "remove o/a", "forget a", "remove o/stuck", "remove o/b", "forget b"]);
  await end();
});

it("goes on in batches, with a pause after each, until nothing is left", async () => {
  const { clock, did, backlog, end } = house({ conversationsKeptDays: 90, eventsKeptDays: 30 });
  backlog.batches = 2;
  backlog.conversations = ["a", "b", "c"];
  backlog.parts.set("b", 3);
  await clock.move(10_000);
  // A tenth of the shorter time.
  expect(did).toEqual(["months", "forget", "forget", "forget", "look 72", "a", "b", "b", "b", "look 72", "c", "look 72"]);
  await end();
});

it("leaves a conversation that is in use for the next time, and goes on with the others", async () => {
  const { clock, did, backlog, end } = house({ conversationsKeptDays: 1 });
  backlog.conversations = ["busy", "b"];
  backlog.parts.set("busy", 0);
  await clock.move(10_000);
  expect(did).toEqual(["months", "forget", "look 2", "busy", "b", "look 2"]);
  await end();
});

it("looks at all other conversations although one cannot be retained", async () => {
  const { clock, did, backlog, end } = house({ conversationsKeptDays: 1 });
  backlog.conversations = ["wrong", "b", "c"];
  backlog.parts.set("wrong", -1);
  await clock.move(10_000);
  expect(did).toEqual(["months", "forget", "look 2", "wrong", "b", "look 2", "c", "look 2"]);
  await end();
});

it("removes what can be removed of many files although some cannot", async () => {
  const many = [...Array.from({ length: 99 }, (_, index) => `${index}`), "stuck"];
  const gone = [many, ["late", "stuck"]];
  const takeGoneMedia = async () => (gone.shift() ?? []).map((id) => ({ organizationId: "o", id }));
  const { clock, did, end } = house({}, { takeGoneMedia });
  await clock.move(1_000);
  expect(did).toContain("forget late");
  await end();
});

it("does nothing while another worker holds the office, and stops in between when it loses it", async () => {
  let elected = false;
  const { clock, did, backlog, end } = house({}, { holdOffice: async () => elected });
  await clock.move(1_000);
  expect(did).toEqual([]);
  elected = true;
  backlog.batches = 100;
  await clock.move(ROUND_MS + 150);
  elected = false;
  const done = did.length;
  expect(done).toBeGreaterThan(2);
  await clock.move(10_000);
  expect(did).toHaveLength(done);
  await end();
});

it("does the other chores when one fails, and tries it again in the next round", async () => {
  let failures = 1;
  const prepareMonths = async () => {
    if (failures-- > 0) throw new Error("no");
    did.push("months");
  };
  const { clock, did, end } = house({}, { prepareMonths });
  await clock.move(1_000);
  expect(did).toEqual(["forget"]);
  await clock.move(ROUND_MS);
  expect(did).toEqual(["forget", "months", "forget"]);
  await end();
});
