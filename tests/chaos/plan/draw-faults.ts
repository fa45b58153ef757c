import { type FaultKind, type FaultPlan, type Phase, POINTS, type PointName } from "./points.ts";
import { integer, pick, type Random, weighted } from "./random.ts";

/** Points that every trial comes by. */
const USUAL: PointName[] = ["admission", "claim", "model", "settle", "finish", "outbox"];
/** Points that a conversation comes by once something has gone wrong. */
const REPAIRS: PointName[] = ["sweep", "reaper", "claim"];

const KINDS: { weight: number; kind: FaultKind }[] = [
  { weight: 5, kind: "kill" },
  { weight: 3, kind: "freeze" },
  { weight: 1, kind: "terminate" },
  { weight: 2, kind: "reset-postgres" },
  { weight: 1, kind: "storm" },
  { weight: 1, kind: "reset-redis" },
  { weight: 1, kind: "reset-model" },
  { weight: 1, kind: "reset-tools" },
  { weight: 1, kind: "reset-peers" },
  { weight: 1, kind: "flush-redis" },
];

/** Past the lease of 1 s, and mostly past the takeover too. */
const HOLD_MS = [1_200, 3_000] as const;

/** One to three faults at points that the trial may come by. */
export function drawFaults(random: Random, points: PointName[]): FaultPlan[] {
  const count = weighted(random, [
    { weight: 4, count: 1 },
    { weight: 3, count: 2 },
    { weight: 2, count: 3 },
  ]).count;
  const likely = [...new Set([...USUAL, ...points])];
  const later = [...new Set([...likely, ...REPAIRS])];
  return Array.from({ length: count }, (_, index) => drawFault(random, index === 0 ? likely : later));
}

function drawFault(random: Random, points: PointName[]): FaultPlan {
  const point = pick(random, points);
  const phase = pick<Phase>(random, POINTS[point]);
  const kinds = point === "outbox" && phase === "before" ? [...KINDS, { weight: 6, kind: "lose" as const }] : KINDS;
  const { kind } = weighted(random, kinds);
  // Mostly the first call: later ones are less likely to come.
  const nth = 1 + Math.floor(random() ** 2 * 3);
  return { kind, point, phase, nth, holdMs: integer(random, ...HOLD_MS) };
}
