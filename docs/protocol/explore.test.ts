import { describe, expect, test } from "vitest";
import { COMES_TO_REST, explore, type Model } from "./explore.ts";

type Jump = { by: number };

/** A frog on stones 0 to 9 that jumps as told, and rests where it may. */
function frog(jumps: Record<number, number[]>, rests: number[], more: Partial<Model<number, Jump>> = {}): Model<number, Jump> {
  return {
    initial: 0,
    steps: (stone) => (jumps[stone] ?? []).map((by) => ({ action: { by }, to: stone + by, isProgress: true })),
    keyOf: String,
    invariants: {},
    laws: {},
    isRest: (stone) => rests.includes(stone),
    describe: ({ by }) => `jumps by ${by}`,
    ...more,
  };
}

describe("the explorer", () => {
  test("visits every state that can be reached, once", () => {
    const seen: number[] = [];
    const model = frog({ 0: [1, 2], 1: [1, 2], 2: [1], 7: [1] }, [3], {
      invariants: { seen: (stone) => seen.push(stone) > 0 },
    });
    expect(explore(model)).toEqual({ states: 4, steps: 5, depth: 2, counterexample: null });
    expect(seen.toSorted()).toEqual([0, 1, 2, 3]);
  });

  test("reports the shortest way to a state that must not be", () => {
    const model = frog({ 0: [1, 3], 1: [1], 2: [1], 3: [1] }, [4], { invariants: { "never on 3": (stone) => stone !== 3 } });
    expect(explore(model).counterexample).toEqual({ broken: "never on 3", trace: ["jumps by 3"] });
  });

  test("reports a step that must not be, also one back to a known state", () => {
    const model = frog({ 0: [1], 1: [-1] }, [0], { laws: { forward: (_, { action }) => action.by > 0 } });
    expect(explore(model).counterexample).toEqual({ broken: "forward", trace: ["jumps by 1", "jumps by -1"] });
  });

  test("reports the dead end from which there is no way to rest, not the state in which it became unavoidable", () => {
    const model = frog({ 0: [1, 2], 2: [1], 3: [1] }, [1]);
    expect(explore(model).counterexample).toEqual({ broken: COMES_TO_REST, trace: ["jumps by 2", "jumps by 1", "jumps by 1"] });
  });

  test("reports a circle that never leads to rest", () => {
    const model = frog({ 0: [1, 2], 2: [1], 3: [-1] }, [1]);
    expect(explore(model).counterexample).toEqual({ broken: COMES_TO_REST, trace: ["jumps by 2"] });
  });

  test("does not count on anything but progress to come to rest", () => {
    const model = frog({}, [1], { steps: (stone) => (stone === 0 ? [{ action: { by: 1 }, to: 1, isProgress: false }] : []) });
    expect(explore(model).counterexample).toEqual({ broken: COMES_TO_REST, trace: [] });
  });
});
