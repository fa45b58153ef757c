import { parseArgs } from "node:util";

export interface BenchConfig {
  /** Goals to measure, for example `S2`; null means all. */
  only: ReadonlySet<string> | null;
  /** Leaves the product out: floor, proxy and direct call by themselves. */
  withoutOurs: boolean;
  peers: boolean;
  rounds: number;
  thinning: number;
  idleStreams: number;
  silenceMs: number;
}

export const USAGE = `npm run bench -- [options]
  --only S2,S3           measure these goals only
  --peers                install and measure Portkey and LangGraph too
  --without-ours         measure only what the product is compared with
  --quick                fewer rounds and turns; shows the order of size
  --rounds N             interleaved rounds that count (default 5)
  --idle-streams N       attached streams of S7 (default 1000)
  --silence-seconds N    silence of S7 (default 10; the goal speaks of 600)`;

function count(name: string, text: string | undefined, fallback: number): number {
  const value = text === undefined ? fallback : Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} must be a whole number above 0.\n\n${USAGE}`);
  return value;
}

/** Reads the command line. Throws with the usage when it makes no sense. */
export function readConfig(argv: string[]): BenchConfig {
  const { values } = parseArgs({
    args: argv,
    options: {
      only: { type: "string" },
      peers: { type: "boolean", default: false },
      "without-ours": { type: "boolean", default: false },
      quick: { type: "boolean", default: false },
      rounds: { type: "string" },
      "idle-streams": { type: "string" },
      "silence-seconds": { type: "string" },
    },
  });
  return {
    only: values.only === undefined ? null : new Set(values.only.split(",").map((goal) => goal.trim().toUpperCase())),
    withoutOurs: values["without-ours"],
    peers: values.peers,
    rounds: count("rounds", values.rounds, values.quick ? 3 : 5),
    thinning: values.quick ? 3 : 1,
    idleStreams: count("idle-streams", values["idle-streams"], 1_000),
    silenceMs: count("silence-seconds", values["silence-seconds"], 10) * 1_000,
  };
}
