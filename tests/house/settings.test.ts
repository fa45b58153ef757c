import { readFileSync } from "node:fs";
import { join } from "node:path";
import { settingNames as apiSettings } from "@parley/api/config";
import { BOUNDS, type LimitName, settingOf } from "@parley/contracts";
import { settingNames as workerSettings } from "@parley/worker/config";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "..", "..");
const page = (path: string): string => readFileSync(join(root, path), "utf8");

/** The cells of every table row that begins with a variable. */
const rowsOf = (text: string): string[][] =>
  text
    .split("\n")
    .filter((line) => /^\| `[A-Z]/.test(line))
    .map((line) => line.split("|").map((cell) => cell.trim()));

const namesIn = (cell = ""): string[] => [...cell.matchAll(/`([A-Z][A-Z0-9_]+)`/g)].map(([, name]) => name ?? "");

const readme = rowsOf(page("README.md"));
const limits = rowsOf(page("docs/settings.md"));
const identity = ["docs/identity.md", "docs/configuration.md", "docs/did.md"].flatMap((path) => rowsOf(page(path)));
/** Read by the scripts that start and test, not by an app. */
const OF_SCRIPTS = ["PARLEY_NO_SYSTEM_INSTALL"];

test("every variable that api or worker reads has its line in the documents, and every line is of one that is read", () => {
  const documented = [
    ...readme.flatMap((cells) => [...namesIn(cells[1]), ...namesIn(cells[4])]),
    ...[...limits, ...identity].flatMap((cells) => namesIn(cells[1])),
  ];
  const read = new Set([...apiSettings, ...workerSettings, ...OF_SCRIPTS]);
  expect([...new Set(documented)].sort()).toEqual([...read].sort());
});

test("every limit is documented with its standard value, its ceiling, and what is seen when it is reached", () => {
  const expected = (Object.keys(BOUNDS) as LimitName[]).map((name) => [
    settingOf(name),
    `${BOUNDS[name].standard}`,
    `${BOUNDS[name].ceiling}`,
  ]);
  const shown = limits.map(([, name = "", ...cells]) => [...namesIn(name), ...cells.slice(0, 2)]);
  expect(shown.sort()).toEqual(expected.sort());
  for (const [, , , , of, what, seen] of limits) {
    expect(["api", "worker", "both"]).toContain(of);
    expect([what, seen]).not.toContain("");
  }
});
