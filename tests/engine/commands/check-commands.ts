import * as fc from "fast-check";
import { bringToRest } from "./check/bring-to-rest.ts";
import { expectAllEnded } from "./check/expect-all-ended.ts";
import { ALL_COMMANDS } from "./commands.ts";
import { newConversation } from "./spec/conversation.ts";
import { openTheatre } from "./stage/stage.ts";

/** Which lists of commands are tried; a failure names all three values that repeat it. */
export interface Trials {
  seed: number;
  runs: number;
  path?: string | undefined;
  replayPath?: string | undefined;
}

const COMMANDS_MAX = 50;

/** Draws lists of commands and performs each on a conversation of its own. Throws with the shortest list that goes wrong, and its seed. */
export async function checkCommands({ seed, runs, path, replayPath }: Trials): Promise<void> {
  const theatre = await openTheatre();
  const lists = fc.commands(ALL_COMMANDS, { maxCommands: COMMANDS_MAX, size: "max", ...(replayPath !== undefined && { replayPath }) });
  const property = fc.asyncProperty(lists, async (list) => {
    const c = newConversation();
    const stage = theatre.newStage();
    await fc.asyncModelRun(() => ({ model: c, real: stage }), list);
    await bringToRest(c, stage);
    await expectAllEnded(c, stage);
  });
  try {
    await fc.assert(property, { seed, numRuns: runs, endOnFailure: replayPath !== undefined, ...(path !== undefined && { path }) });
  } finally {
    await theatre.close();
  }
}
