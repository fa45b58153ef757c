import { describe, expect, it } from "vitest";
import { UsageSheet } from "./usage-sheet.ts";

const reading = (inputTokens: number, more: object = {}) => ({
  model: "m",
  inputTokens,
  outputTokens: 1,
  cachedTokens: 0,
  reasoningTokens: 0,
  modelCalls: 1,
  estimated: false,
  ...more,
});

describe("UsageSheet", () => {
  it("makes one line per try, under the turn and its attempt, and sums by execution", () => {
    const sheet = new UsageSheet("t", 2);
    sheet.add({ executionId: "root", step: 1, try: 0 }, reading(10, { estimated: true }));
    sheet.add({ executionId: "root", step: 1, try: 1 }, reading(20));
    sheet.add({ executionId: "child", step: 1, try: 0 }, reading(5));
    expect(
      sheet.unsaved().map(({ turnId, attempt, executionId, step, try: tryNumber }) => [turnId, attempt, executionId, step, tryNumber]),
    ).toEqual([
      ["t", 2, "root", 1, 0],
      ["t", 2, "root", 1, 1],
      ["t", 2, "child", 1, 0],
    ]);
    expect(sheet.of("root")).toMatchObject({ inputTokens: 30, outputTokens: 2, modelCalls: 2, estimated: true });
    expect(sheet.of("child")).toMatchObject({ inputTokens: 5, estimated: false });
    expect(sheet.of("nobody")).toMatchObject({ inputTokens: 0, modelCalls: 0 });
  });

  it("leaves no line for a call that used nothing", () => {
    const sheet = new UsageSheet("t", 1);
    sheet.add({ executionId: "root", step: 1, try: 0 }, reading(0, { modelCalls: 0 }));
    expect(sheet.unsaved()).toEqual([]);
  });

  it("counts a journalled step for the answer without a second line", () => {
    const sheet = new UsageSheet("t", 2);
    sheet.count("root", reading(7));
    expect(sheet.of("root").inputTokens).toBe(7);
    expect(sheet.unsaved()).toEqual([]);
  });

  it("keeps a line until a write has taken it along, and those that came in between", () => {
    const sheet = new UsageSheet("t", 1);
    sheet.add({ executionId: "root", step: 1, try: 0 }, reading(1));
    const taken = sheet.unsaved();
    sheet.add({ executionId: "root", step: 2, try: 0 }, reading(2));
    expect(sheet.unsaved()).toHaveLength(2);
    sheet.saved(taken);
    expect(sheet.unsaved().map((line) => line.step)).toEqual([2]);
  });

  it("notes what a lost process would take along: lines that are not written, and calls under way as far as they are", () => {
    const sheet = new UsageSheet("t", 3);
    const place = { executionId: "root", step: 2, try: 0 };
    let outputTokens = 0;
    sheet.open(place, () => reading(9, { outputTokens, estimated: true }));
    expect(sheet.standing()).toMatchObject([{ ...place, attempt: 3, inputTokens: 9, outputTokens: 0, estimated: true }]);
    outputTokens = 5;
    expect(sheet.standing()).toMatchObject([{ outputTokens: 5 }]);
    sheet.add(place, reading(10));
    expect(sheet.standing()).toMatchObject([{ inputTokens: 10, estimated: false }]);
    sheet.saved(sheet.unsaved());
    expect(sheet.standing()).toEqual([]);
  });

  it("forgets a call under way that turned out to have used nothing", () => {
    const sheet = new UsageSheet("t", 1);
    const place = { executionId: "root", step: 1, try: 0 };
    sheet.open(place, () => reading(9, { estimated: true }));
    sheet.add(place, reading(0, { modelCalls: 0 }));
    expect(sheet.standing()).toEqual([]);
  });
});
