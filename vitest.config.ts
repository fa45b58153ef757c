import { defineConfig } from "vitest/config";

const LONG = "tests/**/*.long.test.ts";

export default defineConfig({
  test: {
    globalSetup: ["./scripts/test/global-setup.ts"],
    // A process per file: what one leaves behind cannot reach the next, and ends with it.
    pool: "forks",
    teardownTimeout: 20_000,
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["packages/*/src/**/*.test.ts", "apps/*/src/**/*.test.ts", "bench/src/**/*.test.ts", "docs/**/*.test.ts"],
          setupFiles: ["./scripts/test/nothing-left-behind.ts"],
        },
      },
      {
        extends: true,
        test: {
          name: "system",
          include: ["tests/**/*.test.ts"],
          exclude: [LONG],
          setupFiles: ["./scripts/test/nothing-left-behind.ts"],
          // They start whole processes and measure nothing: one after the other on few cores.
          fileParallelism: false,
          sequence: { groupOrder: 1 },
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          // The same promises over many more trials: `npm run test:long`.
          name: "long",
          include: [LONG],
          setupFiles: ["./scripts/test/nothing-left-behind.ts"],
          fileParallelism: false,
          sequence: { groupOrder: 2 },
          testTimeout: 1_800_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
