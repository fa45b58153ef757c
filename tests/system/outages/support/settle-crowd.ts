import { setTimeout as sleep } from "node:timers/promises";
import { checkFacts } from "../../../chaos/check/check-facts.ts";
import { collectFacts } from "../../../chaos/check/collect-facts.ts";
import { cursorOf, type EventRow, type Facts, grouped, type Span } from "../../../chaos/check/facts.ts";
import { bringToRest } from "../../../chaos/trial/bring-to-rest.ts";
import type { Crowd } from "./crowd.ts";
import type { Reading } from "./follow-along.ts";
import { judgeReading } from "./judge-reading.ts";
import type { Stage } from "./open-stage.ts";

export interface Settled {
  facts: Facts;
  /** Everything that is wrong, a line each. */
  violations: string[];
  /** What the model was asked for, and how often; the same answer twice means that a step was made again. */
  asked: Map<string, number>;
  /** Why attempts were lost, one word for each. */
  superseded: string[];
  restedAtMs: number;
}

interface SettleOptions {
  /** When our processes slept. */
  frozen?: Span[];
  /** Postgres was killed. */
  hasCrashed?: boolean;
}

const LOOK_MS = 50;
/** The longest turns only speak for this long, which their logs do not show. */
const STUCK_MS = 40_000;
const READERS_MS = 15_000;

/** Waits until nothing of the crowd is on its way any more and its readers know, and judges what has become of it. */
export async function settleCrowd(stage: Stage, crowd: Crowd, { frozen = [], hasCrashed = false }: SettleOptions = {}): Promise<Settled> {
  const { sql, system, slot, caller, peer, claw } = stage;
  const { marker, ledger, callsFrom, readings } = crowd;
  const { organizationId } = slot;
  const unrest = await bringToRest({ sql, peer, claw, organizationId, marker, caller, ledger, stuckMs: STUCK_MS });
  const restedAtMs = Date.now();
  await untilReadersKnow(stage, readings);
  await Promise.all(readings.map((reading) => reading.close()));

  const { model, tools } = system;
  const trial = { organizationId, marker, ledger, unrest, callsFrom };
  const collected = await collectFacts({ sql, model, tools, peer, claw, frozen, witnessed: new Map() }, trial);
  const facts = { ...collected, witnessed: deltasBetween(collected.events) };
  const logs = grouped(facts.events, ({ conversationId }) => conversationId);
  return {
    facts,
    violations: [
      ...checkFacts(facts),
      ...readings.flatMap((reading) => judgeReading(reading, logs.get(reading.conversationId) ?? [], { hasCrashed })),
      ...crashes(stage),
    ],
    asked: new Map([...grouped(facts.calls, ({ key }) => key)].map(([key, calls]) => [key, calls.length])),
    superseded: facts.events.flatMap(({ type, data }) => (type === "attempt.superseded" ? [(data as { reason: string }).reason] : [])),
    restedAtMs,
  };
}

async function untilReadersKnow({ sql }: Stage, readings: Reading[]): Promise<void> {
  const ids = readings.map(({ conversationId }) => conversationId);
  const rows = await sql<{ id: string; head: string }[]>`
    select id, head_epoch || '-' || head_n as head from conversations where id in ${sql(ids)}`;
  const heads = new Map(rows.map(({ id, head }) => [id, head]));
  const untilMs = performance.now() + READERS_MS;
  const isBehind = (reading: Reading): boolean => reading.failure === null && reading.cursor() !== heads.get(reading.conversationId);
  while (readings.some(isBehind) && performance.now() < untilMs) await sleep(LOOK_MS);
}

/** What is missing in the rows can only be pieces of text, which leave none. Whether readers were told all of them is judged there. */
function deltasBetween(events: EventRow[]): Map<string, Set<string>> {
  return new Map(
    [...grouped(events, ({ conversationId }) => conversationId)].map(([id, rows]) => {
      const written = new Set(rows.map(cursorOf));
      const heads = rows.flatMap(({ epoch, n, previous }) => [{ epoch, n }, ...(previous === null ? [] : [partsOf(previous)])]);
      const places = heads.flatMap(({ epoch, n }) => Array.from({ length: n }, (_, index) => cursorOf({ epoch, n: index + 1 })));
      return [id, new Set(places.filter((place) => !written.has(place)))];
    }),
  );
}

function partsOf(cursor: string): { epoch: number; n: number } {
  const [epoch = 0, n = 0] = cursor.split("-").map(Number);
  return { epoch, n };
}

const crashes = ({ system }: Stage): string[] =>
  [...system.apis, ...system.workers].flatMap(({ process }) => [
    ...(process.hasExited() ? ["a process has ended by itself"] : []),
    ...(process.complaints === "" ? [] : [`a process complained: ${process.complaints}`]),
  ]);
