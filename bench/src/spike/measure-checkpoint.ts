import type { Sql } from "postgres";
import { median } from "../measure/statistics.ts";
import { functionVariant } from "./function-variant.ts";
import { newTurn } from "./variant.ts";

const TEXT = "x".repeat(4096);

/** Median ms of one checkpoint statement that writes 4 KiB for each of `count` running turns. */
export async function measureCheckpoint(sql: Sql, count: number): Promise<number> {
  const variant = functionVariant(sql, { name: "checkpointed", durableClaim: true });
  const held: { conversationId: string; turnId: string; epoch: number }[] = [];
  for (let index = 0; index < count; index++) {
    const turn = newTurn(index);
    await variant.admit(turn);
    held.push({ ...turn, epoch: (await variant.claim?.(turn)) ?? 0 });
  }
  const times: number[] = [];
  for (let round = 0; round < 25; round++) {
    const startedAt = performance.now();
    const [row] = await sql<{ written: string }[]>`select checkpoint(
      ${held.map((turn) => turn.conversationId)}::uuid[], ${held.map((turn) => turn.epoch)}::bigint[],
      ${held.map((turn) => turn.turnId)}::uuid[], ${held.map(() => TEXT)}::text[], ${held.map((turn) => `${turn.epoch}-${round}`)}::text[]) as written`;
    if (Number(row?.written) !== count) throw new Error(`A checkpoint of ${count} turns wrote ${row?.written}.`);
    times.push(performance.now() - startedAt);
  }
  return median(times);
}
