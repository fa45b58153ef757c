import { GatewayError, LIMITS, type NewEvent, type Usage } from "@parley/contracts";
import { describe, expect, it } from "vitest";
import { meterModel } from "../billing/meter-model.ts";
import type { Model, ModelChunk } from "../model/model.ts";
import { movedClock } from "../testing/moved-clock.ts";
import { callModel } from "./call-model.ts";
import { TurnAbort } from "./turn-abort.ts";

const usage: Usage = { inputTokens: 1, outputTokens: 1, cachedTokens: 0, reasoningTokens: 0, modelCalls: 1, estimated: false };
const finish: ModelChunk = { type: "finish", reason: "stop", toolCalls: [], usage };
const said = (text: string): (ModelChunk | Error)[] => [{ type: "text", text }, finish];
const unavailable = (retryAfterSeconds?: number) =>
  new GatewayError("model_unavailable", retryAfterSeconds === undefined ? {} : { retryAfterSeconds });
const rejected = new GatewayError("model_rejected");

/** A call under a moved clock to models that answer as scripted, one entry per try. */
function calling(
  script: (ModelChunk | Error)[][],
  { models = ["one"], random = () => 1 }: { models?: string[]; random?: () => number } = {},
) {
  const clock = movedClock();
  const asked: { model: string; atMs: number }[] = [];
  const model: Model = {
    async *stream(request) {
      asked.push({ model: request.model, atMs: clock.monotonicMs() });
      for (const part of script[asked.length - 1] ?? [new Error("not scripted")]) {
        request.signal.throwIfAborted();
        if (part instanceof Error) throw part;
        yield part;
      }
    },
    embed: () => Promise.reject(new Error("not asked for")),
  };
  const stop = new AbortController();
  const retracted: NewEvent[][] = [];
  const tries: number[] = [];
  const opened: [number, number][] = [];
  let text = "";
  const result = callModel(
    { request: { messages: [{ role: "user", content: "hello" }] }, models, signal: stop.signal, executionId: "e", turnId: "t" },
    {
      model: meterModel(model),
      clock,
      retriesMax: LIMITS.modelRetriesMax,
      ensureFresh: async () => stop.signal.throwIfAborted(),
      onText: (piece) => {
        text += piece;
      },
      retract: async (events) => {
        retracted.push(events);
        text = "";
      },
      onCall: (soFar, tryNumber) => void opened.push([tryNumber, soFar().inputTokens]),
      meter: (_, tryNumber) => void tries.push(tryNumber),
      random,
    },
  );
  // Looked at in the end; until then nobody may listen.
  result.catch(() => undefined);
  return { clock, asked, retracted, tries, opened, stop, result, text: () => text };
}

describe("callModel", () => {
  it("hands on the text as it comes and answers with the model that gave it", async () => {
    const { result, text, tries, opened } = calling([said("hello")]);
    expect(await result).toMatchObject({ text: "hello", model: "one", finishReason: "stop" });
    expect([text(), tries, opened]).toEqual(["hello", [0], [[0, 2]]]);
  });

  it("retracts what a broken response had said before it asks again, and meters every try", async () => {
    const { clock, result, retracted, tries, text } = calling([[{ type: "text", text: "half" }, unavailable()], said("whole")]);
    await clock.move(10_000);
    expect(await result).toMatchObject({ text: "whole" });
    expect(text()).toBe("whole");
    expect(retracted).toMatchObject([
      [{ type: "model.retried", executionId: "e", turnId: "t", data: { model: "one", retry: 1, error: "model_unavailable" } }],
    ]);
    expect(tries).toEqual([0, 1]);
  });

  it("waits longer each time, with jitter, never less than it was asked to and never more than its bound", async () => {
    const { clock, asked, result } = calling([[unavailable()], [unavailable(2)], [unavailable(3_600)], said("x")], { random: () => 0.5 });
    await clock.move(60_000);
    await result;
    const waits = asked.slice(1).map(({ atMs }, index) => atMs - (asked[index]?.atMs ?? 0));
    expect(waits).toEqual([150, 2_000, 8_000]);
  });

  it("asks each model only so often, then the next one, and fails with the last reason", async () => {
    const tries = LIMITS.modelRetriesMax + 1;
    const { clock, asked, retracted, result } = calling(Array(2 * tries).fill([unavailable()]), { models: ["one", "two"] });
    await clock.move(120_000);
    await expect(result).rejects.toMatchObject({ reason: "model_unavailable" });
    expect(asked.map(({ model }) => model)).toEqual([...Array(tries).fill("one"), ...Array(tries).fill("two")]);
    expect(retracted.flat().filter((event) => event.type === "model.fell_back")).toMatchObject([{ data: { from: "one", to: "two" } }]);
  });

  it("does not repeat what was refused, but may ask another model", async () => {
    const { result, asked } = calling([[rejected], said("two")], { models: ["one", "two"] });
    expect(await result).toMatchObject({ model: "two" });
    expect(asked).toHaveLength(2);
    await expect(calling([[rejected]]).result).rejects.toMatchObject({ reason: "model_rejected" });
  });

  it("ends at once when the turn does, also while it waits, and blames no model for it", async () => {
    const { clock, stop, asked, result } = calling([[unavailable(8)]]);
    await clock.move(1_000);
    stop.abort(new TurnAbort("user_stop"));
    await expect(result).rejects.toMatchObject({ reason: "user_stop" });
    expect(asked).toHaveLength(1);
  });

  it("does not take a fault of ours for the model's", async () => {
    const { result, asked } = calling([[new TypeError("ours")]], { models: ["one", "two"] });
    await expect(result).rejects.toThrow("ours");
    expect(asked).toHaveLength(1);
  });
});
