import { test } from "vitest";
import { checkCommands } from "./commands/check-commands.ts";

/** What `commands.test.ts` does, ten times, with a new seed each; a failure names its seed. */
const ROUNDS = 10;

test.each(Array.from({ length: ROUNDS }, () => Math.floor(Math.random() * 2 ** 31)))(
  "no accepted message is dropped, doubled or told wrongly, seed %i",
  (seed) => checkCommands({ seed, runs: 500 }),
);
