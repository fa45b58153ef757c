import { setTimeout as sleep } from "node:timers/promises";
import { at } from "@parley/testkit";
import { markerOf } from "../trial/ledger.ts";
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

const MODES = ["auto", "auto", "auto", "queue", "collect", "collect", "steer", "steer", "interrupt", "reject"] as const;

/** Most callers send a key; the others never know what became of an answer that was lost. */
const drawKey = (random: Random, marker: string): string | null => (random() < 0.85 ? marker : null);
const without = (key: string | null): string => (key === null ? " without a key" : "");

/** A message; with a key it is sent again until there is an answer. */
export const message = ({ text, mode, key }: { text: string; mode: string; key: string | null }): Act => ({
  text: `say ${mode}${without(key)}: ${text}`,
  points: [],
  perform: (talk) => talk.say({ text, mode, key }),
});

export const drawMessage: Draw = (random, marker) => {
  const { words, points } = drawScript(random);
  const mode = pick(random, MODES);
  const act = message({ text: `${marker} ${words}`, mode, key: drawKey(random, marker) });
  return { ...act, points: mode === "steer" ? [...points, "steer"] : points };
};

const drawStop: Draw = (random, marker) => {
  const clearQueue = random() < 0.3;
  const isAimed = random() < 0.3;
  const key = drawKey(random, marker);
  return {
    text: `stop${isAimed ? " the last message's turn" : ""}${clearQueue ? " and clear the queue" : ""}${without(key)}`,
    points: ["stop"],
    async perform(talk) {
      const turnId = isAimed ? talk.accepted.at(-1)?.turnId : undefined;
      const outcome = await talk.ask("conversation.stop", { clearQueue, ...(turnId !== undefined && { turnId }) }, key);
      const stopped = outcome.kind === "done" ? at(outcome.data, "turnId") : null;
      if (typeof stopped === "string") talk.ledger.stopped.push({ turnId: stopped, atMs: Date.now() });
    },
  };
};

const drawCancel: Draw = (random, marker) => {
  const key = drawKey(random, marker);
  return {
    text: `cancel the last message${without(key)}`,
    points: ["cancel"],
    async perform(talk) {
      const messageId = talk.accepted.at(-1)?.messageId;
      if (messageId === undefined) return;
      const outcome = await talk.ask("conversation.cancelMessage", { messageId }, key);
      if (outcome.kind === "done") talk.ledger.cancelled.push(messageId);
    },
  };
};

/** The last message, if it still waits, says something else, or comes first, or both. */
const drawChange: Draw = (random, marker) => {
  const { words, points } = drawScript(random);
  const key = drawKey(random, marker);
  const isMoved = random() < 0.5;
  const isReworded = !isMoved || random() < 0.5;
  return {
    text: `change the last message${isReworded ? ` to ${words}` : ""}${isMoved ? ", to the head of the queue" : ""}${without(key)}`,
    points: [...points, "change"],
    async perform(talk) {
      const last = talk.accepted.at(-1);
      if (last === undefined) return;
      const change = { ...(isReworded && { text: `${markerOf(last.text)} ${words}` }), ...(isMoved && { position: 1 }) };
      await talk.ask("conversation.changeMessage", { messageId: last.messageId, ...change }, key);
    },
  };
};

/** One of the messages so far is replaced, and what came after it cut off. */
const drawEdit: Draw = (random, marker) => {
  const { words, points } = drawScript(random);
  const key = drawKey(random, marker);
  const chance = random();
  return {
    text: `edit an earlier message${without(key)} to ${marker} ${words}`,
    points,
    async perform(talk) {
      const edited = talk.accepted[Math.floor(chance * talk.accepted.length)];
      if (edited !== undefined) await talk.say({ text: `${marker} ${words}`, mode: "auto", key, edits: edited.messageId });
    },
  };
};

const DECISIONS = { approve: ["approve"], deny: ["deny"], "approve and deny at once": ["approve", "deny"] } as const;

/** What is asked is asked soon, and not at once. */
const drawDecide: Draw = (random, marker) => {
  const waitMs = integer(random, 0, 1_500);
  const name = pick(random, ["approve", "approve", "deny", "approve and deny at once"] as const);
  const key = drawKey(random, marker);
  return {
    text: `after ${waitMs} ms answer, ${name}${without(key)}`,
    points: ["card"],
    async perform(talk) {
      await sleep(waitMs);
      await talk.decideCards(() => [...DECISIONS[name]], key);
    },
  };
};

const plain =
  (text: string, procedure: string, points: PointName[]): Draw =>
  (random, marker) => {
    const key = drawKey(random, marker);
    return {
      text: `${text}${without(key)}`,
      points,
      async perform(talk) {
        await talk.ask(procedure, {}, key);
      },
    };
  };

const drawWait: Draw = (random) => {
  const waitMs = integer(random, 200, 900);
  return { text: `wait ${waitMs} ms`, points: [], perform: async () => sleep(waitMs) };
};

/** Everything that a caller may do. Another kind of act is another entry. */
const ACTS: { weight: number; draw: Draw }[] = [
  { weight: 8, draw: drawMessage },
  { weight: 2, draw: drawStop },
  { weight: 1, draw: drawCancel },
  { weight: 1, draw: drawChange },
  { weight: 1, draw: drawEdit },
  { weight: 3, draw: drawDecide },
  { weight: 0.5, draw: plain("clear the queue", "conversation.clearQueue", ["clear"]) },
  { weight: 1, draw: plain("drain the queue", "conversation.drain", ["drain", "release"]) },
  { weight: 2, draw: drawWait },
];

export const drawAct: Draw = (random, marker) => weighted(random, ACTS).draw(random, marker);
