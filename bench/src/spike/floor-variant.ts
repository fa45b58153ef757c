import type { Sql } from "postgres";
import { ANSWER, QUESTION, type Variant } from "./variant.ts";

/** The bare floor's two transactions: insert the turn, then its answer. */
export const floorVariant = (sql: Sql): Variant => ({
  name: "(a) floor: insert, update",
  roundTrips: 2,
  commits: 2,
  admit: async ({ turnId }) => {
    await sql`insert into floor_turns (id, question, status) values (${turnId}, ${QUESTION.text}, 'running')`;
  },
  claim: null,
  finish: async ({ turnId }) => {
    await sql`update floor_turns set answer = ${ANSWER}, status = 'done' where id = ${turnId}`;
  },
});
