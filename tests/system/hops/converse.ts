import { setTimeout as sleep } from "node:timers/promises";
import type { RunState, SubmitResult } from "@parley/contracts";
import { at, type System } from "@parley/testkit";
import { expect } from "vitest";
import { callTrpc } from "../support/call-trpc.ts";
import { SAY } from "./script.ts";

/** A conversation under way, as its only caller knows it. */
export interface Conversing {
  system: System;
  agentId: string;
  conversationId: string;
  /** What was accepted, oldest first. */
  messageIds: string[];
  random: () => number;
}

type Act = (talk: Conversing) => Promise<void>;

/** Longer than a killed worker's lease and the look of the sweep. */
const REST_MS = 30_000;

async function mutate(system: System, path: string, input: object): Promise<unknown> {
  const outcome = await callTrpc(system.rest(), "mutation", path, input);
  if (outcome.ok) return outcome.data;
  // A steer that comes too late.
  if (outcome.code === "nothing_to_steer") return null;
  throw new Error(`${path} was refused: ${outcome.message}`);
}

export async function beginTalk(system: System, agentId: string, random: () => number): Promise<Conversing> {
  const begun = (await mutate(system, "turn.submit", { agentId, text: SAY.short })) as SubmitResult;
  return { system, agentId, conversationId: begun.conversationId, messageIds: [begun.messageId], random };
}

async function say(talk: Conversing, text: string, more: { mode?: string; messageId?: string | undefined } = {}): Promise<void> {
  const { system, agentId, conversationId } = talk;
  const path = more.messageId === undefined ? "turn.submit" : "turn.edit";
  const said = await mutate(system, path, { agentId, conversationId, text, ...more });
  const messageId = at(said, "messageId");
  if (typeof messageId === "string") talk.messageIds.push(messageId);
}

async function become(talk: Conversing, isSo: (state: RunState) => boolean): Promise<RunState> {
  let seen: RunState | undefined;
  await expect
    .poll(
      async () => {
        const outcome = await callTrpc(talk.system.rest(), "query", "conversation.runState", { conversationId: talk.conversationId });
        if (!outcome.ok) throw new Error(outcome.message);
        seen = outcome.data as RunState;
        return isSo(seen);
      },
      { timeout: REST_MS, interval: 40 },
    )
    .toBe(true);
  if (seen === undefined) throw new Error("Nothing was seen.");
  return seen;
}

export const toRest = (talk: Conversing): Promise<RunState> =>
  become(talk, ({ state, queueDepth, steersWaiting }) => state === "idle" && queueDepth + steersWaiting === 0);

const aWhile = ({ random }: Conversing): Promise<void> => sleep(random() * 500);

const decide = async (talk: Conversing): Promise<void> => {
  const { system, conversationId } = talk;
  const { cards } = await become(talk, ({ state }) => state === "paused");
  for (const card of cards) {
    const { id: cardId, kind } = card;
    if (kind === "questions")
      await mutate(system, "card.answer", { conversationId, cardId, answers: [{ questionId: "q", answer: "this" }] });
    else await mutate(system, "card.decide", { conversationId, cardId, decision: talk.random() < 0.5 ? "approve" : "deny" });
  }
};

const ACTS: Record<string, Act> = {
  dispatch: (talk) => say(talk, SAY.joke),
  async steer(talk) {
    await say(talk, SAY.walk);
    await aWhile(talk);
    await say(talk, SAY.steer, { mode: "steer" });
  },
  async ask(talk) {
    await say(talk, SAY.ask);
    await decide(talk);
  },
  async approve(talk) {
    await say(talk, SAY.pay);
    await decide(talk);
  },
  async interrupt(talk) {
    await say(talk, SAY.count);
    await aWhile(talk);
    await say(talk, SAY.short, { mode: "interrupt" });
  },
  async queue(talk) {
    await say(talk, SAY.short);
    await say(talk, SAY.joke, { mode: "collect" });
    await say(talk, SAY.short);
  },
  async edit(talk) {
    await say(talk, SAY.count);
    await aWhile(talk);
    await say(talk, SAY.short, { messageId: talk.messageIds[0] });
    // What was cut off cannot be edited again.
    talk.messageIds = talk.messageIds.slice(-1);
  },
};

/** Does everything that there is to do, in an order drawn by chance, and says goodbye. */
export async function converse(talk: Conversing): Promise<void> {
  const drawn = Object.values(ACTS).map((act) => ({ act, place: talk.random() }));
  for (const { act } of drawn.toSorted((one, other) => one.place - other.place)) {
    await act(talk);
    await toRest(talk);
  }
  await say(talk, SAY.end);
}
