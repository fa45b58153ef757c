import { join, relative } from "node:path";
import type { TestSpecification } from "vitest/node";
import { BaseSequencer } from "vitest/node";

/** Where the files stand that take ten seconds and more, longest first. A file that is missing here costs time and nothing else. */
const LONGEST = [
  "tests/system/outages/",
  "tests/chaos/",
  "tests/house/start/",
  "tests/system/kill.test.ts",
  "tests/engine/fairness.test.ts",
  "tests/payments/",
  "tests/billing/lost.test.ts",
  "tests/engine/commands.test.ts",
  "tests/system/",
  "tests/engine/takeover.test.ts",
  "tests/engine/follow.test.ts",
  "docs/protocol/",
  "tests/engine/",
  "tests/house/",
];

/** A long file that begins last is waited for alone. What is measured decides in the end, but a bare checkout has measured nothing. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((one, other) => placeOf(one) - placeOf(other));
  }
}

const root = join(import.meta.dirname, "..", "..");

function placeOf({ moduleId }: TestSpecification): number {
  const path = relative(root, moduleId).replaceAll("\\", "/");
  const place = LONGEST.findIndex((start) => path.startsWith(start));
  return place === -1 ? LONGEST.length : place;
}
