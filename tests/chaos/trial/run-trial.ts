import { setTimeout as sleep } from "node:timers/promises";
import type { Slot } from "../arena/open-slot.ts";
import type { Arena } from "../arena/start-arena.ts";
import { checkFacts } from "../check/check-facts.ts";
import { collectFacts } from "../check/collect-facts.ts";
import type { Facts } from "../check/facts.ts";
import type { ConversationPlan, Plan } from "../plan/make-plan.ts";
import type { FaultPlan } from "../plan/points.ts";
import { bringToRest } from "./bring-to-rest.ts";
import { createCaller } from "./caller.ts";
import { emptyLedger } from "./ledger.ts";
import { openTalk, type Talk } from "./talk.ts";

export interface TrialResult {
  plan: Plan;
  /** The faults that found their call. */
  struck: FaultPlan[];
  violations: string[];
  facts: Facts;
}

export interface TrialOptions {
  /** How long nothing may happen, once the callers have nothing more to say, before what is left counts as stuck. */
  stuckMs: number;
}

/** A process that woke does what it was about to do at once. */
const WAKING_MS = 300;

/** Runs a plan in a slot: what the callers do and the faults meanwhile, then rest, then the judgement. */
export async function runTrial(arena: Arena, slot: Slot, plan: Plan, { stuckMs }: TrialOptions): Promise<TrialResult> {
  const { organizationId } = slot;
  const { marker } = plan;
  const { sql, peer, claw } = arena;
  const callsFrom = arena.model.journal.length;
  const ledger = emptyLedger();
  const caller = createCaller(arena.apis, slot.apiKey);
  const faults = arena.board.arm(organizationId, marker, plan.faults);

  await Promise.all(
    plan.conversations.map((conversation) => perform(conversation, openTalk({ slot, agent: conversation.agent, caller, ledger }))),
  );
  const resting = { sql, peer, claw, organizationId, marker, caller, ledger, stuckMs };
  let unrest = await bringToRest(resting);
  await faults.over();
  faults.disarm();
  if (faults.struck().some(({ kind }) => kind === "freeze")) {
    await sleep(WAKING_MS);
    if (unrest.length === 0) unrest = await bringToRest(resting);
  }
  const facts = await collectFacts(arena, { organizationId, marker, ledger, unrest, callsFrom });
  return { plan, struck: faults.struck(), violations: checkFacts(facts), facts };
}

async function perform({ acts }: ConversationPlan, talk: Talk): Promise<void> {
  for (const { pauseMs, perform: act } of acts) {
    await sleep(pauseMs);
    await act(talk);
  }
}
