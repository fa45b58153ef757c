import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { countsOf } from "../../scripts/test/counts.ts";

const folder = mkdtempSync(join(tmpdir(), "parley-counts-"));
afterAll(() => rmSync(folder, { recursive: true }));

const file = (status: string, ...tests: string[]) => ({ status, assertionResults: tests.map((one) => ({ status: one })) });

function counted(report: unknown, exitCode: number | null) {
  const path = join(folder, "report.json");
  writeFileSync(path, typeof report === "string" ? report : JSON.stringify(report));
  return countsOf(path, exitCode);
}

test("a good run counts what its report counts", () => {
  const report = { success: true, numPassedTests: 7, numFailedTests: 0, testResults: [file("passed", "passed")] };
  expect(counted(report, 0)).toEqual({ passed: 7, failed: 0 });
});

test("failed tests are counted once, though their file failed too", () => {
  const report = { success: false, numPassedTests: 1, numFailedTests: 2, testResults: [file("failed", "passed", "failed", "failed")] };
  expect(counted(report, 1)).toEqual({ passed: 1, failed: 2 });
});

test("a file that failed outside its tests is a failure", () => {
  const report = { success: false, numPassedTests: 1, numFailedTests: 0, testResults: [file("failed"), file("failed", "passed")] };
  expect(counted(report, 1)).toEqual({ passed: 1, failed: 2 });
});

test("a run that ended in an error is a failure, whatever its report says", () => {
  const report = { success: true, numPassedTests: 3, numFailedTests: 0, testResults: [file("passed", "passed")] };
  expect(counted(report, 1)).toEqual({ passed: 3, failed: 1 });
  expect(counted(report, null)).toEqual({ passed: 3, failed: 1 });
  expect(counted({ ...report, success: false }, 0)).toEqual({ passed: 3, failed: 1 });
});

test("no report, half a report and a run without a test are failures", () => {
  expect(countsOf(join(folder, "none.json"), 0)).toEqual({ passed: 0, failed: 1 });
  expect(counted('{"numPassedTests": 3', 0)).toEqual({ passed: 0, failed: 1 });
  expect(counted({ numPassedTests: 3 }, 0)).toEqual({ passed: 0, failed: 1 });
  expect(counted({ success: true, numPassedTests: 0, numFailedTests: 0, testResults: [] }, 0)).toEqual({ passed: 0, failed: 1 });
});
