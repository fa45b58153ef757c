import { createAgentCatalog } from "../agent/agent-catalog.ts";
import type { GatewayContext } from "../gateway-ports.ts";
import { hashInput } from "./hash-input.ts";
import type { Once, Repeater, TransactionStores } from "./repeat-store.ts";

interface Work<Answer> {
  input: unknown;
  run: (context: GatewayContext) => Promise<Answer>;
  /** What a repeated call is given, where that is less than the first answer: never a secret twice. */
  keep?: (answer: Answer) => Answer;
}

/** Runs a use case, once per key where the caller sent one. Who must be told is told after the commit. */
export async function runOnce<Answer extends object>(
  context: GatewayContext,
  repeater: Repeater,
  once: Once | undefined,
  { input, run, keep = (answer) => answer }: Work<Answer>,
): Promise<Answer> {
  if (once === undefined) return run(context);
  const afterCommit: (() => void)[] = [];
  const { organizationId, principalId } = repeater;
  const call = { organizationId, principalId, route: once.route, idempotencyKey: once.key, bodyHash: hashInput(context, input) };
  const { answer, replayed } = await context.repeats.once(call, (stores) => run(inTransaction(context, stores, afterCommit)), keep);
  if (replayed) return "replayed" in answer ? { ...answer, replayed } : answer;
  for (const act of afterCommit) act();
  return answer;
}

/** The context over one transaction's stores, with everything that others would see put off until it is committed. */
function inTransaction(context: GatewayContext, stores: TransactionStores, afterCommit: (() => void)[]): GatewayContext {
  const { tail, queue, catalog, log } = context;
  const own = createAgentCatalog(stores.agents, context.clock);
  return {
    ...context,
    ...stores,
    tail: {
      ...tail,
      publish: (published) => void afterCommit.push(() => tail.publish(published)),
      nudge: (workerId, conversationId) => void afterCommit.push(() => tail.nudge(workerId, conversationId)),
    },
    queue: {
      async enqueue(name, payload, options) {
        afterCommit.push(() => {
          queue
            .enqueue(name, payload, options)
            .catch((error: unknown) => log.warn({ err: error, order: name }, "order not delivered; the sweep will give it again"));
        });
      },
    },
    catalog: {
      find: own.find,
      forget(agentId) {
        own.forget(agentId);
        afterCommit.push(() => catalog.forget(agentId));
      },
    },
  };
}
