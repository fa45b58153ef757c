import { pastMessages } from "../turn/past-turn.ts";
import type { UntoldTurn } from "./compaction-store.ts";

/** A turn as the one who summarises it reads it. */
export function tellTurn(turn: UntoldTurn): string {
  const [question, answer] = pastMessages(turn);
  const files = turn.files.map((file) => `\n[file: ${file}]`).join("");
  return `Turn ${turn.number}\nUser: ${question.content}${files}\nAssistant: ${answer.content}`;
}
