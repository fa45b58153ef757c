import type { JSONValue, Sql } from "postgres";
import { createBatcher } from "./batcher.ts";
import { ANSWER, LEASE_MS, QUESTION, type SpikeTurn, type Variant } from "./variant.ts";

const IN_FLIGHT = { lanesMax: 2, sizeMax: 32 };

/** The functions, with calls that meet on their way sharing a round trip and a commit. Alone, a call is sent at once. */
export function batchVariant(sql: Sql, { name, durableClaim }: { name: string; durableClaim: boolean }): Variant {
  const admit = createBatcher(async (turns: SpikeTurn[]) => {
    const items = turns.map((turn) => ({
      organization: turn.organizationId,
      conversation: turn.conversationId,
      agent: turn.agentId,
      message: turn.messageId,
      turn: turn.turnId,
      input: QUESTION,
    }));
    const [row] = await sql<{ results: boolean[] }[]>`select admit_batch(${sql.json(items)}) as results`;
    return row?.results ?? [];
  }, IN_FLIGHT);
  const claim = createBatcher(async (turns: SpikeTurn[]) => {
    const items = turns.map((turn) => ({ organization: turn.organizationId, conversation: turn.conversationId }));
    const [row] = await sql<{ results: { epoch: number | null; context: JSONValue }[] }[]>`
      select claim_batch(${sql.json(items)}, 'worker-1', ${LEASE_MS}, ${durableClaim}) as results`;
    return row?.results ?? [];
  }, IN_FLIGHT);
  const finish = createBatcher(async (turns: { turn: SpikeTurn; epoch: number }[]) => {
    const items = turns.map(({ turn, epoch }) => ({
      organization: turn.organizationId,
      conversation: turn.conversationId,
      epoch,
      turn: turn.turnId,
      answer: ANSWER,
      input: 12,
      output: 64,
    }));
    const [row] = await sql<{ results: boolean[] }[]>`select finish_batch(${sql.json(items)}) as results`;
    return row?.results ?? [];
  }, IN_FLIGHT);
  return {
    name,
    roundTrips: 3,
    commits: 3,
    admit: async (turn) => {
      await admit(turn);
    },
    claim: async (turn) => {
      const { epoch } = await claim(turn);
      if (epoch === null) throw new Error("The claim was refused.");
      return epoch;
    },
    finish: async (turn, epoch) => {
      if (!(await finish({ turn, epoch }))) throw new Error("The lease is lost.");
    },
  };
}
