import { GatewayError, LIMITS, type LogEvent, type NewEvent, parseCursor, type TextSoFar } from "@parley/contracts";
import { describe, expect, it, vi } from "vitest";
import type { LiveTail } from "../log/live-tail.ts";
import { movedClock, settle } from "../testing/moved-clock.ts";
import type { TurnAbort } from "./turn-abort.ts";
import { TurnLog } from "./turn-log.ts";
import type { ClaimedTurn, CommitResult, Fence, TurnChanges } from "./turn-store.ts";

const CLAIM = { organizationId: "o", conversationId: "c", epoch: 7, n: 2, turn: { id: "t" } } as ClaimedTurn;
const FACT: NewEvent = {
  type: "step.completed",
  executionId: "c",
  turnId: "t",
  data: { step: 1, text: "", calls: [], model: "m", finishReason: "stop" },
};

type Answer = "ok" | "stale" | "stopped" | "away" | "answer lost";

/** A log over a store that answers as scripted ("ok" where nothing is left), and a tail that keeps or loses deltas. */
function open(answers: Answer[] = []) {
  const clock = movedClock();
  const commits: { fence: Fence; changes: TurnChanges }[] = [];
  const givenBack: Fence[] = [];
  const published: LogEvent[] = [];
  const deltas: { events: LogEvent[]; first: boolean }[] = [];
  const aborts: TurnAbort[] = [];
  const tail = { kept: "kept" as "kept" | "lost" | "stale" };
  let firstTexts = 0;

  async function commit(fence: Fence, changes: TurnChanges): Promise<CommitResult> {
    commits.push({ fence, changes });
    const answer = answers.shift() ?? "ok";
    if (answer === "away" || answer === "answer lost") throw new GatewayError("storage_unavailable");
    if (answer === "stopped") return { outcome: answer, reason: "user_stop" };
    if (answer !== "ok") return { outcome: answer };
    const events = (changes.events ?? []).map(
      (event, index) => ({ ...event, cursor: `${fence.epoch}-${fence.n + 1 + index}`, at: "" }) as LogEvent,
    );
    return {
      outcome: "ok",
      n: fence.n + events.length,
      epoch: fence.epoch,
      kick: false,
      parent: null,
      hasSteer: false,
      steers: [],
      events,
    };
  }

  const liveTail = {
    publish: ({ events }) => void published.push(...events),
    async appendDeltas({ events }, { first }) {
      deltas.push({ events, first });
      if (tail.kept === "stale") throw new GatewayError("stale_epoch");
      return tail.kept;
    },
  } as Pick<LiveTail, "publish" | "appendDeltas"> as LiveTail;

  const log = new TurnLog(CLAIM, {
    store: { commit, giveBack: async (fence: Fence) => givenBack.push(fence) > 0 } as never,
    tail: liveTail,
    clock,
    leaseMs: 10_000,
    limits: LIMITS,
    onAbort: (abort) => void aborts.push(abort),
    onCheckpointDue: () => undefined,
    onFirstText: () => {
      firstTexts += 1;
    },
  });
  const pieces = () => deltas.flatMap(({ events }) => events).flatMap((event) => (event.type === "turn.delta" ? [event] : []));
  return { log, clock, commits, givenBack, published, deltas, aborts, tail, pieces, firstTexts: () => firstTexts };
}

const texts = (pieces: ReturnType<ReturnType<typeof open>["pieces"]>) => pieces.map((piece) => piece.data.text);

describe("a turn's text", () => {
  it("goes out at once with its first piece, and is then joined", async () => {
    const { log, clock, pieces, firstTexts } = open();
    log.delta("c", 1, "a");
    await settle();
    for (const text of "bcdef") log.delta("c", 1, text);
    await settle();
    expect(texts(pieces())).toEqual(["a"]);
    await clock.move(25);
    await vi.waitFor(() => expect(texts(pieces())).toEqual(["a", "bcdef"]), { timeout: 10_000 });
    expect(pieces().map((piece) => piece.data.offset)).toEqual([0, 1]);
    expect(firstTexts()).toBe(1);
    log.close();
  });

  it("has cursors without holes, shared with the facts, which never overtake what was said before them", async () => {
    const { log, pieces, published, commits } = open();
    log.delta("c", 1, "said ");
    log.delta("child", 1, "by a child");
    await log.commit({ events: [FACT] });
    log.delta("c", 1, "before");
    await log.commit({ events: [FACT] });
    const all = [...pieces(), ...published].sort((a, b) => parseCursor(a.cursor).n - parseCursor(b.cursor).n);
    expect(all.map((event) => [event.cursor, event.type])).toEqual([
      ["7-3", "turn.delta"],
      ["7-4", "turn.delta"],
      ["7-5", "step.completed"],
      ["7-6", "turn.delta"],
      ["7-7", "step.completed"],
    ]);
    expect(commits.map(({ fence }) => fence.n)).toEqual([4, 6]);
  });

  it("starts anew once it is sealed by a fact, or with the next step", async () => {
    const { log, pieces } = open();
    log.delta("c", 1, "one");
    await log.commit({ events: [FACT] }, ["c"]);
    expect(log.textOf("c")).toBe("");
    log.delta("c", 2, "two");
    await log.commit({});
    expect(pieces().map(({ data }) => [data.step, data.offset, data.text])).toEqual([
      [1, 0, "one"],
      [2, 0, "two"],
    ]);
  });

  it("is forgotten on demand, and the log says from where readers must discard", async () => {
    const { log } = open();
    log.delta("c", 1, "void");
    expect(log.discard("c")).toBeNull();
    log.delta("c", 1, "seen");
    await log.commit({});
    log.delta("c", 1, " and more");
    expect(log.discard("c")).toBe("7-3");
    expect(log.textOf("c")).toBe("");
  });

  it("has a bound", () => {
    const { log } = open();
    log.delta("c", 1, "x".repeat(LIMITS.answerCharsMax));
    expect(() => log.delta("c", 1, "x")).toThrow(expect.objectContaining({ reason: "answer_too_long" }));
    log.close();
  });

  it("is checkpointed as far as it has a cursor, and only when there is something new", async () => {
    const { log } = open();
    log.delta("c", 1, "sent");
    await log.commit({});
    log.delta("c", 1, " unsent");
    expect(log.takeCheckpoint()).toEqual<TextSoFar[]>([{ executionId: "c", step: 1, text: "sent" }]);
    expect(log.takeCheckpoint()).toBeNull();
    expect(log.fence).toMatchObject({ epoch: 7, n: 3, turnId: "t" });
    log.close();
  });
});

describe("when Redis has lost the deltas", () => {
  it("the whole text becomes a fact, after which the list may start again", async () => {
    const { log, tail, commits, published, deltas } = open();
    log.delta("c", 1, "kept");
    await log.commit({});
    tail.kept = "lost";
    log.delta("c", 1, " lost");
    await log.commit({});
    tail.kept = "kept";
    await vi.waitFor(() => expect(commits).toHaveLength(3), { timeout: 10_000 });
    await log.settled();
    expect(published).toMatchObject([
      { type: "turn.snapshot", cursor: "7-5", data: { texts: [{ executionId: "c", step: 1, text: "kept lost" }] } },
    ]);
    log.delta("c", 1, " again");
    await log.commit({});
    expect(deltas.map(({ first }) => first)).toEqual([true, false, true]);
  });

  it("the text is not written whole again with every piece, only every two seconds", async () => {
    const { log, clock, tail, published } = open();
    tail.kept = "lost";
    for (const text of "abc") {
      log.delta("c", 1, text);
      await log.commit({});
      await settle();
      await log.settled();
    }
    expect(published).toHaveLength(1);
    await clock.move(2_000);
    log.delta("c", 1, "d");
    await log.commit({});
    await settle();
    await log.settled();
    expect(published.map((event) => event.type === "turn.snapshot" && event.data.texts[0]?.text)).toEqual(["a", "abcd"]);
  });

  it("text that readers know from the snapshot alone is discarded from the snapshot on", async () => {
    const { log, tail, published } = open();
    tail.kept = "lost";
    log.delta("c", 1, "first");
    await log.commit({});
    log.delta("child", 1, "never sent as a delta");
    await settle();
    await log.settled();
    expect(published).toMatchObject([{ type: "turn.snapshot", cursor: "7-4" }]);
    expect(log.discard("child")).toBe("7-4");
    expect(log.discard("c")).toBe("7-3");
  });
});

describe("a write", () => {
  it("waits while Postgres is away and is then the very same, so that a lost answer does no harm", async () => {
    const { log, clock, commits } = open(["away", "answer lost", "ok"]);
    log.delta("c", 1, "x");
    const written = log.commit({ events: [FACT] });
    await settle();
    log.delta("c", 1, "said meanwhile");
    await clock.move(1_000);
    await written;
    expect(new Set(commits.map(({ fence }) => fence.n))).toEqual(new Set([3]));
    expect(commits).toHaveLength(3);
    log.close();
  });

  it("that comes too late ends the turn here: nothing more is published", async () => {
    const { log, aborts, pieces } = open(["stale"]);
    await expect(log.commit({ events: [FACT] })).rejects.toMatchObject({ reason: "lease_lost" });
    expect(aborts).toMatchObject([{ reason: "lease_lost" }]);
    log.delta("c", 1, "zombie");
    await settle();
    expect(pieces()).toEqual([]);
  });

  it("that meets the user's stop says so, and the log stays open for the end to be written", async () => {
    const { log, aborts, commits } = open(["stopped", "ok"]);
    log.delta("c", 1, "said");
    await expect(log.commit({ events: [FACT] })).rejects.toMatchObject({ reason: "user_stop" });
    expect(log.textOf("c")).toBe("said");
    await log.commit({ events: [FACT] });
    expect(aborts).toMatchObject([{ reason: "user_stop" }]);
    expect(commits).toHaveLength(2);
    log.close();
  });

  it("that is under way when the turn is handed on comes first, and the turn is handed on from where it ended", async () => {
    const { log, givenBack } = open();
    const written = log.commit({ events: [FACT] });
    expect(await log.giveBack([])).toBe(true);
    await written;
    expect(givenBack).toMatchObject([{ epoch: 7, n: 3 }]);
  });

  it("is the last one when the turn is handed on: what was to be said behind it gets no cursor any more", async () => {
    const { log, pieces } = open();
    const given = log.giveBack([]);
    log.delta("c", 1, "too late");
    await given;
    await log.settled();
    expect(texts(pieces())).toEqual([]);
  });

  it("of deltas under an old epoch shows that the turn has passed on", async () => {
    const { log, tail, aborts } = open();
    tail.kept = "stale";
    log.delta("c", 1, "zombie");
    await vi.waitFor(() => expect(aborts).toMatchObject([{ reason: "lease_lost" }]), { timeout: 10_000 });
  });
});
