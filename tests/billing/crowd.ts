import { randomUUID } from "node:crypto";
import { openDatabase } from "@parley/db";
import { type System, startSystem } from "@parley/testkit";
import postgres from "postgres";
import { expect } from "vitest";
import { type Caller, createCaller } from "../chaos/trial/caller.ts";

export const TURNS = 200;
const PAID_FOR = 50;
const SLICE_TOKENS = 16;
const PROMPT_TOKENS = 10;
const TOKENS = 24;
/** Per token of prompt and answer. */
const IN_MICROS = 1;
const OUT_MICROS = 10;
const SLICE_MICROS = SLICE_TOKENS * OUT_MICROS;
const COST_MICROS = PROMPT_TOKENS * IN_MICROS + TOKENS * OUT_MICROS;
const GRANTED_MICROS = PAID_FOR * COST_MICROS;
/** What the prompt of one of these turns is held to cost at most; where less than that is left, none can be begun. */
const PROMPT_MICROS_MAX = 60;

/** Two hundred turns asked of at once of organizations that have money for fifty. */
export interface Crowds {
  system: System;
  /** An organization with its money; `ask` asks for all of its turns, and resolves when they are accepted. */
  gather(): Promise<{ organizationId: string; ask(): Promise<void> }>;
  /** Resolves when all turns have ended and nothing is held any more. */
  settled(organizationId: string): Promise<void>;
  /** Every turn was run, or refused for want of money while there was none; the books are in order. Says what was left. */
  expectExact(organizationId: string): Promise<{ completed: number; balanceMicros: number; grantedMicros: number }>;
  close(): Promise<void>;
}

export async function openCrowds(apis: number): Promise<Crowds> {
  const system = await startSystem({
    ...{ apis, workers: 2, leaseMs: 2_000 },
    env: { LIMIT_HOLD_SLICE_TOKENS: String(SLICE_TOKENS), LIMIT_HOLD_BEGIN_MS: "60000", WORKER_CONCURRENCY: "100" },
  });
  system.model.otherwise({ tokens: TOKENS, delayMs: 10, usage: { prompt_tokens: PROMPT_TOKENS, completion_tokens: TOKENS } });
  const owner = postgres(system.ownerUrl, { max: 2, onnotice: () => undefined });
  const database = openDatabase({ url: system.environment.DATABASE_URL ?? "", pool: 4, prepare: true, applicationName: "test" });
  const { billing } = database;

  /** Asks again until there is an answer: an api may be gone. */
  const callerFor = (apiKey: string): Caller =>
    createCaller(
      system.apis.map((api) => ({
        get url() {
          return api.url;
        },
        isUp: () => !api.process.hasExited(),
      })),
      apiKey,
    );

  const turnsOf = (organizationId: string) =>
    owner<{ status: string; reason: string | null; turns: number }[]>`
      select status, reason, count(*)::int as turns from turns where organization_id = ${organizationId} group by 1, 2`;
  const endedOf = async (organizationId: string) =>
    (await turnsOf(organizationId)).reduce((sum, { status, turns }) => sum + (["completed", "failed"].includes(status) ? turns : 0), 0);
  const heldOf = async (organizationId: string) =>
    Number((await owner`select count(*)::int as holds from holds where organization_id = ${organizationId}`)[0]?.holds);

  return {
    system,
    async gather() {
      const tenant = await system.newTenant("crowd");
      const { organizationId } = tenant;
      const agentId = await tenant.newAgent();
      await billing.setPrice(
        {
          ...{ organizationId: organizationId as never, kind: "model", name: "custom/scripted" },
          ...{ inputPico: IN_MICROS * 1e6, outputPico: OUT_MICROS * 1e6, cachedPico: null, reasoningPico: null },
          ...{ audioPico: 0, imagePico: 0, unitPico: 0, withdrawn: false },
        },
        100,
      );
      const credit = { organizationId, amountMicros: GRANTED_MICROS, sourceType: "test", note: "" } as const;
      await billing.credit({ ...credit, sourceId: randomUUID() });
      await billing.setMode(organizationId, "prepaid");
      const caller = callerFor(tenant.apiKey);
      const begin = (turn: number) => {
        const input = { agentId, text: `${turn}`, idempotencyKey: `${organizationId}-${turn}` };
        return caller.call("turn.submit", input, { again: true });
      };
      const ask = async (): Promise<void> => {
        const answers = await Promise.all(Array.from({ length: TURNS }, (_, turn) => begin(turn)));
        expect(answers.filter(({ kind }) => kind !== "done")).toEqual([]);
      };
      return { organizationId, ask };
    },
    async settled(organizationId) {
      await expect.poll(() => endedOf(organizationId), { timeout: 100_000, interval: 200 }).toBe(TURNS);
      await expect.poll(() => heldOf(organizationId), { timeout: 20_000, interval: 100 }).toBe(0);
    },
    async expectExact(organizationId) {
      const { balanceMicros, heldMicros } = await billing.account(organizationId);
      expect(await billing.check(organizationId)).toMatchObject({ ok: true, sumMicros: 0 });
      expect(heldMicros).toBe(0);
      expect(balanceMicros).toBeGreaterThanOrEqual(-SLICE_MICROS);
      // Nobody was refused while there was money: what is left begins no turn.
      expect(balanceMicros).toBeLessThanOrEqual(PROMPT_MICROS_MAX);
      const turns = await turnsOf(organizationId);
      const completed = turns.find(({ status }) => status === "completed")?.turns ?? 0;
      expect(turns.filter(({ status }) => status !== "completed").map(({ reason }) => reason)).toEqual(["budget"]);
      expect(completed).toBeLessThanOrEqual(PAID_FOR + 1);
      expect(completed * COST_MICROS).toBeLessThanOrEqual(GRANTED_MICROS - balanceMicros);
      return { completed, balanceMicros, grantedMicros: GRANTED_MICROS };
    },
    async close() {
      await Promise.all([owner.end(), database.close()]);
      await system.close();
    },
  };
}
