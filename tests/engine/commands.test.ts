import { test } from "vitest";
import { checkCommands } from "./commands/check-commands.ts";

/**
 * Lists of commands, drawn by chance, on a conversation of their own each: messages in every mode, edits, stops, cancels, moves, drains, answers,
 * what the model says, workers that freeze, wake up and shut down, a Redis that forgets every order, time that goes by. `commands/spec` says what
 * must come of each; after each the conversation is compared with it. At the end everything comes to rest, and every message
 * that was accepted has ended once, in a way that its log tells.
 *
 * A failure prints the shortest list that goes wrong with `seed`, `path` and `replayPath`. To see that list alone:
 *
 *     COMMANDS_SEED=… COMMANDS_PATH=… COMMANDS_REPLAY=… npx vitest run tests/engine/commands.test.ts
 */
const { COMMANDS_SEED: seed = "20", COMMANDS_RUNS: runs = "150", COMMANDS_PATH: path, COMMANDS_REPLAY: replayPath } = process.env;

const TIMEOUT_MS = 600_000;

test(
  "whatever is done to a conversation in whatever order, no accepted message is dropped, doubled or told wrongly",
  () => checkCommands({ seed: Number(seed), runs: Number(runs), path, replayPath }),
  TIMEOUT_MS,
);
