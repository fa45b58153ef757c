/** What callers may send or cause at most, and for how long things are kept. */
export const LIMITS = {
  bodyBytesMax: 1_048_576,
  messageCharsMax: 262_144,
  filesPerMessageMax: 32,
  jsonDepthMax: 64,
  queueMax: 100,
  stepsPerTurnMax: 20,
  callsPerStepMax: 16,
  childDepthMax: 3,
  childrenPerTurnMax: 64,
  attemptsPerTurnMax: 5,
  /** Turns in a row that background results may begin without a caller's message in between. */
  wakesInARowMax: 10,
  /** Calls of one response, whatever they are. */
  callsPerResponseMax: 64,
  endUserAttributesCharsMax: 8_192,
  /** How long a `queue` message waits on an idle conversation before it is run. */
  idleQueueGraceMs: 5_000,
  /** How long a repeated call gets its first answer. */
  idempotencyKeptHours: 24,
  turnMs: 1_800_000,
  childMs: 600_000,
  answerCharsMax: 1_048_576,
  historyTurnsMax: 40,
  historyCharsMax: 48_000,
  syncWaitMs: 300_000,
  streamMs: 3_600_000,
  streamBufferEventsMax: 1_000,
  /** What one WebSocket may follow or wait for at a time. */
  subscriptionsPerSocketMax: 100,
  /** What one credential may follow or wait for at a time in one process, over all its connections. */
  streamsPerCallerMax: 1_000,
  modelRetriesMax: 3,
  fallbackModelsMax: 4,
  pageMax: 50,
} as const;
