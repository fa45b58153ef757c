import { guarded, type Sql } from "./connect.ts";

/** Calls one of the engine's functions that take and return JSON: one round trip, one commit. */
export async function call<Answer>(sql: Sql, name: string, input: object): Promise<Answer> {
  // Sent as text: the query builder that shares this client switches the driver's own JSON encoding off.
  const rows = await guarded(sql<{ answer: Answer }[]>`select ${sql(name)}(${JSON.stringify(input)}::text::jsonb) as answer`);
  return first(rows).answer;
}

export function first<Row>(rows: readonly Row[]): Row {
  const [row] = rows;
  if (row === undefined) throw new Error("The statement returned no row.");
  return row;
}
