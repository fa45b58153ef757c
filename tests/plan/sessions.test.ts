import { randomUUID } from "node:crypto";
import { type System, startSystem, tokenText } from "@parley/testkit";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { askPlan, of, type PlanCall, type PlanFrame, planFrames, postPlan, textOf, theOrderOf } from "./support/ask-plan.ts";

const LEASE_MS = 1_500;

let system: System;
beforeAll(async () => {
  system = await startSystem({ apis: 2, workers: 2, leaseMs: LEASE_MS, env: { PLANNER_MODEL: "custom/scripted", API_GRACE_MS: "30000" } });
  system.model.when(
    ({ lastUserText }) => lastUserText.startsWith("count"),
    ({ lastUserText }) => ({
      text: Array.from({ length: 20 }, (_, index) => `${lastUserText.slice(6)}${index} `),
      delayMs: 5,
    }),
  );
});
afterAll(() => system.close());
afterEach(async () => {
  await Promise.all(system.workers.filter((worker) => worker.process.hasExited()).map((worker) => worker.restart()));
});

const call = (body: unknown, { api = 0, ...more }: Partial<PlanCall> & { api?: number } = {}): PlanCall => ({
  url: system.apis[api]?.url ?? "",
  apiKey: system.ours.apiKey,
  body,
  ...more,
});
const counted = (word: string) => Array.from({ length: 20 }, (_, index) => `${word}${index} `).join("");
const sessionOf = (frames: PlanFrame[]) => of(frames, "session")[0] ?? expect.fail("There is no session.");

describe("a session", () => {
  test("that two plans begin at once on two replicas is one conversation: they run one after the other, each on its own stream", async () => {
    for (let round = 0; round < 5; round += 1) {
      const sessionId = randomUUID();
      const asked = system.model.journal.length;
      const plans = await Promise.all(
        ["a", "b"].map((word, api) => askPlan(call({ question: `count ${word}`, session_id: sessionId }, { api }))),
      );
      expect(plans.map(textOf)).toEqual([counted("a"), counted("b")]);
      const sessions = plans.map(sessionOf);
      expect(sessions[0]?.session_id).toBe(sessions[1]?.session_id);
      expect(sessions.map(({ created }) => created).toSorted()).toEqual([false, true]);
      expect(new Set(plans.flatMap((frames) => of(frames, "plan").map(({ plan_id: id }) => id))).size).toBe(2);
      for (const frames of plans) expect(theOrderOf(frames)).toEqual(["session", "plan", "text.delta", "final", "done"]);
      const [one, two] = system.model.journal.slice(asked);
      expect(two?.atMs).toBeGreaterThanOrEqual(one?.endedAtMs ?? Number.POSITIVE_INFINITY);
    }
  });

  test("goes on by its caller's name or by its own id, and knows what was said", async () => {
    const first = await askPlan(call({ question: "count x", session_id: "mine" }));
    const { session_id: id } = sessionOf(first);
    for (const name of ["mine", id]) {
      const next = await askPlan(call({ question: "count y", session_id: name }, { api: 1 }));
      expect(sessionOf(next)).toEqual({ session_id: id, external_session_id: name, created: false });
    }
    expect(JSON.stringify(system.model.journal.at(-1)?.body.messages)).toContain("count x");
  });

  test("is its principal's own: another key's session of the same name, and another organization's, is another", async () => {
    const mine = sessionOf(await askPlan(call({ question: "count x", session_id: "shared" })));
    const another = await system.ours.newKey({ scopes: ["conversations:write", "conversations:read"] });
    const stranger = await system.newTenant("theirs");
    for (const apiKey of [another, stranger.apiKey]) {
      const theirs = sessionOf(await askPlan(call({ question: "count y", session_id: "shared" }, { apiKey })));
      expect(theirs).toMatchObject({ created: true });
      expect(theirs.session_id).not.toBe(mine.session_id);
    }
    // Another organization's own id is only a name.
    const guessed = await askPlan(call({ question: "count z", session_id: mine.session_id }, { apiKey: stranger.apiKey }));
    expect(sessionOf(guessed)).toMatchObject({ created: true });
    expect(JSON.stringify(system.model.journal.at(-1)?.body.messages)).not.toContain("count x");
  });
});

describe("an idempotency key", () => {
  const keyed = () => ({ headers: { "idempotency-key": randomUUID() } });

  test("gives the whole plan again, without a second run; another body is refused before the stream, another caller's is another plan", async () => {
    const once = keyed();
    const asked = system.model.journal.length;
    const body = { question: "count k", session_id: "keyed" };
    const first = await askPlan(call(body, once));
    const second = await askPlan(call(body, { ...once, api: 1 }));
    const whole = (frames: PlanFrame[]) => frames.filter(({ event }) => event !== "text.delta").map(({ event, data }) => [event, data]);
    expect(whole(second)).toEqual(whole(first));
    expect(textOf(second)).toBe(counted("k"));
    expect(system.model.journal).toHaveLength(asked + 1);
    const other = await postPlan(call({ ...body, question: "count l" }, once));
    expect([other.status, await other.json()]).toMatchObject([409, { error: "idempotency_mismatch", detail: expect.any(String) }]);
    const apiKey = await system.ours.newKey({ scopes: ["conversations:write", "conversations:read"] });
    expect(textOf(await askPlan(call({ question: "count m" }, { ...once, apiKey })))).toBe(counted("m"));
  });

  test("attaches to the plan while it runs, however many ask at once", async () => {
    const once = keyed();
    const asked = system.model.journal.length;
    const plans = await Promise.all([0, 1, 0, 1].map((api) => askPlan(call({ question: "count n" }, { ...once, api }))));
    for (const frames of plans) expect(textOf(frames)).toBe(counted("n"));
    expect(new Set(plans.map((frames) => sessionOf(frames).session_id)).size).toBe(1);
    expect(system.model.journal).toHaveLength(asked + 1);
  });

  test("is needed for that: without one the same question is two plans", async () => {
    const plans = await Promise.all([0, 1].map((api) => askPlan(call({ question: "count o" }, { api }))));
    expect(new Set(plans.map((frames) => sessionOf(frames).session_id)).size).toBe(2);
  });
});

describe("Last-Event-ID", () => {
  /** What a frame says, pieces of text joined: they may be cut otherwise the second time. */
  const rest = (frames: PlanFrame[]) => ({
    text: textOf(frames),
    others: frames.filter(({ event }) => event !== "text.delta").map(({ event, data }) => [event, data]),
  });

  test("goes on right behind every frame of a plan that has ended, on another replica, and begins nothing", async () => {
    system.model.script({ text: ["Let me ", "see. "], toolCalls: [{ name: "nothing", arguments: {} }] });
    system.model.script({ text: ["It is ", "done."] });
    const frames = await askPlan(call({ question: "what?" }));
    expect(theOrderOf(frames)).toEqual([
      ...["session", "plan", "text.delta", "task.started", "task.artifact", "task.finished", "text.delta", "final", "done"],
    ]);
    const asked = system.model.journal.length;
    for (const [index, { id }] of frames.entries()) {
      const again = await askPlan(call("whatever", { api: 1, headers: { "last-event-id": id } }));
      const expected = index === frames.length - 1 ? frames.slice(index) : frames.slice(index + 1);
      expect([index, rest(again)]).toEqual([index, rest(expected)]);
    }
    expect(system.model.journal).toHaveLength(asked);
  });

  test("goes on with a plan that runs, from cut to cut, with every character once", async () => {
    const text: string[] = [];
    let id = "";
    let cuts = 0;
    for (let ended = false; !ended; cuts += 1) {
      const left = new AbortController();
      const headers = id === "" ? {} : { "last-event-id": id };
      const stream = planFrames(call({ question: "count r", session_id: "cut" }, { api: cuts % 2, headers, signal: left.signal }));
      for (let pieces = 0; pieces < 3; ) {
        const { value: frame, done } = await stream.next();
        if (done === true || frame === undefined) break;
        id = frame.id;
        ended = frame.event === "done";
        if (frame.event !== "text.delta") continue;
        text.push(String(frame.data.delta));
        pieces += 1;
      }
      left.abort();
      await stream.next().catch(() => undefined);
    }
    expect(text.join("")).toBe(counted("r"));
    expect(cuts).toBeGreaterThan(1);
  });

  test("of another organization's plan is not found", async () => {
    const [first] = await askPlan(call({ question: "count s" }));
    const stranger = await system.newTenant("strangers");
    const refused = await postPlan(call({}, { apiKey: stranger.apiKey, headers: { "last-event-id": first?.id ?? "" } }));
    expect([refused.status, await refused.json()]).toMatchObject([404, { error: "not_found" }]);
  });
});

test("a worker that is killed in mid-plan: told text is taken back by a typed error, and its id goes on with what counts", async () => {
  system.model.script({ tokens: 40, breaks: { afterChunks: 15, how: "hang" } }, { tokens: 40 });
  const seen: PlanFrame[] = [];
  let killed = false;
  for await (const frame of planFrames(call({ question: "long" }))) {
    seen.push(frame);
    if (frame.event !== "text.delta" || killed) continue;
    killed = true;
    const worker = await system.workerOf(String(frame.data.session_id));
    await worker?.kill("SIGKILL");
  }
  expect(killed).toBe(true);
  expect(theOrderOf(seen)).toEqual(["session", "plan", "text.delta", "error", "done"]);
  const [error] = of(seen, "error");
  expect(error).toMatchObject({ code: "attempt_superseded", retryable: true, last_event_id: expect.any(String) });
  const headers = { "last-event-id": String(error?.last_event_id) };
  const again = await askPlan(call({}, { api: 1, headers }));
  expect(theOrderOf(again)).toEqual(["text.delta", "final", "done"]);
  expect(textOf(again)).toBe(tokenText(40));
  expect(of(again, "text.delta")[0]?.part_id).not.toBe(of(seen, "text.delta")[0]?.part_id);
});
