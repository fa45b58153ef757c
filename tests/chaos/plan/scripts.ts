import type { PointName } from "./points.ts";
import { integer, pick, type Random, weighted } from "./random.ts";

/** What a message has the model do, and the points that only such a turn comes by. */
export interface DrawnScript {
  words: string;
  points: PointName[];
}

interface ScriptEntry {
  weight: number;
  points: PointName[];
  draw(random: Random): string;
}

const WAYS = ["plain", "plain", "slow", "late", "lost", "unreached", "failing"] as const;

const PEER_WAYS = ["plain", "slow", "slow", "late", "late", "failing"] as const;
const ENDLESS_WAYS = ["forever", "lateForever"] as const;
/** What an OpenClaw gateway may do besides. */
const CLAW_WAYS = [...PEER_WAYS, "swallows", "refuses", "cut-before-taken", "cut-in-answer", "aborts", "lies", "restates"] as const;
/** The steps of the dispatch ledger. */
const CALLED: PointName[] = ["dispatch", "begin", "send", "named", "reconcile"];
const GIVEN_UP: PointName[] = ["owed", "withdraw", "told"];

const say = (random: Random): string => `say:${integer(random, 2, 40)}:${integer(random, 0, 8)}`;

/** Everything that a turn may do. Another kind of turn is another entry. */
const SCRIPTS: Record<string, ScriptEntry> = {
  answer: { weight: 4, points: [], draw: say },
  longAnswer: { weight: 2, points: ["checkpoint"], draw: (random) => `say:${integer(random, 60, 120)}:12` },
  waitForChild: { weight: 3, points: ["child", "step", "result"], draw: (random) => `call:helper; ${say(random)}` },
  waitForChildren: { weight: 2, points: ["child", "result"], draw: (random) => `call:helper,helper,background; ${say(random)}` },
  childOfChild: { weight: 2, points: ["child", "result"], draw: (random) => `call:deep; ${say(random)}` },
  manySteps: {
    weight: 2,
    points: ["child", "step", "result"],
    draw: (random) => `call:helper; call:background; call:helper; ${say(random)}`,
  },
  background: { weight: 2, points: ["child", "inbox"], draw: (random) => `call:background,background; ${say(random)}` },
  unknownTool: { weight: 1, points: ["step"], draw: (random) => `call:nobody; ${say(random)}` },
  brokenAnswer: { weight: 1, points: [], draw: (random) => `cut:${integer(random, 0, 5)} say:12:3` },
  busyModel: { weight: 1, points: [], draw: () => "busy say:6:2" },
  withoutUsage: { weight: 1, points: [], draw: () => "mute say:6:2" },
  charge: { weight: 3, points: ["step", "tool", "result"], draw: (random) => `use:charge:${pick(random, WAYS)}; ${say(random)}` },
  lookup: { weight: 2, points: ["step", "tool", "result"], draw: (random) => `use:lookup:${pick(random, WAYS)}; ${say(random)}` },
  toolsAndChildren: {
    weight: 2,
    points: ["step", "tool", "child", "result"],
    draw: (random) => `use:charge:slow use:lookup call:helper,background; use:charge; ${say(random)}`,
  },
  peer: { weight: 3, points: [...CALLED, "result"], draw: (random) => `hand:courier:${pick(random, PEER_WAYS)}; ${say(random)}` },
  peerInBackground: { weight: 2, points: CALLED, draw: (random) => `hand:errand:${pick(random, PEER_WAYS)}; ${say(random)}` },
  peerThatAsks: { weight: 1, points: [...CALLED, "card"], draw: (random) => `hand:courier:asks; ${say(random)}` },
  peerWithoutEnd: {
    weight: 2,
    points: [...CALLED, ...GIVEN_UP],
    draw: (random) => `hand:${pick(random, ["courier", "errand"] as const)}:${pick(random, ENDLESS_WAYS)}; ${say(random)}`,
  },
  peersAndChildren: {
    weight: 1,
    points: [...CALLED, "tool", "child", "result"],
    draw: (random) => `hand:courier:slow hand:courier:late hand:errand:slow call:helper use:charge; ${say(random)}`,
  },
  gateway: { weight: 3, points: [...CALLED, "result"], draw: (random) => `hand:claw:${pick(random, CLAW_WAYS)}; ${say(random)}` },
  gatewayInBackground: { weight: 1, points: CALLED, draw: (random) => `hand:clerk:${pick(random, CLAW_WAYS)}; ${say(random)}` },
  gatewayWithoutEnd: {
    weight: 2,
    points: [...CALLED, ...GIVEN_UP],
    draw: (random) => `hand:${pick(random, ["claw", "clerk"] as const)}:${pick(random, ENDLESS_WAYS)}; ${say(random)}`,
  },
  approval: { weight: 2, points: ["settle", "card", "started", "tool"], draw: (random) => `use:pay:${pick(random, WAYS)}; ${say(random)}` },
  twoApprovals: {
    weight: 1,
    points: ["settle", "card", "started", "tool"],
    draw: (random) => `use:pay use:pay:late use:charge; ${say(random)}`,
  },
  question: { weight: 2, points: ["settle", "card"], draw: (random) => `ask; ${say(random)}` },
  questionFromBelow: { weight: 1, points: ["settle", "card"], draw: (random) => `call:asker; ${say(random)}` },
};

export function drawScript(random: Random): DrawnScript {
  const { points, draw } = weighted(random, Object.values(SCRIPTS));
  return { words: draw(random), points };
}
