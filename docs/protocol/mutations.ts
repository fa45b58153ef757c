import { COMES_TO_REST, type Exploration, explore } from "./explore.ts";
import type { Law } from "./laws.ts";
import { type Bounds, protocolModel } from "./protocol-model.ts";
import { RULES, type Rules } from "./rules.ts";

export interface Mutation {
  name: string;
  without: (keyof Rules)[];
  /** What does not hold any more, each shown by a trace of its own. */
  breaks: Law[];
  bounds: Bounds;
}

const SMALL: Bounds = { messages: 2, cards: 1, workers: 2 };

/** Protocols that look much like ours and are wrong. */
export const MUTATIONS: Mutation[] = [
  {
    name: "no fence",
    without: ["fence"],
    breaks: [
      "one worker at most may write",
      "no write of an older epoch follows one of a newer",
      "a turn ends once",
      "a message ends once, and is part of one turn at most",
    ],
    bounds: SMALL,
  },
  {
    name: "the epoch is a counter in a row that may be forgotten",
    without: ["epochIsUnique"],
    breaks: ["one worker at most may write"],
    bounds: SMALL,
  },
  {
    name: "the stop is looked for at the claim alone",
    without: ["stopAtCommit"],
    breaks: ["nothing completes at or below a stop", "a turn that has to end is told as ended for that reason"],
    bounds: SMALL,
  },
  {
    name: "a stop hits whichever turn is current",
    without: ["stopNamesTurn"],
    breaks: ["a stop that means a turn stops no other"],
    bounds: SMALL,
  },
  {
    name: "a late stop of an older turn is written over a newer one",
    without: ["stopOnlyGrows"],
    breaks: ["how far the conversation is stopped only grows"],
    bounds: SMALL,
  },
  {
    name: "an interrupt tells a stopped turn as superseded",
    without: ["stopOutranksInterrupt"],
    breaks: ["a turn that has to end is told as ended for that reason"],
    bounds: SMALL,
  },
  {
    name: "the end of a turn does not look at the queue",
    without: ["endBeginsNext"],
    breaks: [COMES_TO_REST],
    bounds: { ...SMALL, cards: 0 },
  },
  {
    name: "the end of a turn leaves its cards open",
    without: ["endClosesCards"],
    breaks: ["a paused conversation waits for open cards, and counts them"],
    bounds: SMALL,
  },
  {
    name: "unapplied steers end with the turn",
    without: ["steersOutliveTurn"],
    breaks: ["a message that has not ended is in exactly one place"],
    bounds: SMALL,
  },
  {
    name: "unapplied steers go before an interrupt",
    without: ["interruptBeforeSteers"],
    breaks: ["an interrupt runs next"],
    bounds: { messages: 3, cards: 0, workers: 1 },
  },
  {
    name: "a turn pauses though it was steered",
    without: ["steeredDoesNotPause"],
    breaks: ["nobody steers a turn that waits behind a card"],
    bounds: SMALL,
  },
  {
    name: "a drain begins a turn and leaves the hold",
    without: ["beginEndsHold"],
    breaks: ["only a queue at rest or behind a stopped turn is held"],
    bounds: SMALL,
  },
  {
    name: "a message releases the hold of a running turn alone",
    without: ["readyReleasesHold"],
    breaks: ["a message that is meant to run releases the hold"],
    bounds: SMALL,
  },
  {
    name: "a drain order from Redis counts by itself",
    without: ["drainNeedsRow"],
    breaks: ["a held queue starts by a caller's word only"],
    bounds: SMALL,
  },
  {
    name: "a card is answered without compare-and-set",
    without: ["cardClosesOnce"],
    breaks: ["a card has one outcome", "a call that needs approval is sent only while it is approved"],
    bounds: SMALL,
  },
  {
    name: "a card is answered without a look at the time",
    without: ["cardExpires"],
    breaks: ["a card past its expiry is never answered"],
    bounds: SMALL,
  },
  {
    name: "no sweep after lost kicks",
    without: ["sweepKicksAgain"],
    breaks: [COMES_TO_REST],
    bounds: { messages: 1, cards: 0, workers: 2 },
  },
  {
    name: "one kick id per conversation, also for repairs",
    without: ["kickIdNamesEpoch", "repairHasOwnId"],
    breaks: [COMES_TO_REST],
    bounds: { messages: 1, cards: 0, workers: 2 },
  },
  {
    name: "one kick id per epoch, also for repairs",
    without: ["repairHasOwnId"],
    breaks: [COMES_TO_REST],
    bounds: { messages: 1, cards: 0, workers: 2 },
  },
  {
    name: "no journal",
    without: ["journal"],
    breaks: ["a tool call is sent once at most"],
    bounds: SMALL,
  },
  {
    name: "an approved call is sent on the intent that asked",
    without: ["approvedIntent"],
    breaks: ["a tool call is sent once at most"],
    bounds: SMALL,
  },
  {
    name: "a call is sent without a look at the lease's age",
    without: ["freshness"],
    breaks: ["a call passes its check only under the newest epoch"],
    bounds: SMALL,
  },
];

/** Looks for the shortest way to break one law, and that one only. */
export function checkMutation({ without, bounds }: Mutation, law: Law): Exploration {
  const rules: Rules = { ...RULES };
  for (const rule of without) rules[rule] = false;
  const model = protocolModel(bounds, rules);
  return explore({ ...model, invariants: only(model.invariants, law), laws: only(model.laws, law) });
}

const only = <Value>(all: Record<string, Value>, name: string): Record<string, Value> =>
  Object.fromEntries(Object.entries(all).filter(([key]) => key === name));
