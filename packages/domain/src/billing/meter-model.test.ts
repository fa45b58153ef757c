import { expect, it } from "vitest";
import type { ModelChunk } from "../model/model.ts";
import { type MeterReading, meterModel } from "./meter-model.ts";

const finish: ModelChunk = { type: "finish", reason: "stop", toolCalls: [], usage: null };

interface Hearing {
  onText?: (text: string) => void | Promise<void>;
  signal?: AbortSignal;
}

/** One call of a model that says these things, heard by somebody who may stop hearing. */
async function metered(chunks: ModelChunk[], { onText = () => undefined, signal = new AbortController().signal }: Hearing = {}) {
  const readings: MeterReading[] = [];
  const model = {
    async *stream() {
      signal.throwIfAborted();
      yield* chunks;
    },
    embed: () => Promise.reject(new Error("not asked for")),
  };
  const request = { model: "a/b", messages: [{ role: "user" as const, content: "12345678" }], signal };
  await meterModel(model)(request, { onText, meter: (reading) => void readings.push(reading) }).catch(() => undefined);
  expect(readings).toHaveLength(1);
  return readings[0];
}

it("a call whose caller leaves before anything came may have used its prompt; one that was refused has used nothing", async () => {
  expect(await metered([], { signal: AbortSignal.abort() })).toMatchObject({
    inputTokens: 2,
    outputTokens: 0,
    modelCalls: 1,
    estimated: true,
  });
  const refused = meterModel({
    async *stream() {
      throw new Error("refused");
    },
    embed: () => Promise.reject(new Error("not asked for")),
  });
  const readings: MeterReading[] = [];
  const request = { model: "a/b", messages: [], signal: new AbortController().signal };
  await refused(request, { onText: () => undefined, meter: (one) => void readings.push(one) }).catch(() => undefined);
  expect(readings).toMatchObject([{ modelCalls: 0, outputTokens: 0 }]);
});

it("what could not be passed on is not estimated as heard", async () => {
  const texts = ["12345678", "x".repeat(400)];
  const onText = (text: string) => (text === texts[0] ? Promise.resolve() : Promise.reject(new Error("no money")));
  expect(
    await metered(
      texts.map((text) => ({ type: "text", text })),
      { onText },
    ),
  ).toMatchObject({ outputTokens: 2, estimated: true });
});

it("a call's letters are counted once, as they come or as they stand in the end", async () => {
  const call = { id: "c", name: "tell", arguments: "x".repeat(36) };
  const whole = { ...finish, toolCalls: [call] };
  expect(await metered([whole])).toMatchObject({ outputTokens: 10 });
  expect(await metered([{ type: "call", text: "x".repeat(40) }, whole])).toMatchObject({ outputTokens: 10 });
  expect(await metered([{ type: "call", text: "x".repeat(80) }, whole])).toMatchObject({ outputTokens: 20 });
});
