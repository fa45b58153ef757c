import { GatewayError, LIMITS } from "@parley/contracts";
import { expect, it } from "vitest";
import { silentLog } from "../testing/silent-log.ts";
import type { CardEvent, ToldEvent } from "./card-payments.ts";
import { type RecoverPorts, recoverCardEvents } from "./recover-card-events.ts";

const AT = "2026-01-01T00:00:00.000Z";

/** An event about a payment of that name; the store refuses some of them. */
const told = (id: string): ToldEvent => ({
  id,
  createdAt: AT,
  read: (): CardEvent => {
    if (id === "torn") throw new Error("Not what an event looks like.");
    return { id, type: "t", createdAt: AT, paymentId: id, fact: { kind: "disputed", disputeId: id, disputedMicros: 1 } };
  },
});

interface Listed {
  /** Newest first. */
  pages?: string[][];
  owed?: string[];
  limits?: Partial<typeof LIMITS>;
  /** Another look begins at this page. */
  lostAt?: number;
}

/** One look over a store that notes what it is told, in order. */
async function look({ pages = [], owed = [], limits = {}, lostAt = 0 }: Listed): Promise<string[]> {
  const did: string[] = [];
  let notes = 0;
  const payments: RecoverPorts["payments"] = {
    async takeCardEvent(owner, { id }) {
      if (id === "foreign") throw new GatewayError("not_found");
      if (id === "early") throw new GatewayError("storage_unavailable");
      did.push(`book ${id} of ${owner}`);
      return true;
    },
    takePlanEvent: () => Promise.reject(new Error("not asked for")),
    payerOf: async (id) => (id.startsWith("unheard") ? null : "o"),
    challengeOwner: async () => null,
    takeCardLook: async () => ({ epoch: 4, fromMs: 1_000, untilMs: 2_000, afterId: null }),
    async noteCardLook({ epoch, afterId, waitMs }) {
      did.push(`note ${epoch} ${afterId} ${waitMs}`);
      return ++notes !== lostAt;
    },
    oweCardEvent: async ({ id }) => void did.push(`owe ${id}`),
    takeOwedCardEvents: async () => owed,
    settleOwedCardEvent: async (id) => void did.push(`settle ${id}`),
  };
  const cards: RecoverPorts["cards"] = {
    async findPayment(id) {
      if (id === "unheard of a call") return { kind: "call", challengeId: "c" };
      return id === "unheard of ours" ? { kind: "credits" } : null;
    },
    async listEvents({ afterId }) {
      const page = afterId === null ? 0 : pages.findIndex((ids) => ids.at(-1) === afterId) + 1;
      const ids = pages[page] ?? [];
      return { events: ids.map(told), nextId: page + 1 < pages.length ? (ids.at(-1) ?? null) : null };
    },
    async fetchEvent(id) {
      if (id === "untold") throw new GatewayError("payment_refused");
      return id === "gone" ? null : told(id);
    },
  };
  const ports = { payments, cards, limits: { ...LIMITS, ...limits }, log: silentLog };
  await recoverCardEvents(ports, new AbortController().signal);
  return did;
}

it("books a page in the order in which it was told, and notes it before it goes on with the next", async () => {
  expect(
    await look({
      pages: [
        ["d", "c"],
        ["b", "a"],
      ],
    }),
  ).toEqual([...["book c of o", "book d of o", "note 4 c 900000"], ...["book a of o", "book b of o", `note 4 null ${LIMITS.cardLookMs}`]]);
});

it("reads so many pages and no more, and goes on with the rest soon", async () => {
  const did = await look({ pages: [["d"], ["c"], ["b"]], limits: { cardLookPagesMax: 2 } });
  expect(did).toEqual(["book d of o", "note 4 d 900000", "book c of o", `note 4 c ${LIMITS.cardLookMs / 10}`]);
});

it("stops where another look has begun", async () => {
  expect(await look({ pages: [["d"], ["c"]], lostAt: 1 })).toEqual(["book d of o", "note 4 d 900000"]);
});

it("keeps what may be booked later, and nothing else: no event is in another's way", async () => {
  const page = ["e", "torn", "unheard", "unheard of a call", "unheard of ours", "early", "foreign", "a"];
  const did = await look({ pages: [page] });
  expect(did.slice(0, -1)).toEqual(["book a of o", "owe early", "owe unheard of ours", "owe torn", "book e of o"]);
});

it("looks again at what it has kept, until it is booked, nobody's or gone", async () => {
  const did = await look({ owed: ["untold", "a", "early", "gone", "foreign"], pages: [[]] });
  expect(did.slice(0, -1)).toEqual(["book a of o", "settle a", "settle gone", "settle foreign"]);
});
