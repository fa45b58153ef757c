import { seededRandom } from "../../system/support/seeded-random.ts";
import type { AgentName } from "../arena/open-slot.ts";
import { type Act, drawAct, drawMessage } from "./acts.ts";
import { drawFaults } from "./draw-faults.ts";
import type { FaultPlan } from "./points.ts";
import { integer, pick, type Random } from "./random.ts";

export interface ConversationPlan {
  agent: AgentName;
  acts: (Act & { pauseMs: number })[];
}

/** What happens in a trial: everything that is left to chance, drawn from its seed. */
export interface Plan {
  seed: number;
  /** What every message's text starts with, and no other trial's. */
  marker: string;
  conversations: ConversationPlan[];
  faults: FaultPlan[];
}

export function makePlan(seed: number): Plan {
  const random = seededRandom(seed);
  const marker = `t${seed}.`;
  const conversations = Array.from({ length: integer(random, 1, 3) }, (_, index) => drawConversation(random, `${marker}${index}`));
  const points = conversations.flatMap(({ acts }) => acts.flatMap((act) => act.points));
  return { seed, marker, conversations, faults: drawFaults(random, points) };
}

function drawConversation(random: Random, marker: string): ConversationPlan {
  const count = integer(random, 1, 6);
  const acts = Array.from({ length: count }, (_, index) => ({
    ...(index === 0 ? drawMessage : drawAct)(random, `${marker}.${index}`),
    pauseMs: integer(random, 0, 300),
  }));
  return { agent: pick(random, ["router", "router", "waker"]), acts };
}

/** The plan as a person reads it. */
export function describePlan({ seed, conversations, faults }: Plan): string[] {
  const lines = conversations.flatMap(({ agent, acts }, index) => [
    `conversation ${index} with the ${agent}:`,
    ...acts.map(({ text, pauseMs }) => `  after ${pauseMs} ms ${text}`),
  ]);
  const strikes = faults.map(({ kind, phase, point, nth, holdMs }) => {
    const how = kind === "freeze" || kind === "storm" ? ` for ${holdMs} ms` : "";
    return `fault: ${kind}${how} ${phase} call ${nth} of ${point}`;
  });
  return [`trial ${seed}`, ...lines, ...strikes];
}
