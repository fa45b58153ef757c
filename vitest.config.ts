import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { LongestFirst } from "./scripts/test/longest-first.ts";

const LONG = "tests/**/*.long.test.ts";
/** Quick tests that look at what their whole process has open or keeps. */
const APART = [
  "packages/egress/src/**/*.test.ts",
  "packages/model/src/**/*.test.ts",
  "packages/contracts/src/check-tool-arguments.test.ts",
];

export default defineConfig({
  test: {
    globalSetup: ["./scripts/test/global-setup.ts"],
    setupFiles: ["./scripts/test/nothing-left-behind.ts"],
    pool: "forks",
    // Files share a few processes, each of which loads the house once: that saves 0.35 s of processor time for each quick file, and 1 s for each
    // that opens a world. That a file closes what it opens is checked after it.
    isolate: false,
    // One file more than there are cores: many wait for leases and slow models, but the whole needs all of two cores for ten minutes, and
    // with more at once each only waits for the others.
    maxWorkers: Math.min(availableParallelism() + 1, 8),
    sequence: { sequencer: LongestFirst },
    teardownTimeout: 20_000,
    // Bounds that only a hang reaches, though a busy machine runs several files at once: what is waited for is a condition, and comes when it comes.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 20_000 } },
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["packages/*/src/**/*.test.ts", "apps/*/src/**/*.test.ts", "bench/src/**/*.test.ts", "docs/**/*.test.ts"],
          exclude: APART,
        },
      },
      {
        extends: true,
        test: { name: "apart", include: APART, isolate: true },
      },
      {
        extends: true,
        test: {
          name: "system",
          include: ["tests/**/*.test.ts"],
          exclude: [LONG],
          // Whole systems start and stop in these.
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          // The same promises over many more trials: `npm run test:long`.
          name: "long",
          include: [LONG],
          isolate: true,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
          testTimeout: 1_800_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
