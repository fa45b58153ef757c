import { defineConfig } from "vitest/config";

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
          setupFiles: ["./scripts/test/nothing-left-behind.ts"],
          // They start whole processes and measure nothing: one after the other on few cores.
          fileParallelism: false,
          sequence: { groupOrder: 1 },
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
