import type { Cursor, EventType, LogEvent } from "@parley/contracts";
import { expect, test } from "vitest";
import type { NamedStream } from "../named-stream.ts";
import { readPlanCursor, writePlanCursor } from "./plan-cursor.ts";
import { PlanTelling } from "./plan-telling.ts";

const ID = "0198a000-0000-7000-8000-000000000001";
const USAGE = { inputTokens: 1, outputTokens: 2, cachedTokens: 0, reasoningTokens: 0, modelCalls: 1, estimated: false };
const START = {
  conversationId: ID,
  messageId: ID,
  turnId: ID,
  cursor: "0-0",
  seen: "0-0" as Cursor,
  frames: 0,
  text: { step: 1, chars: 0 },
};
const fact = (cursor: string, type: EventType, data: object) =>
  ({ cursor, type, data, executionId: ID, turnId: ID }) as unknown as LogEvent;

/** The log of a plan that has ended: its pieces of text are no longer kept. */
const log = [
  fact("1-1", "turn.created", { messageId: ID, turnId: ID, options: {} }),
  fact("2-1", "turn.started", { attempt: 1 }),
  fact("2-9", "turn.completed", { result: "Hello there", usage: USAGE }),
];

async function told(at: typeof START) {
  const sent: string[] = [];
  const stream = { send: async (frame: string) => void sent.push(frame) } as unknown as NamedStream;
  const telling = new PlanTelling({ stream, at, usageSoFar: async () => USAGE });
  for (const event of log) if (!telling.isOver) await telling.tell(event);
  return sent.map((frame) => ({
    event: /^event: (.*)$/m.exec(frame)?.[1],
    data: JSON.parse(/^data: (.*)$/m.exec(frame)?.[1] ?? "null") as Record<string, unknown>,
    id: /^id: (.*)$/m.exec(frame)?.[1] ?? "",
  }));
}

test("who has a part of the text gets the rest of it, though its pieces are gone", async () => {
  const frames = await told({ ...START, seen: "2-4" as Cursor, text: { step: 1, chars: 5 } });
  expect(frames.map(({ event, data }) => [event, data.delta])).toEqual([
    ["text.delta", " there"],
    ["final", undefined],
    ["done", undefined],
  ]);
});

test("who was cut within the frames of one event gets the others of it, and whoever has all of them only the end", async () => {
  const whole = await told(START);
  expect(whole.map(({ event }) => event)).toEqual(["plan", "text.delta", "final", "done"]);
  for (const [index, { id }] of whole.entries()) {
    const rest = await told(readPlanCursor(id));
    expect(rest.map(({ event }) => event)).toEqual(
      index === whole.length - 1 ? ["done"] : whole.slice(index + 1).map(({ event }) => event),
    );
  }
});

test("an id says the same written and read, and nothing else is one", () => {
  const at = { ...START, seen: "12-34" as Cursor, frames: 2, text: { step: 3, chars: 400 } };
  expect(readPlanCursor(writePlanCursor(at))).toEqual(at);
  const id = writePlanCursor(at);
  for (const wrong of [`${id}_1`, id.slice(0, -4), id.replace("_400", "_-1"), id.replace("_400", "_4e2"), `x${id}`, ""]) {
    expect(() => readPlanCursor(wrong)).toThrow(expect.objectContaining({ code: "invalid_cursor" }));
  }
});
