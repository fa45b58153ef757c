import type {
  A2aStore,
  ActivityStore,
  AdministrationStore,
  AgentStore,
  BillingStore,
  ChatStore,
  CompactionStore,
  ConversationStore,
  DirectCallStore,
  ExecutionStore,
  HookStore,
  KeyStore,
  LogStore,
  MediaStore,
  MemoryStore,
  OrganizationStore,
  PaymentStore,
  PeerCallStore,
  PeerKeyStore,
  PeerStore,
  RepeatStore,
  ResponseStore,
  SessionStore,
  TurnStore,
  UsageNoteStore,
  UsageStore,
  WebhookStore,
} from "@parley/domain";
import { createA2aOutbox, createA2aStore } from "./a2a-store.ts";
import { createActivityStore, createRelayStore } from "./activity-store.ts";
import { createAdministrationStore } from "./administration-store.ts";
import { createAgentStore } from "./agent-store.ts";
import { createBillingStore } from "./billing-store.ts";
import { createChatStore } from "./chat-store.ts";
import { createCompactionStore } from "./compaction-store.ts";
import { type ConnectOptions, connect, guarded } from "./connect.ts";
import { createConversationStore } from "./conversation-store.ts";
import { inOrganization } from "./database.ts";
import { createDirectCallStore } from "./direct-call-store.ts";
import { createExecutionStore } from "./execution-store.ts";
import { admitFairly, runFairly } from "./fair-stores.ts";
import { createHookStore } from "./hook-store.ts";
import { createKeyStore, createOrganizationStore } from "./key-store.ts";
import { createLogStore } from "./log-store.ts";
import { createMediaStore } from "./media-store.ts";
import { createMemoryStore } from "./memory-store.ts";
import { createPaymentStore } from "./payment-store.ts";
import { createPeerKeyStore } from "./peer-key-store.ts";
import { createPeerCallStore, createPeerOutbox, createPeerStore } from "./peer-store.ts";
import { createRepeatStore } from "./repeat-store.ts";
import { createResponseStore } from "./response-store.ts";
import { createSessionStore } from "./session-store.ts";
import { createSweepStore } from "./sweep-store.ts";
import { createTurnStore } from "./turn-store.ts";
import { createUsageNoteStore } from "./usage-note-store.ts";
import { createUsageStore } from "./usage-store.ts";
import { createWebhookOutbox, createWebhookStore } from "./webhook-store.ts";

export interface Database {
  a2a: A2aStore;
  activity: ActivityStore;
  administration: AdministrationStore;
  agents: AgentStore;
  billing: BillingStore;
  chats: ChatStore;
  compactions: CompactionStore;
  conversations: ConversationStore;
  directCalls: DirectCallStore;
  executions: ExecutionStore;
  keys: KeyStore;
  logs: LogStore;
  hooks: HookStore;
  media: MediaStore;
  webhooks: WebhookStore;
  memories: MemoryStore;
  organizations: OrganizationStore;
  payments: PaymentStore;
  peerKeys: PeerKeyStore;
  peers: PeerStore;
  peerCalls: PeerCallStore;
  repeats: RepeatStore;
  responses: ResponseStore;
  sessions: SessionStore;
  turns: TurnStore;
  /** How many calls of turns stand in line for Postgres in this process. */
  turnsWaiting(): number;
  usage: UsageStore;
  usageNotes: UsageNoteStore;
  /** Whether Postgres answers. */
  ping(): Promise<boolean>;
  /** Lets running statements end, at most a few seconds. */
  close(): Promise<void>;
}

const CLOSE_SECONDS = 5;

/** Every store, over one pool of the application's role. Connects at the first statement. */
export function openDatabase(options: ConnectOptions): Database {
  const sql = connect(options);
  const within = inOrganization(sql);
  const turns = runFairly(createTurnStore(sql), options.pool);
  return {
    a2a: createA2aStore(sql),
    activity: createActivityStore(sql),
    administration: createAdministrationStore(sql),
    agents: createAgentStore(within),
    billing: createBillingStore(sql),
    chats: createChatStore(sql),
    compactions: createCompactionStore(sql),
    conversations: admitFairly(createConversationStore(sql), options.pool),
    directCalls: createDirectCallStore(sql),
    executions: createExecutionStore(sql, within),
    keys: createKeyStore(sql, within),
    logs: createLogStore(sql),
    hooks: createHookStore(sql),
    media: createMediaStore(sql),
    webhooks: createWebhookStore(sql),
    memories: createMemoryStore(sql),
    organizations: createOrganizationStore(within),
    payments: createPaymentStore(sql),
    peerKeys: createPeerKeyStore(sql),
    peers: createPeerStore(sql),
    peerCalls: createPeerCallStore(sql),
    repeats: createRepeatStore(sql),
    responses: createResponseStore(sql),
    sessions: createSessionStore(sql),
    turns: turns.store,
    turnsWaiting: turns.waiting,
    usage: createUsageStore(sql),
    usageNotes: createUsageNoteStore(sql),
    ping: () =>
      guarded(sql`select 1`).then(
        () => true,
        () => false,
      ),
    close: () => sql.end({ timeout: CLOSE_SECONDS }),
  };
}

/** The sweep's store, over a connection of its own role. */
export function openSweepStore(options: Omit<ConnectOptions, "pool">) {
  const sql = connect({ ...options, pool: 1 });
  return {
    store: createSweepStore(sql),
    outbox: createWebhookOutbox(sql),
    pushes: createA2aOutbox(sql),
    peers: createPeerOutbox(sql),
    close: () => sql.end({ timeout: CLOSE_SECONDS }),
  };
}

/** The relay's, in the same way. */
export function openRelayStore(options: Omit<ConnectOptions, "pool">) {
  const sql = connect({ ...options, pool: 1 });
  return { store: createRelayStore(sql), close: () => sql.end({ timeout: CLOSE_SECONDS }) };
}
