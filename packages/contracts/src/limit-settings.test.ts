import { expect, test } from "vitest";
import { limitSettings, limitsFrom, settingOf } from "./limit-settings.ts";
import { BOUNDS, LIMITS, type LimitName } from "./limits.ts";

const names = Object.keys(BOUNDS) as LimitName[];

test("every bound has a variable named after it, and its standard holds where nothing is set", () => {
  expect(Object.keys(limitSettings.shape)).toEqual(names.map(settingOf));
  expect(settingOf("queueMax")).toBe("LIMIT_QUEUE_MAX");
  expect(settingOf("wakesInARowMax")).toBe("LIMIT_WAKES_IN_A_ROW_MAX");
  expect(limitsFrom(limitSettings.parse({}))).toEqual(LIMITS);
});

test.each(names)("%s may be set from its floor to its ceiling, and is refused beyond them", (name) => {
  const { standard, floor, ceiling } = BOUNDS[name];
  const limitOf = (value: unknown) => limitsFrom(limitSettings.parse({ [settingOf(name)]: String(value) }))[name];
  expect([limitOf(floor), limitOf(standard), limitOf(ceiling)]).toEqual([floor, standard, ceiling]);
  for (const wrong of [floor - 1, ceiling + 1, "many", floor + 0.5]) {
    expect(() => limitOf(wrong)).toThrow(settingOf(name));
  }
});
