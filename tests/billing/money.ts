import { randomUUID } from "node:crypto";
import { setPriceInput } from "@parley/contracts";
import type { World } from "@parley/testkit";
import { expect } from "vitest";

/** One micro-unit per token of the prompt, ten per token of the answer. */
export const IN_MICROS = 1;
export const OUT_MICROS = 10;
export const MODEL = "test/scripted";

export async function setPrices(
  { gateway }: Pick<World, "gateway">,
  organizationId: string,
  more: { name?: string; withdrawn?: boolean } = {},
) {
  await gateway.setPrice(
    setPriceInput.parse({
      ...{ organizationId, kind: "model", name: MODEL, inputPico: IN_MICROS * 1e6, outputPico: OUT_MICROS * 1e6 },
      ...{ effectiveFrom: "2020-01-01T00:00:00Z", ...more },
    }),
  );
}

export const grant = ({ gateway }: Pick<World, "gateway">, organizationId: string, amountMicros: number) =>
  gateway.grantCredits({ organizationId, amountMicros, reference: randomUUID(), note: "" } as never);

/** Resolves when all that was used is charged and nothing is held any more; the books are in order then. */
export async function atRest({ gateway, database, sql }: Pick<World, "gateway" | "database" | "sql">, organizationId: string) {
  await expect
    .poll(
      async () => {
        const [left] = await sql.owner<{ rows: number }[]>`
          select (select count(*) from usage_records where unposted and organization_id = ${organizationId})::int
            + (select count(*) from direct_calls where unposted and organization_id = ${organizationId})::int
            + (select count(*) from holds where organization_id = ${organizationId})::int as rows`;
        return left?.rows;
      },
      { timeout: 20_000, interval: 50 },
    )
    .toBe(0);
  expect(await gateway.checkLedger(organizationId)).toMatchObject({ ok: true, sumMicros: 0, heldMicros: 0, problems: [] });
  return database.billing.account(organizationId);
}
