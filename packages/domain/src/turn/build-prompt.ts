import type { ModelMessage } from "../model/model.ts";
import type { ClaimedTurn, PastTurn, TurnAgent } from "./turn-store.ts";

/** What the model is told before anything is said: the agent's instructions and what the caller adds to this turn. */
export function systemMessages(agent: TurnAgent, options: ClaimedTurn["turn"]["options"]): ModelMessage[] {
  const parts = [
    options.instructionsOverride ?? agent.config.instructions,
    options.additionalContext === undefined ? "" : `Additional context:\n${options.additionalContext}`,
    options.expectedOutput === undefined ? "" : `Expected output:\n${options.expectedOutput}`,
    options.outputFormat === undefined || options.outputFormat === "voice" ? "" : `Answer as ${options.outputFormat}.`,
  ].filter((part) => part !== "");
  return parts.length === 0 ? [] : [{ role: "system", content: parts.join("\n\n") }];
}

/**
 * The newest whole turns that fit into `charsMax`, oldest first; the newest one always. Background results stand where their
 * turn is, so that they replace the mere acknowledgement of the dispatch.
 */
export function historyMessages(history: PastTurn[], charsMax: number): ModelMessage[] {
  const kept: ModelMessage[][] = [];
  let chars = 0;
  for (const past of history.toReversed()) {
    const messages = pastMessages(past);
    chars += messages.reduce((sum, message) => sum + message.content.length, 0);
    if (chars > charsMax && kept.length > 0) break;
    kept.unshift(messages);
  }
  return kept.flat();
}

function pastMessages(past: PastTurn): ModelMessage[] {
  const background = (past.children ?? []).map(
    (child) => `[background task ${child.id}, ${child.status}: ${child.result ?? "no result yet"}]`,
  );
  const answer = [past.result ?? "", endNote(past), ...background].filter((part) => part !== "").join("\n");
  return [userMessage(past.text, past.files), { role: "assistant", content: answer }];
}

/** The model must know that a turn has no whole answer, or it answers the old question again. */
function endNote(past: PastTurn): string {
  if (past.status === "stopped") return "[stopped by the user]";
  return past.status === "failed" || past.status === "error" ? `[ended without an answer: ${past.reason ?? "unknown"}]` : "";
}

export const userMessage = (text: string, files: string[]): ModelMessage =>
  files.length === 0 ? { role: "user", content: text } : { role: "user", content: text, files };
