import { defineConfig } from "tsdown";

/** One file of code and one of types. What the client stands on is taken in, so that it depends on nothing. */
export default defineConfig({
  entry: ["src/index.ts"],
  format: "esm",
  platform: "neutral",
  target: "es2022",
  dts: true,
  fixedExtension: false,
  // Anything else that finds its way in, the server's code above all, fails the build.
  deps: { onlyBundle: ["@trpc/client", "@trpc/server"] },
});
