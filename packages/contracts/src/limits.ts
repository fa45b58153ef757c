interface Bound {
  /** What holds where nothing is set. */
  standard: number;
  /** The smallest and the largest value that a setting may have. No schema lets more than `ceiling` through, whatever is set. */
  floor: number;
  ceiling: number;
}

/** A week: timers count in 31 bits, and nothing that a caller waits for is longer. */
const WEEK_MS = 604_800_000;

/** Every bound on what callers may send or cause, and for how long things are kept. `docs/settings.md` says what each does. */
export const BOUNDS = {
  bodyBytesMax: { standard: 1_048_576, floor: 1_024, ceiling: 16_777_216 },
  jsonDepthMax: { standard: 64, floor: 8, ceiling: 256 },
  messageCharsMax: { standard: 262_144, floor: 1, ceiling: 4_194_304 },
  filesPerMessageMax: { standard: 32, floor: 1, ceiling: 1_000 },
  endUserAttributesCharsMax: { standard: 8_192, floor: 2, ceiling: 262_144 },
  /** A look at the queue shows all of it. */
  queueMax: { standard: 100, floor: 1, ceiling: 1_000 },
  stepsPerTurnMax: { standard: 100, floor: 1, ceiling: 1_000 },
  /** Calls of one response, whatever they are. */
  callsPerResponseMax: { standard: 64, floor: 1, ceiling: 1_000 },
  callsPerStepMax: { standard: 16, floor: 1, ceiling: 256 },
  childDepthMax: { standard: 3, floor: 0, ceiling: 16 },
  childrenPerTurnMax: { standard: 64, floor: 0, ceiling: 10_000 },
  subAgentsMax: { standard: 64, floor: 0, ceiling: 256 },
  toolsMax: { standard: 64, floor: 0, ceiling: 256 },
  /** Recipes of the folder, and the bytes of each. */
  recipesMax: { standard: 50, floor: 0, ceiling: 1_000 },
  recipeBytesMax: { standard: 65_536, floor: 1_024, ceiling: 1_048_576 },
  toolResultCharsMax: { standard: 65_536, floor: 1_024, ceiling: 1_048_576 },
  /** Peers of an organization's registry. */
  peersMax: { standard: 256, floor: 0, ceiling: 10_000 },
  /** Of one agent, and of those that a caller brings along for one turn. */
  peersPerAgentMax: { standard: 32, floor: 0, ceiling: 256 },
  /** Skills of one peer that become tools. */
  peerSkillsMax: { standard: 64, floor: 1, ceiling: 256 },
  /** Agents of others, one behind the other, that may work for one turn; 0: none. */
  peerHopsMax: { standard: 5, floor: 0, ceiling: 32 },
  /** One call of a peer, from its first message on, without the time in which it waits for people. */
  peerCallMs: { standard: 600_000, floor: 1_000, ceiling: WEEK_MS },
  /** How long a peer that has a task may be away, before the call is given up. */
  peerAwayMs: { standard: 30_000, floor: 0, ceiling: WEEK_MS },
  /** Of all that is read for one call of a peer. */
  peerBytesMax: { standard: 8_388_608, floor: 1_024, ceiling: 67_108_864 },
  /** What the model is told of one call's artifacts. */
  peerResultCharsMax: { standard: 65_536, floor: 1_024, ceiling: 1_048_576 },
  peerArtifactsMax: { standard: 64, floor: 1, ceiling: 10_000 },
  /** Files of one call's artifacts that are kept. */
  peerFilesMax: { standard: 32, floor: 0, ceiling: 1_000 },
  /** How often one call of a peer may ask for more. */
  peerQuestionsMax: { standard: 8, floor: 0, ceiling: 100 },
  /** Tries of telling a peer that its task is not wanted any more. */
  peerCancelsMax: { standard: 8, floor: 1, ceiling: 20 },
  attemptsPerTurnMax: { standard: 5, floor: 1, ceiling: 100 },
  /** Turns in a row that background results may begin without a caller's message in between. */
  wakesInARowMax: { standard: 10, floor: 0, ceiling: 1_000 },
  /** How long a `queue` message waits on an idle conversation before it is run. */
  idleQueueGraceMs: { standard: 5_000, floor: 0, ceiling: WEEK_MS },
  /** How long a message may wait, held or behind a card, before it is given up. */
  queuedMessageKeptMs: { standard: WEEK_MS, floor: 1_000, ceiling: 31_536_000_000 },
  turnMs: { standard: 1_800_000, floor: 1_000, ceiling: WEEK_MS },
  /** What a caller may ask for instead of `turnMs`. */
  turnAskedMs: { standard: 21_600_000, floor: 1_000, ceiling: WEEK_MS },
  childMs: { standard: 600_000, floor: 100, ceiling: WEEK_MS },
  answerCharsMax: { standard: 1_048_576, floor: 1_024, ceiling: 16_777_216 },
  historyTurnsMax: { standard: 40, floor: 0, ceiling: 500 },
  historyCharsMax: { standard: 48_000, floor: 1_000, ceiling: 4_194_304 },
  /** Of one summary, and so of each of the few that stand for all older turns. */
  summaryCharsMax: { standard: 2_400, floor: 200, ceiling: 100_000 },
  /** Summaries of one level in a row before they are joined into one of the next. */
  summariesPerLevelMax: { standard: 3, floor: 2, ceiling: 16 },
  memoryCharsMax: { standard: 1_000, floor: 40, ceiling: 10_000 },
  /** Of one user, one agent, or the organization; the oldest are forgotten. */
  memoriesPerScopeMax: { standard: 200, floor: 1, ceiling: 2_000 },
  /** What a turn is told of them. */
  memoryPromptCharsMax: { standard: 4_000, floor: 0, ceiling: 100_000 },
  /** Earlier messages that a plan without a session may bring along. */
  planHistoryMax: { standard: 200, floor: 0, ceiling: 2_000 },
  modelRetriesMax: { standard: 3, floor: 0, ceiling: 20 },
  fallbackModelsMax: { standard: 4, floor: 0, ceiling: 16 },
  /** Of requests to the OpenAI routes and over A2A, whose messages may hold files. */
  modelBodyBytesMax: { standard: 16_777_216, floor: 1_024, ceiling: 67_108_864 },
  audioBytesMax: { standard: 26_214_400, floor: 1_024, ceiling: 104_857_600 },
  /** A call on the direct path, all tries together. */
  directCallMs: { standard: 1_800_000, floor: 1_000, ceiling: WEEK_MS },
  /** Further tries of each model, before anything was answered. */
  directRetriesMax: { standard: 1, floor: 0, ceiling: 10 },
  /** A provider that asks for a longer pause is not waited for. */
  directRetryWaitMs: { standard: 2_000, floor: 0, ceiling: 60_000 },
  /** Of an answer that is kept for repeated calls. */
  keptAnswerBytesMax: { standard: 1_048_576, floor: 0, ceiling: 16_777_216 },
  /** Calls whose usage waits to be written. */
  unrecordedCallsMax: { standard: 10_000, floor: 1, ceiling: 1_000_000 },
  /** Of all that one response is given to read: its input, and what was said before it. */
  responseContextItemsMax: { standard: 10_000, floor: 1, ceiling: 100_000 },
  responseContextBytesMax: { standard: 33_554_432, floor: 1_024, ceiling: 134_217_728 },
  /** Responses of one organization that a worker has yet to end. */
  backgroundResponsesMax: { standard: 1_000, floor: 1, ceiling: 1_000_000 },
  /** Workers that may take up one response, each after the one before was lost. */
  attemptsPerResponseMax: { standard: 5, floor: 1, ceiling: 100 },
  /** A WebSocket that responses are asked for on. */
  responseSocketMs: { standard: 3_600_000, floor: 1_000, ceiling: WEEK_MS },
  responsesPerSocketMax: { standard: 16, floor: 1, ceiling: 1_000 },
  syncWaitMs: { standard: 300_000, floor: 0, ceiling: WEEK_MS },
  streamMs: { standard: 3_600_000, floor: 1_000, ceiling: WEEK_MS },
  streamBufferEventsMax: { standard: 1_000, floor: 10, ceiling: 100_000 },
  /** What may wait for a WebSocket that does not read. */
  socketBufferBytesMax: { standard: 4_194_304, floor: 65_536, ceiling: 1_073_741_824 },
  /** Calls in one request; each may be a query of its own. */
  callsPerBatchMax: { standard: 20, floor: 1, ceiling: 1_000 },
  rpcCallsPerBatchMax: { standard: 50, floor: 1, ceiling: 1_000 },
  /** JSON-RPC calls of one credential within the window, over all its sockets and requests. */
  rpcCallsPerWindowMax: { standard: 60, floor: 1, ceiling: 100_000 },
  /** MCP calls of one credential, of one tool, within `rateWindowMs`, where its key says nothing else. */
  mcpToolCallsMax: { standard: 30, floor: 1, ceiling: 1_000_000 },
  rpcWindowMs: { standard: 60_000, floor: 100, ceiling: 3_600_000 },
  /** What one WebSocket may follow or wait for at a time. */
  subscriptionsPerSocketMax: { standard: 100, floor: 1, ceiling: 1_000_000 },
  /** What one credential may follow or wait for at a time in one process, over all its connections. */
  streamsPerCallerMax: { standard: 1_000, floor: 1, ceiling: 1_000_000 },
  /** Calls of one credential within one window, over all processes, by the bucket that a route counts against. */
  rateWindowMs: { standard: 60_000, floor: 1_000, ceiling: 3_600_000 },
  readCallsMax: { standard: 3_000, floor: 1, ceiling: 1_000_000_000 },
  writeCallsMax: { standard: 1_200, floor: 1, ceiling: 1_000_000_000 },
  turnCallsMax: { standard: 600, floor: 1, ceiling: 1_000_000_000 },
  streamCallsMax: { standard: 1_200, floor: 1, ceiling: 1_000_000_000 },
  adminCallsMax: { standard: 300, floor: 1, ceiling: 1_000_000_000 },
  /** The same of one address, for calls without a good credential. */
  anonymousCallsMax: { standard: 100, floor: 1, ceiling: 1_000_000_000 },
  /** Bad credentials from one address within the lock's time, before all that are not known to be good are refused from there. */
  badCredentialsMax: { standard: 20, floor: 1, ceiling: 1_000_000_000 },
  credentialLockMs: { standard: 300_000, floor: 1_000, ceiling: 86_400_000 },
  /** A browser's session: how long it lasts, how long nobody may come, how many one principal has. */
  sessionSeconds: { standard: 604_800, floor: 60, ceiling: 31_536_000 },
  sessionIdleSeconds: { standard: 43_200, floor: 20, ceiling: 31_536_000 },
  sessionsPerPrincipalMax: { standard: 50, floor: 1, ceiling: 200 },
  /** Earlier texts of the configuration file. */
  configHistoryMax: { standard: 100, floor: 1, ceiling: 10_000 },
  pageMax: { standard: 50, floor: 1, ceiling: 1_000 },
  /** What one look at a thread shows: its newest whole turns, until they have so many bytes or children. One turn is always shown. */
  threadTurnsMax: { standard: 500, floor: 1, ceiling: 10_000 },
  threadBytesMax: { standard: 4_194_304, floor: 16_384, ceiling: 67_108_864 },
  threadChildrenMax: { standard: 200, floor: 1, ceiling: 10_000 },
  /** Of one uploaded file. */
  mediaBytesMax: { standard: 33_554_432, floor: 1_024, ceiling: 5_368_709_120 },
  /** Of all files of an organization. */
  mediaBytesPerOrganizationMax: { standard: 10_737_418_240, floor: 1_024, ceiling: 1_125_899_906_842_624 },
  /** Uploads at a time in one process: each may hold a part of its file in memory. */
  mediaUploadsMax: { standard: 64, floor: 1, ceiling: 10_000 },
  /** How long an upload may take, and how long it may bring next to nothing. */
  uploadMs: { standard: 1_800_000, floor: 100, ceiling: 3_500_000 },
  uploadIdleMs: { standard: 30_000, floor: 100, ceiling: 600_000 },
  /** What a model call is shown of files, all of its messages together. */
  mediaPromptBytesMax: { standard: 8_388_608, floor: 0, ceiling: 67_108_864 },
  /** Ways in for webhooks, and endpoints that are told, of one organization. */
  hooksMax: { standard: 32, floor: 1, ceiling: 1_000 },
  hookBodyBytesMax: { standard: 262_144, floor: 1_024, ceiling: 16_777_216 },
  /** Deliveries of one organization that are not messages yet. */
  hookDeliveriesWaitingMax: { standard: 1_000, floor: 1, ceiling: 100_000 },
  webhookEndpointsMax: { standard: 16, floor: 1, ceiling: 1_000 },
  webhookAttemptsMax: { standard: 10, floor: 1, ceiling: 20 },
  webhookTimeoutMs: { standard: 15_000, floor: 100, ceiling: 60_000 },
  /** An endpoint that has done nothing but fail for so long is switched off. */
  webhookFailingDays: { standard: 5, floor: 0, ceiling: 365 },
  /** What came and what was sent, with what came of it. */
  webhooksKeptDays: { standard: 7, floor: 4, ceiling: 365 },
  /** Calls that are sold, and calls about wallets, of one credential within `rateWindowMs`; without one `anonymousCallsMax` of its address. */
  soldCallsMax: { standard: 100, floor: 1, ceiling: 1_000_000_000 },
  walletCallsMax: { standard: 120, floor: 1, ceiling: 1_000_000_000 },
  /** A call that is sold and whose process has said nothing for so long has died with it: its money is let go. */
  purchaseKeptMs: { standard: 3_600_000, floor: 1_000, ceiling: WEEK_MS },
  /** How long a plugin of the operator's own may take for one call, and how much it may answer. */
  pluginMs: { standard: 120_000, floor: 100, ceiling: 600_000 },
  pluginBytesMax: { standard: 8_388_608, floor: 1_024, ceiling: 67_108_864 },
  /** A payment channel that nobody uses is closed after so long, and what was spent through it collected. */
  channelIdleMs: { standard: 86_400_000, floor: 60_000, ceiling: WEEK_MS },
  /** A wallet's session that nobody uses is closed after so long, and what is left of it goes back. */
  sessionIdleMs: { standard: 2_592_000_000, floor: 60_000, ceiling: 31_536_000_000 },
  /** What somebody without a key may ask of a model for the price of one call: characters that it reads, and tokens of each of its answers. */
  guestInputCharsMax: { standard: 8_000, floor: 1, ceiling: 10_000_000 },
  guestAudioBytesMax: { standard: 1_048_576, floor: 1_024, ceiling: 104_857_600 },
  guestOutputTokensMax: { standard: 1_024, floor: 1, ceiling: 1_000_000 },
  /** How long a stream waits for its payer to sign for more. */
  voucherWaitMs: { standard: 60_000, floor: 100, ceiling: 600_000 },
  /** How often what the card service has told is looked through for what nobody has heard, and how many hundred events at a time. */
  cardLookMs: { standard: 300_000, floor: 1_000, ceiling: 86_400_000 },
  cardLookPagesMax: { standard: 10, floor: 1, ceiling: 1_000 },
  /** How long a chat of `/api/gateway/chat` is waited for before it is answered that it goes on. */
  chatWaitMs: { standard: 30_000, floor: 0, ceiling: WEEK_MS },
  /** How long an OpenClaw gateway may take to open a socket and to answer one request; a status is asked of it for a third of that. */
  gatewayAskMs: { standard: 15_000, floor: 100, ceiling: 600_000 },
  /** Keys of peers that stay the ones that were seen first, of one organization. */
  peerKeysMax: { standard: 10_000, floor: 0, ceiling: 1_000_000 },
  /** Who may be told of one A2A task, how often each is tried before it is given up, and how long it may take to answer. */
  a2aPushesPerTaskMax: { standard: 10, floor: 1, ceiling: 100 },
  a2aPushAttemptsMax: { standard: 16, floor: 1, ceiling: 100 },
  a2aPushTimeoutMs: { standard: 15_000, floor: 100, ceiling: 60_000 },
  /** How long a reader may keep an agent's card. */
  a2aCardSeconds: { standard: 60, floor: 0, ceiling: 86_400 },
  /** Tokens of an answer that money is set aside for at a time, before they are passed on. */
  holdSliceTokens: { standard: 256, floor: 16, ceiling: 100_000 },
  /** Tokens that are set aside before a call of which not all is seen as it comes, and which nobody has bounded: its provider is told to answer no more. */
  holdUnseenTokens: { standard: 32_768, floor: 256, ceiling: 1_000_000 },
  /** How long a call that has not begun waits for money that others hold and may let go of; and one that is in the middle of its answer. */
  holdBeginMs: { standard: 10_000, floor: 0, ceiling: 600_000 },
  holdWaitMs: { standard: 2_000, floor: 0, ceiling: 600_000 },
  /** What a direct call holds is let go when nothing was heard of it for so long. */
  holdKeptMs: { standard: 1_860_000, floor: 1_000, ceiling: WEEK_MS },
  /** A process that was silent for so long counts as lost: what its calls have used is charged as it has noted it last. */
  silentProcessMs: { standard: 30_000, floor: 1_000, ceiling: 600_000 },
  budgetsMax: { standard: 1_000, floor: 0, ceiling: 100_000 },
  /** Of one organization, and of those that are everybody's; old versions count. */
  pricesMax: { standard: 2_000, floor: 1, ceiling: 100_000 },
  /** How long a repeated call gets its first answer. */
  idempotencyKeptHours: { standard: 24, floor: 1, ceiling: 8_760 },
  /** The steps of a turn, from its end on: a turn that has ended is not taken up again. */
  journalKeptDays: { standard: 7, floor: 1, ceiling: 3_650 },
  /** What calls on the direct path have used. 0: for ever. */
  directCallsKeptDays: { standard: 400, floor: 0, ceiling: 36_500 },
  /** Calls that were sold, and offers of them, from their end on. Longer than any payment is looked for, and than any voucher is good. */
  soldCallsKeptDays: { standard: 90, floor: 8, ceiling: 36_500 },
  /** Events of the card service that were booked. Longer than the service keeps them. */
  cardEventsKeptDays: { standard: 90, floor: 35, ceiling: 36_500 },
  /** Payments by card, whose sums refunds and disputes are reckoned from: a dispute may come after more than a year. 0: for ever. */
  cardPaymentsKeptDays: { standard: 800, floor: 0, ceiling: 36_500 },
  /** Of an organization's activity the newest so many; what is older is told no more. */
  activityKeptMax: { standard: 10_000, floor: 100, ceiling: 1_000_000 },
  activityKeptDays: { standard: 7, floor: 1, ceiling: 3_650 },
  /** A response that is not part of any other, from when it was last. 0: for ever. */
  responsesKeptDays: { standard: 30, floor: 0, ceiling: 36_500 },
  /** A conversation of items, from its last change on. 0: for ever. */
  itemConversationsKeptDays: { standard: 0, floor: 0, ceiling: 36_500 },
  /** A conversation at rest, with all below it, from its last change on. 0: for ever. */
  conversationsKeptDays: { standard: 0, floor: 0, ceiling: 36_500 },
  /** The events of a turn, from its end on, while its conversation goes on. 0: for ever. */
  eventsKeptDays: { standard: 0, floor: 0, ceiling: 36_500 },
} as const satisfies Record<string, Bound>;

export type LimitName = keyof typeof BOUNDS;
export type Limits = Record<LimitName, number>;

/** What holds where nothing is set. */
export const LIMITS = Object.fromEntries(Object.entries(BOUNDS).map(([name, { standard }]) => [name, standard])) as Limits;

/** The buckets that calls are counted in, and the bound of each. `anonymous` counts by address, the others by credential. */
export const RATE_BUCKETS = {
  read: "readCallsMax",
  write: "writeCallsMax",
  turn: "turnCallsMax",
  stream: "streamCallsMax",
  admin: "adminCallsMax",
  anonymous: "anonymousCallsMax",
} as const satisfies Record<string, LimitName>;

export type RateBucket = keyof typeof RATE_BUCKETS;
