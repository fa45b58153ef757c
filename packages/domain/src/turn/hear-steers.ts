import { userMessage } from "./build-prompt.ts";
import { holdsForeignText } from "./holds-foreign-text.ts";
import type { RunningExecution, TurnRun } from "./turn-run.ts";

/**
 * Adds to the root's context what the user has said behind that step: first what earlier attempts have taken, then, unless a later step is
 * written already, what waits now. The message, its journal line and the fact are one commit.
 */
export async function hearSteers(run: TurnRun, execution: RunningExecution, step: number): Promise<void> {
  if (execution.depth > 0) return;
  const { journal, active } = run;
  const say = (said: { text: string; files: string[] }): void => {
    execution.messages.push(userMessage(said.text, said.files));
    run.tainted ||= holdsForeignText(said);
  };
  for (const steer of journal.steers(execution.id, step)) say(steer);
  if (!active.log.hasSteer || journal.response(execution.id, step + 1) !== undefined) return;
  const { steers } = await active.log.commit({ takeSteers: step });
  for (const steer of steers) say(steer);
}
