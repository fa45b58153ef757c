import type { Sql } from "postgres";
import { ANSWER, LEASE_MS, QUESTION, type Variant } from "./variant.ts";

/** Each commit of a turn is one function call. `durableClaim: false` lets the claim's commit return before it is on disk. */
export function functionVariant(sql: Sql, { name, durableClaim }: { name: string; durableClaim: boolean }): Variant {
  return {
    name,
    roundTrips: 3,
    commits: 3,
    admit: async (turn) => {
      await sql`select admit(${turn.organizationId}, ${turn.conversationId}, ${turn.agentId}, ${turn.messageId}, ${turn.turnId}, ${sql.json(QUESTION)})`;
    },
    claim: async (turn) => {
      const [row] = await sql<{ claimed_epoch: string | null }[]>`
        select claimed_epoch, context from claim(${turn.organizationId}, ${turn.conversationId}, 'worker-1', ${LEASE_MS}, ${durableClaim})`;
      if (row?.claimed_epoch == null) throw new Error("The claim was refused.");
      return Number(row.claimed_epoch);
    },
    finish: async (turn, epoch) => {
      await sql`select finish(${turn.organizationId}, ${turn.conversationId}, ${epoch}, ${turn.turnId}, ${ANSWER}, 12, 64)`;
    },
  };
}
