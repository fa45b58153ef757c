import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ACTIVITY_TYPES, activityRow } from "@parley/contracts";
import { expect, test } from "vitest";

const page = readFileSync(join(import.meta.dirname, "..", "..", "docs", "events.md"), "utf8");

test("the page shows every event of the vocabulary as the table has it", () => {
  const shown = page
    .split("\n")
    .filter((line) => /^\| `\w+:\w+` \|/.test(line))
    .map((line) => line.split("|").map((cell) => cell.trim()))
    .map(([, event = "", part, told, seenBy, content = "", when = ""]) => ({
      ...{ event: event.replaceAll("`", ""), part, seenBy },
      content: content.replaceAll("`", "").split(" ").filter(Boolean),
      ...{ isTold: told === "yes", isExplained: when !== "" },
    }));
  const expected = ACTIVITY_TYPES.map((type) => {
    const { part, emitted, seenBy, content = [] } = activityRow(type);
    return { event: type, part, seenBy, content: [...content], isTold: emitted, isExplained: emitted };
  });
  expect(shown).toEqual(expected);
});
