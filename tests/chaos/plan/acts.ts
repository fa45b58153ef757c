import { setTimeout as sleep } from "node:timers/promises";
import { at } from "@parley/testkit";
import type { Talk } from "../trial/talk.ts";
import type { PointName } from "./points.ts";
import { integer, pick, type Random, weighted } from "./random.ts";
import { drawScript } from "./scripts.ts";

/** Something that the caller of a conversation does; all chance in it is drawn already. */
export interface Act {
  /** For a person who reads the plan. */
  text: string;
  points: PointName[];
  perform(talk: Talk): Promise<void>;
}

/** `marker` names the act: unique over all trials. */
type Draw = (random: Random, marker: string) => Act;

const MODES = ["auto", "auto", "auto", "queue", "reject"] as const;

/** A message; with a key it is sent again until there is an answer. */
export const message = ({ text, mode, key }: { text: string; mode: string; key: string | null }): Act => ({
  text: `say ${mode}${key === null ? " without a key" : ""}: ${text}`,
  points: [],
  perform: (talk) => talk.say({ text, mode, key }),
});

export const drawMessage: Draw = (random, marker) => {
  const { words, points } = drawScript(random);
  // Most callers send a key; the others never know what became of an answer that was lost.
  const key = random() < 0.85 ? marker : null;
  return { ...message({ text: `${marker} ${words}`, mode: pick(random, MODES), key }), points };
};
const drawStop: Draw = (random) => {
  const clearQueue = random() < 0.3;
  const isAimed = random() < 0.3;
  return {
    text: `stop${isAimed ? " the last message's turn" : ""}${clearQueue ? " and clear the queue" : ""}`,
    points: ["stop"],
    async perform(talk) {
      const turnId = isAimed ? talk.accepted.at(-1)?.turnId : undefined;
      const outcome = await talk.ask("conversation.stop", { clearQueue, ...(turnId !== undefined && { turnId }) });
      const stopped = outcome.kind === "done" ? at(outcome.data, "turnId") : null;
      if (typeof stopped === "string") talk.ledger.stopped.push({ turnId: stopped, atMs: Date.now() });
    },
  };
};

const drawCancel: Draw = () => ({
  text: "cancel the last message",
  points: ["cancel"],
  async perform(talk) {
    const messageId = talk.accepted.at(-1)?.messageId;
    if (messageId === undefined) return;
    const outcome = await talk.ask("conversation.cancelMessage", { messageId });
    if (outcome.kind === "done") talk.ledger.cancelled.push(messageId);
  },
});

const plain =
  (text: string, procedure: string, points: PointName[]): Draw =>
  () => ({
    text,
    points,
    async perform(talk) {
      await talk.ask(procedure);
    },
  });

const drawWait: Draw = (random) => {
  const waitMs = integer(random, 200, 900);
  return { text: `wait ${waitMs} ms`, points: [], perform: async () => sleep(waitMs) };
};

/** Everything that a caller may do. Another kind of act is another entry. */
const ACTS: { weight: number; draw: Draw }[] = [
  { weight: 8, draw: drawMessage },
  { weight: 2, draw: drawStop },
  { weight: 1, draw: drawCancel },
  { weight: 0.5, draw: plain("clear the queue", "conversation.clearQueue", ["clear"]) },
  { weight: 1, draw: plain("drain the queue", "conversation.drain", ["drain", "release"]) },
  { weight: 2, draw: drawWait },
];

export const drawAct: Draw = (random, marker) => weighted(random, ACTS).draw(random, marker);
