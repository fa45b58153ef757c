/** When a fault strikes: before the call, while it is under way, or when its answer is there and nobody has seen it yet. */
export type Phase = "before" | "during" | "after";

/**
 * What happens to the process or around it. `kill`: SIGKILL. `freeze`: SIGSTOP, past the lease, then SIGCONT. `terminate`: SIGTERM.
 * `reset-…`: its TCP connections there are reset. `storm`: those to Postgres are, again and again. `reset-tools` and `reset-peers` are those of all
 * processes. `flush-redis`: FLUSHALL. `lose`: the
 * order never reaches Redis.
 */
export type FaultKind =
  | "kill"
  | "freeze"
  | "terminate"
  | "reset-postgres"
  | "storm"
  | "reset-redis"
  | "reset-model"
  | "reset-tools"
  | "reset-peers"
  | "flush-redis"
  | "lose";

const ANY: readonly Phase[] = ["before", "during", "after"];

/** Where a process can be made to fail: the calls of its ports, by the step of a turn's life that they are. */
export const POINTS = {
  admission: ANY,
  claim: ANY,
  model: ANY,
  step: ANY,
  child: ANY,
  started: ANY,
  tool: ANY,
  result: ANY,
  // A call of a peer: written down; marked before its message goes out; sent; its task named; looked for by another worker; the cancels that are owed
  // found, told, and written down as told.
  dispatch: ANY,
  begin: ANY,
  send: ANY,
  named: ANY,
  reconcile: ANY,
  owed: ["after"],
  withdraw: ANY,
  told: ANY,
  steer: ANY,
  inbox: ANY,
  checkpoint: ANY,
  settle: ["before", "during"],
  finish: ["after"],
  outbox: ["before", "after"],
  sweep: ["after"],
  reaper: ANY,
  release: ANY,
  stop: ANY,
  cancel: ANY,
  clear: ANY,
  change: ANY,
  card: ANY,
  drain: ANY,
} as const satisfies Record<string, readonly Phase[]>;

export type PointName = keyof typeof POINTS;

/** One fault of a plan: at the `nth` call of this point that is about the trial's conversations. */
export interface FaultPlan {
  kind: FaultKind;
  point: PointName;
  phase: Phase;
  nth: number;
  /** How long a frozen process sleeps, or a storm lasts. */
  holdMs: number;
  /** A frozen process sleeps besides until the model is asked once more for a text that has this in it: until it is overtaken. */
  untilAskedFor?: string;
}
