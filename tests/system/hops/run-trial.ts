import { at, type System } from "@parley/testkit";
import postgres from "postgres";
import { seededRandom } from "../support/seeded-random.ts";
import { differences, durableOf, faultsOf, uncutOf } from "./compare.ts";
import type { Told } from "./connect.ts";
import { beginTalk, converse, toRest } from "./converse.ts";
import { foldTold } from "./fold-told.ts";
import { readHopping, readUncut, type Segment } from "./hop-reader.ts";
import { END, STEP_TEXTS } from "./script.ts";

export interface TrialResult {
  /** Of every reader that was cut. */
  readings: Segment[][];
  /** What was not as it is for one that was not. */
  faults: string[];
}

/** Readers of one conversation, besides those that are never cut. */
const READERS = 2;
const CUTS_EACH = 13;

const isLast = (one: Told): boolean =>
  one.door === "rest"
    ? one.event.type === "turn_finished" && at(one.event.data, "result") === END
    : one.event.type === "turn.completed" && one.event.data.result === END;

/** One conversation from beginning to end: who is cut again and again is told what the others are, and what the database keeps. */
export async function runTrial(system: System, agentId: string, seed: number): Promise<TrialResult> {
  const random = seededRandom(seed);
  const talk = await beginTalk(system, agentId, random);
  const { conversationId } = talk;
  const reading = { system, agentId, conversationId, isLast };
  const readers = Array.from({ length: READERS }, () => ({ seed: Math.floor(random() * 2 ** 31), cutsMax: CUTS_EACH }));
  const [trpc, rest, readings] = await Promise.all([
    readUncut(reading, "sse"),
    readUncut(reading, "rest"),
    Promise.all(readers.map((reader) => readHopping(reading, reader))),
    converse(talk).then(() => toRest(talk)),
  ]);

  const uncut = uncutOf({ trpc, rest });
  const kept = await readKept(system, conversationId);
  const { answers, faults: ownFaults } = foldTold(trpc, STEP_TEXTS);
  const faults = [
    ...differences(uncut.events, kept, "the uncut reader beside the database"),
    ...ownFaults.map((fault) => `the uncut reader: ${fault}`),
    ...readings.flatMap((segments) => {
      const folded = foldTold(
        segments.flatMap(({ told }) => told),
        STEP_TEXTS,
      );
      const texts = differences([{ answers: folded.answers }], [{ answers }], "the answers");
      return [...segments.flatMap((segment) => faultsOf(segment, uncut)), ...folded.faults, ...texts];
    }),
  ];
  return { readings, faults: faults.map((fault) => `seed ${seed}, ${fault}`) };
}

/** The durable log as it stands in the database. */
async function readKept(system: System, conversationId: string): Promise<object[]> {
  const sql = postgres(system.ownerUrl, { max: 1, onnotice: () => undefined });
  try {
    const rows = await sql<{ event: object }[]>`
      select jsonb_strip_nulls(jsonb_build_object('previous', previous)) || jsonb_build_object('cursor', epoch || '-' || n, 'type', type,
        'executionId', execution_id, 'turnId', turn_id, 'at', iso(at), 'data', data) as event
      from events where conversation_id = ${conversationId} order by epoch, n`;
    return durableOf(rows.map(({ event }) => event as never));
  } finally {
    await sql.end();
  }
}
