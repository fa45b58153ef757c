import type { Limits } from "@parley/contracts";
import { hasChildResult, holdsForeignText } from "../turn/holds-foreign-text.ts";
import type { CompactionWork, Summary, UntoldTurn } from "./compaction-store.ts";
import { tellTurn } from "./tell-turn.ts";

/** Above it summaries of the same level are joined again, so that their number is bounded however long the conversation is. */
const LEVELS_MAX = 4;
/** What one model call is given to summarise. */
const CALL_CHARS_MAX = 40_000;

/** What the next summary will stand for, and what it is made of. */
export interface Part {
  level: number;
  fromTurn: number;
  throughTurn: number;
  tainted: boolean;
  record: string;
}

/**
 * Summaries of one level that have become too many are joined first, then the oldest turns are summarised. Null when there is nothing to
 * do. Turns are taken whole, and none whose background tasks still work while it is in the prompt: their results belong to it.
 */
export function nextPart({ summaries, turns, untoldTurns }: CompactionWork, limits: Limits): Part | null {
  return joinedPart(summaries, limits.summariesPerLevelMax) ?? turnsPart(summaries, turns, untoldTurns > limits.historyTurnsMax);
}

function joinedPart(summaries: Summary[], perLevelMax: number): Part | null {
  for (let level = 1; level <= LEVELS_MAX; level += 1) {
    const first = summaries.findIndex((summary) => summary.level === level);
    const ofLevel = summaries.filter((summary) => summary.level === level);
    if (ofLevel.length <= perLevelMax) continue;
    const joined = summaries.slice(first, first + perLevelMax);
    const last = joined.at(-1);
    if (last === undefined || joined.some((summary) => summary.level !== level)) continue;
    return {
      level: Math.min(level + 1, LEVELS_MAX),
      fromTurn: joined[0]?.fromTurn ?? last.fromTurn,
      throughTurn: last.throughTurn,
      tainted: joined.some((summary) => summary.tainted),
      record: joined.map(({ fromTurn, throughTurn, text }) => `Turns ${fromTurn} to ${throughTurn}:\n${text}`).join("\n\n"),
    };
  }
  return null;
}

function turnsPart(summaries: Summary[], turns: UntoldTurn[], isOutOfPrompt: boolean): Part | null {
  const told: string[] = [];
  let chars = 0;
  let last: UntoldTurn | undefined;
  for (const turn of turns) {
    if (!isOutOfPrompt && hasLiveChildren(turn)) break;
    const text = tellTurn(turn).slice(0, CALL_CHARS_MAX);
    chars += text.length;
    if (chars > CALL_CHARS_MAX && last !== undefined) break;
    told.push(text);
    last = turn;
  }
  if (last === undefined) return null;
  const taken = turns.slice(0, told.length);
  return {
    level: 1,
    fromTurn: (summaries.at(-1)?.throughTurn ?? 0) + 1,
    throughTurn: last.number,
    tainted: taken.some((turn) => turn.tainted || holdsForeignText(turn) || hasChildResult(turn)),
    record: told.join("\n\n"),
  };
}

const LIVE = new Set(["pending", "executing", "paused"]);
const hasLiveChildren = ({ children }: UntoldTurn): boolean => (children ?? []).some(({ status }) => LIVE.has(status));
