import { existsSync, readFileSync } from "node:fs";

export interface Counts {
  passed: number;
  failed: number;
}

interface Report {
  success: boolean;
  numPassedTests: number;
  numFailedTests: number;
  testResults: { status: string; assertionResults: { status: string }[] }[];
}

/**
 * What the runner's own report says. A file that failed outside its tests counts as one failure, and so does a run that
 * ended badly with no failed test, or left no report that can be read.
 */
export function countsOf(reportFile: string, exitCode: number | null): Counts {
  const report = read(reportFile);
  if (report === null) return { passed: 0, failed: 1 };
  const brokenFiles = report.testResults.filter(
    ({ status, assertionResults }) => status === "failed" && !assertionResults.some((one) => one.status === "failed"),
  );
  const failed = report.numFailedTests + brokenFiles.length;
  const endedBadly = exitCode !== 0 || !report.success || report.numPassedTests === 0;
  return { passed: report.numPassedTests, failed: failed === 0 && endedBadly ? 1 : failed };
}

function read(file: string): Report | null {
  if (!existsSync(file)) return null;
  try {
    const report = JSON.parse(readFileSync(file, "utf8")) as Partial<Report>;
    const isWhole =
      typeof report.numPassedTests === "number" && typeof report.numFailedTests === "number" && Array.isArray(report.testResults);
    return isWhole ? (report as Report) : null;
  } catch {
    return null;
  }
}
