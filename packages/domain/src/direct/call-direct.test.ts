import { GatewayError, LIMITS, NO_USAGE, type Usage } from "@parley/contracts";
import { describe, expect, test } from "vitest";
import { createDirectUsageBook } from "../billing/direct-usage-book.ts";
import type { GatewayContext } from "../gateway-ports.ts";
import type { Caller } from "../identity/caller.ts";
import { movedClock, settle } from "../testing/moved-clock.ts";
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

/** Calls with models that do one thing after the other. */
function open(...scripts: Script[]) {
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
  const directUsage = createDirectUsageBook({ store, clock, log: silentLog, limits });
  const context = { clock, limits, direct, directUsage, purses: async () => null } as unknown as GatewayContext;
  const leaving = new AbortController();
  const call = (...models: string[]): Promise<DirectResult> =>
    callDirect(context, caller, { kind: "chat", route: "openai.chat", models, body: {}, requestId: "r", signal: leaving.signal });
  return { asked, records, clock, leaving, call, written: () => clock.move(100) };
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
