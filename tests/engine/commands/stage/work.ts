import type { JobName } from "@parley/contracts";
import type { Reply } from "../spec/engine.ts";
import type { HiredWorker } from "./hired-worker.ts";
import { keyOf, type Stage } from "./stage.ts";

/** Delivers the oldest order, and waits until what it starts is over or waits for the model. Gives its name; null where none waits. */
export async function deliver(stage: Stage): Promise<JobName | null> {
  const { orders, worker } = stage;
  const order = orders.take();
  if (order === undefined) return null;
  const run = perform(worker, order.name, stage).finally(() => orders.done(order));
  // One that comes on top of the turn under way finds nothing to do.
  if (order.name !== "turn.run" || worker.run !== null) await run;
  else {
    worker.run = run.finally(() => {
      worker.run = null;
    });
    await underWay(worker);
  }
  return order.name;
}

async function perform({ engine }: HiredWorker, name: JobName, stage: Stage): Promise<void> {
  const key = keyOf(stage);
  switch (name) {
    case "turn.run":
      return engine.runTurn(key);
    case "conversation.drain":
      return engine.drainQueue(key);
    case "turn.reap":
      return engine.reapTurn(key);
    case "subtask.run":
    case "conversation.compact":
    case "billing.post":
    case "hook.run":
    case "response.run":
    case "payment.settle":
    case "card.recover":
      throw new Error(`Nobody has ordered ${name}.`);
  }
}

const underWay = (worker: HiredWorker): Promise<unknown> => Promise.race([worker.run, worker.model.asked()]);

/** The model replies; waits until its worker is done with it, or asks the model again. */
export async function sayReply(worker: HiredWorker, said: Reply): Promise<void> {
  worker.model.reply(said);
  await underWay(worker);
}

/** The worker freezes in the middle of its turn, for longer than its lease. */
export async function kill(stage: Stage): Promise<void> {
  stage.worker.freeze();
  stage.frozen.push(stage.worker);
  stage.worker = stage.hire();
  await stage.world.sql.owner`
    update conversations set lease_until = now() - interval '1 hour' where id = ${keyOf(stage).conversationId}`;
}

/** The worker shuts down without any grace. */
export async function shutDown(stage: Stage): Promise<void> {
  await stage.worker.engine.drain(0);
  await stage.worker.run;
  stage.worker = stage.hire();
}

/** An hour goes by, and the sweep looks. */
export async function sweep(stage: Stage): Promise<void> {
  const { owner, sweep: role } = stage.world.sql;
  const { conversationId } = keyOf(stage);
  const [row] = await owner<{ state: string }[]>`
    update conversations set ready_at = ready_at - interval '1 hour', due_at = due_at - interval '1 hour',
      drain_at = drain_at - interval '1 hour'
    where id = ${conversationId} returning state`;
  const [answer] = await role<{ found: { conversationId: string }[] }[]>`select take_repairs(true, 100) || take_expired(100) as found`;
  const isFound = answer?.found.some((found) => found.conversationId === conversationId);
  if (isFound) await stage.orders.queue.enqueue("turn.reap", keyOf(stage));
  else if (row?.state === "ready") await stage.orders.queue.enqueue("turn.run", keyOf(stage));
  stage.hasLostOrders = false;
}
