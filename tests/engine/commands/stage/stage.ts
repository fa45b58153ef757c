import { type ConversationId, type JobPayload, LIMITS, type OrganizationId, type SubmitInput, type SubmitResult } from "@parley/contracts";
import type { Caller, JobQueue, SubmitFacts } from "@parley/domain";
import { openWorld, type World } from "@parley/testkit";
import { QUEUE_MAX } from "../spec/conversation.ts";
import { type HiredWorker, hireWorker } from "./hired-worker.ts";
import { createOrders, type Orders } from "./orders.ts";

/** The real thing: one conversation in Postgres, the orders about it, and the workers. */
export interface Stage {
  world: World;
  agentId: string;
  callers: [Caller, Caller];
  /** Null until a message was accepted. */
  conversationId: ConversationId | null;
  orders: Orders;
  /** Takes the orders. */
  worker: HiredWorker;
  /** Frozen in the middle of a turn, the newest last. */
  frozen: HiredWorker[];
  /** Somebody who shuts down or was frozen is replaced. */
  hire(): HiredWorker;
  /** Redis has forgotten orders, and the sweep has not looked since. */
  hasLostOrders: boolean;
  /** Unlike that of any other stage. */
  marker: string;
  /** Every message that was accepted, as it was sent, with its answer. */
  sent: { caller: Caller; input: SubmitInput; facts: SubmitFacts; answer: SubmitResult }[];
}

/** A world in which nothing runs by itself, with a stage for every list of commands. */
export interface Theatre {
  newStage(): Stage;
  close(): Promise<void>;
}

const LIMITS_HERE = { ...LIMITS, queueMax: QUEUE_MAX, attemptsPerTurnMax: 100, stepsPerTurnMax: 100 };

export async function openTheatre(): Promise<Theatre> {
  let stages = 0;
  let orders = createOrders();
  const doorQueue: JobQueue = { enqueue: (...order) => orders.queue.enqueue(...order) };
  const world = await openWorld({ workers: 0, started: false, doorQueue, limits: LIMITS_HERE });
  const { id: agentId } = await world.agent({ stepsMax: 100 });
  return {
    newStage() {
      orders = createOrders();
      const { queue } = orders;
      const hire = (): HiredWorker => hireWorker(world, queue, LIMITS_HERE);
      const callers: Stage["callers"] = [world.caller, { ...world.caller, principalId: "key_other" }];
      const marker = `stage-${(stages += 1)}`;
      const nobody = { conversationId: null, frozen: [], hasLostOrders: false, sent: [] };
      return { world, agentId, callers, orders, worker: hire(), hire, marker, ...nobody };
    },
    close: () => world.close(),
  };
}

export function keyOf({ world, conversationId }: Stage): JobPayload<"turn.run"> {
  if (conversationId === null) throw new Error("There is no conversation yet.");
  return { organizationId: world.caller.organizationId as OrganizationId, conversationId };
}
