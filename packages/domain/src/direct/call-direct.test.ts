import { GatewayError, LIMITS, NO_USAGE, type Usage } from "@parley/contracts";
import { describe, expect, test } from "vitest";
import { createDirectUsageBook } from "../billing/direct-usage-book.ts";
import type { Purse } from "../billing/purse.ts";
import type { GatewayContext } from "../gateway-ports.ts";
import type { Caller } from "../identity/caller.ts";
import { movedClock, settle } from "../testing/moved-clock.ts";
import { noNotes } from "../testing/no-notes.ts";
import { silentLog } from "../testing/silent-log.ts";
import { callDirect, type DirectResult } from "./call-direct.ts";
import type { DirectCallRecord } from "./direct-call-store.ts";
import type { DirectAnswer, DirectRequest, StreamEvent } from "./direct-models.ts";

const USED: Usage = { ...NO_USAGE, inputTokens: 3, outputTokens: 4, modelCalls: 1 };
const caller: Caller = { organizationId: "o", principalId: "p", scopes: new Set(), agentIds: null };

type Script = (request: DirectRequest) => DirectAnswer;
const fails =
  (code: "model_unavailable" | "model_busy" | "model_rejected" | "model_refused", retryAfterSeconds?: number): Script =>
  () => {
    throw new GatewayError(code, retryAfterSeconds === undefined ? {} : { retryAfterSeconds });
  };
const whole: Script = () => ({ kind: "json", text: "{}", value: {}, usage: () => USED });
const streams =
  (events: StreamEvent[][], failure?: Error): Script =>
  () => ({
    kind: "events",
    usage: () => USED,
    events: (async function* () {
      yield* events;
      if (failure) throw failure;
    })(),
  });
const event = (data: string): StreamEvent => ({ data, value: {} });

/** Calls with models that do one thing after the other. `purse`: whose money pays for them first. */
function open(...scripts: Script[]) {
  return openWith(null, ...scripts);
}

function openWith(purse: Purse | null, ...scripts: Script[]) {
  const clock = movedClock();
  const asked: string[] = [];
  const records: DirectCallRecord[] = [];
  const limits = { ...LIMITS, directRetriesMax: 1, directRetryWaitMs: 2_000 };
  const store = { append: async (some: DirectCallRecord[]) => void records.push(...some) };
  const direct: GatewayContext["direct"] = {
    knows: () => true,
    list: async () => [],
    promptUsage: () => ({ ...NO_USAGE, inputTokens: 2, estimated: true }),
    async call(request) {
      asked.push(request.model);
      const script = scripts.shift();
      if (script === undefined) throw new Error("One call too many.");
      return script(request);
    },
  };
  const directUsage = createDirectUsageBook({ store, clock, log: silentLog, limits, notes: noNotes });
  const context = { clock, limits, direct, directUsage, purses: async () => purse } as unknown as GatewayContext;
  const leaving = new AbortController();
  const callWith = (body: Record<string, unknown>, ...models: string[]): Promise<DirectResult> =>
    callDirect(context, caller, { kind: "chat", route: "openai.chat", models, body, requestId: "r", signal: leaving.signal });
  const call = (...models: string[]): Promise<DirectResult> => callWith({}, ...models);
  const callSold = (outputTokensMax: number, ...models: string[]): Promise<DirectResult> =>
    callDirect(context, caller, { kind: "chat", route: "r", models, body: {}, outputTokensMax, requestId: "r", signal: leaving.signal });
  return { asked, records, clock, leaving, call, callWith, callSold, written: () => clock.move(100) };
}

const read = async (result: DirectResult): Promise<string[]> => {
  const texts: string[] = [];
  if (result.kind === "events") for await (const events of result.events) texts.push(...events.map(({ data }) => data));
  return texts;
};

describe("models are tried in their order", () => {
  test("each again where that may help, the next one then, and the call is one record", async () => {
    const { call, asked, records, written, clock } = open(
      fails("model_unavailable"),
      fails("model_unavailable"),
      fails("model_rejected"),
      whole,
    );
    const calling = call("a", "b", "c");
    await clock.move(2_000);
    expect(await calling).toMatchObject({ model: "c" });
    expect(asked).toEqual(["a", "a", "b", "c"]);
    await written();
    expect(records).toMatchObject([{ model: "c", tries: 4, outcome: "answered", ...USED }]);
  });

  test("who leaves between two tries has used nothing, and who leaves within one what its prompt is", async () => {
    const between = open(fails("model_busy", 2));
    const calling = between.call("a");
    await between.clock.move(100);
    between.leaving.abort(new Error("left"));
    await expect(calling).rejects.toThrow();
    await between.written();
    expect(between.records).toMatchObject([{ outcome: "cancelled", inputTokens: 0 }]);
    const within = open(() => {
      within.leaving.abort(new Error("left"));
      throw new GatewayError("model_unavailable");
    });
    await expect(within.call("a")).rejects.toThrow();
    await within.written();
    expect(within.records).toMatchObject([{ outcome: "cancelled", inputTokens: 2, estimated: true }]);
  });

  test("a request that is wrong in itself is not tried elsewhere", async () => {
    const { call, asked } = open(fails("model_refused"));
    await expect(call("a", "b")).rejects.toMatchObject({ code: "model_refused" });
    expect(asked).toEqual(["a"]);
  });

  test("a short Retry-After is waited for, a long one is passed on", async () => {
    const short = open(fails("model_busy", 2), whole);
    const calling = short.call("a");
    await short.clock.move(1_900);
    expect(short.asked).toHaveLength(1);
    await short.clock.move(200);
    await calling;
    expect(short.asked).toHaveLength(2);
    const long = open(fails("model_busy", 3));
    await expect(long.call("a")).rejects.toMatchObject({ code: "model_busy", retryAfterSeconds: 3 });
  });

  test("of several failures the caller is told the one after which it may try again", async () => {
    const { call } = open(fails("model_busy", 9), fails("model_rejected"));
    await expect(call("a", "b")).rejects.toMatchObject({ code: "model_busy", retryAfterSeconds: 9 });
  });

  test("what fails before its first event is tried again; behind it, never", async () => {
    const early = open(streams([], new GatewayError("model_unavailable")), streams([[event("x")]]));
    const calling = early.call("a");
    await early.clock.move(1_000);
    expect(await read(await calling)).toEqual(["x"]);
    const late = open(streams([[event("x")]], new GatewayError("model_unavailable")), whole);
    await expect(read(await late.call("a", "b"))).rejects.toMatchObject({ code: "model_unavailable" });
    expect(late.asked).toEqual(["a"]);
    await late.written();
    expect(late.records).toMatchObject([{ outcome: "cut", ...USED }]);
  });
});

describe("a caller who leaves", () => {
  test("in the middle of a stream, or before reading any of it, has cancelled it", async () => {
    for (const reads of [true, false]) {
      const { call, leaving, records, written } = open(streams([[event("x")], [event("y")]]));
      const result = await call("a");
      if (reads && result.kind === "events") for await (const _ of result.events) break;
      leaving.abort();
      await settle();
      await written();
      expect(records).toMatchObject([{ outcome: "cancelled", ...USED }]);
    }
  });

  test("before anything was answered has used the prompt, by our estimate", async () => {
    const { call, leaving, records, written } = open(({ signal }) => {
      leaving.abort(new Error("left"));
      throw signal.reason;
    });
    await expect(call("a")).rejects.toThrow("left");
    await written();
    expect(records).toMatchObject([{ outcome: "cancelled", inputTokens: 2, outputTokens: 0, estimated: true }]);
  });
});

describe("who pays first", () => {
  /** Money for so many tokens of an answer, and for so much sound. */
  function moneyFor({ tokens, soundMs = 0, tokensMax = null }: { tokens: number; soundMs?: number; tokensMax?: number | null }) {
    const settled: (number | null)[] = [];
    const check = (isEnough: boolean): void => {
      if (!isEnough) throw new GatewayError("budget_exhausted");
    };
    const begun: Parameters<Purse["begin"]>[0][] = [];
    const purse: Purse = {
      spend: async () => undefined,
      async begin(asked) {
        begun.push(asked);
        return {
          tokensMax,
          isCovered: (count) => count <= tokens,
          cover: async (count) => check(count <= tokens),
          coverSound: async (ms) => check(ms <= soundMs),
          settle: (used) => void settled.push(used?.outputTokens ?? null),
        };
      },
    };
    return { purse, settled, begun };
  }
  const estimated = (outputTokens: () => number) => () => ({ ...USED, outputTokens: outputTokens(), estimated: true });

  test("is told no more than is held for, also of a script with a token for each sign, where a provider counts nothing on the way", async () => {
    let told = 0;
    const events = async function* () {
      for (; told < 100; told += 1) yield [event("\u597d")];
    };
    const signs: Script = () => ({ kind: "events", usage: estimated(() => Math.ceil(told / 4)), events: events() });
    const result = await openWith(moneyFor({ tokens: 10 }).purse, signs).callWith({ stream: true }, "a");
    const heard: string[] = [];
    await expect(
      (async () => {
        if (result.kind === "events") for await (const piece of result.events) heard.push(...piece.map(({ data }) => data));
      })(),
    ).rejects.toMatchObject({ code: "budget_exhausted" });
    expect(heard).toHaveLength(10);
  });

  test("is spoken to no longer than is held for", async () => {
    let soundMs = 0;
    const bytes = async function* () {
      for (; soundMs < 90; ) {
        soundMs += 10;
        yield new Uint8Array(1);
      }
    };
    const speaks: Script = () => ({
      kind: "bytes",
      contentType: "audio/wav",
      usage: () => ({ ...USED, audioMs: soundMs }),
      bytes: bytes(),
    });
    const result = await openWith(moneyFor({ tokens: 9, soundMs: 30 }).purse, speaks).call("a");
    let pieces = 0;
    await expect(
      (async () => {
        if (result.kind === "bytes") for await (const _ of result.bytes) pieces += 1;
      })(),
    ).rejects.toMatchObject({ code: "budget_exhausted" });
    expect([pieces, soundMs]).toEqual([3, 40]);
  });

  test("has for the next model what the one before has left, and pays each by its name", async () => {
    const { purse, settled } = moneyFor({ tokens: 100 });
    const { call, clock, records, written } = openWith(purse, streams([[event("x")]], new GatewayError("model_rejected")), whole);
    const calling = call("a", "b");
    await clock.move(1_000);
    expect(await calling).toMatchObject({ model: "b" });
    expect(settled).toEqual([USED.outputTokens]);
    await written();
    expect(records.map(({ model, outcome }) => [model, outcome])).toEqual([
      ["a", "cut"],
      ["b", "answered"],
    ]);
  });

  test.each([
    ["a stream", { stream: true, max_tokens: 7 }, { answer: { tokensMax: 7, choices: 1, isUnseen: false } }],
    ["thought", { stream: true, reasoning_effort: "high" }, { answer: { tokensMax: null, choices: 1, isUnseen: true } }],
    ["sound", { modalities: ["text", "audio"], n: 2 }, { answer: { tokensMax: null, choices: 2, isUnseen: true } }],
    ["a bounded answer in several choices", { max_completion_tokens: 7, n: 3 }, { firmOutputTokens: 21 }],
    ["an answer with two bounds", { max_completion_tokens: 1, max_tokens: 70 }, { firmOutputTokens: 70 }],
    ["a bound that bounds nothing", { max_tokens: -1 }, { answer: { tokensMax: null } }],
    ["a bound of nothing", { max_tokens: 0 }, { answer: { tokensMax: null } }],
    ["choices without number", { stream: true, n: 9_000_000_000_000_000 }, { answer: { choices: 1_000 } }],
  ])("is held for by what is asked of %s, and the provider told where that is a bound", async (_what, body, asked) => {
    const { purse, begun } = moneyFor({ tokens: 100, tokensMax: 50 });
    const seen: DirectRequest[] = [];
    const { callWith } = openWith(purse, (request) => {
      seen.push(request);
      return whole(request);
    });
    await callWith(body, "a");
    expect(begun).toMatchObject([asked]);
    expect(seen).toMatchObject([{ outputTokensMax: 50 }]);
  });

  test("is held for up to the bound that its seller has set, which the provider is told in its own word", async () => {
    const { purse, begun } = moneyFor({ tokens: 100 });
    const seen: DirectRequest[] = [];
    const { callSold } = openWith(purse, (request) => {
      seen.push(request);
      return whole(request);
    });
    await callSold(9, "a");
    expect(begun).toMatchObject([{ firmOutputTokens: 9 }]);
    expect(seen).toMatchObject([{ outputTokensMax: 9 }]);
  });
});
