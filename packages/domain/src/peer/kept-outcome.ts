import { storableText } from "../turn/storable.ts";
import type { PeerOutcome } from "./peer-client.ts";

/** Tasks and contexts are named by peers; none needs a longer name. */
const NAME_CHARS_MAX = 1_000;

/** A peer's name for something, as the ledger and the log can keep it. */
export const keptName = (name: string): string => storableText(name.slice(0, NAME_CHARS_MAX));

/** What a peer has said of a call, as the ledger and the log can keep it. Artifacts are as they came: their signatures are of exactly these texts. */
export const keptOutcome = ({ taskId, contextId, prompt, ...outcome }: PeerOutcome): PeerOutcome => ({
  ...outcome,
  taskId: taskId === null ? null : keptName(taskId),
  contextId: contextId === null ? null : keptName(contextId),
  prompt: storableText(prompt),
});
