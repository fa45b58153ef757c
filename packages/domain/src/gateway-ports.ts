import type { Limits, Plan } from "@parley/contracts";
import type { A2aStore } from "./a2a/a2a-store.ts";
import type { ActivityNews } from "./activity/activity-news.ts";
import type { ActivityStore } from "./activity/activity-store.ts";
import type { AdministrationStore } from "./administration/administration-store.ts";
import type { AgentCatalog } from "./agent/agent-catalog.ts";
import type { AgentStore } from "./agent/agent-store.ts";
import type { BillingStore } from "./billing/billing-store.ts";
import type { DirectPurses } from "./billing/direct-purses.ts";
import type { DirectUsageBook } from "./billing/direct-usage-book.ts";
import type { MeteredEmbedding } from "./billing/meter-embedding.ts";
import type { UsageNoteStore } from "./billing/usage-note-store.ts";
import type { ChatStore } from "./chat/chat-store.ts";
import type { Clock } from "./clock.ts";
import type { CompactionStore } from "./compaction/compaction-store.ts";
import type { ConversationStore, ExecutionStore } from "./conversation/conversation-store.ts";
import type { DirectCallStore } from "./direct/direct-call-store.ts";
import type { DirectModels } from "./direct/direct-models.ts";
import type { ModelAliases } from "./direct/resolve-model.ts";
import type { HookStore } from "./hook/hook-store.ts";
import type { CheckSignature } from "./hook/hook-use-cases.ts";
import type { RepeatStore } from "./idempotency/repeat-store.ts";
import type { Caller } from "./identity/caller.ts";
import type { KeyStore, OrganizationStore } from "./identity/key-store.ts";
import type { SessionStore } from "./identity/session-store.ts";
import type { Vault } from "./identity/vault.ts";
import type { JobQueue } from "./job-queue.ts";
import type { Followers } from "./log/followers.ts";
import type { LiveTail } from "./log/live-tail.ts";
import type { LogStore } from "./log/log-store.ts";
import type { Log } from "./logger.ts";
import type { BlobStore } from "./media/blob-store.ts";
import type { MediaStore } from "./media/media-store.ts";
import type { RunningHash } from "./media/take-in.ts";
import type { MemoryStore } from "./memory/memory-store.ts";
import type { Model } from "./model/model.ts";
import type { CardPayments } from "./payment/card-payments.ts";
import type { ChainPayments, CredentialReader } from "./payment/chain-payments.ts";
import type { ChannelPayments } from "./payment/channel-payments.ts";
import type { PaymentStore } from "./payment/payment-store.ts";
import type { TokenPayments } from "./payment/token-payments.ts";
import type { VoucherSigner } from "./payment/vouchers.ts";
import type { GatewayProbe } from "./peer/gateway-probe.ts";
import type { PeerCallStore, PeerStore } from "./peer/peer-store.ts";
import type { PlannerSettings } from "./plan/plan-use-cases.ts";
import type { ResponseStore } from "./responses/response-store.ts";
import type { WebhookStore } from "./webhook/webhook-store.ts";

/** What the front door's use cases are made of. */
export interface GatewayPorts {
  a2a: A2aStore;
  activity: ActivityStore;
  administration: AdministrationStore;
  agents: AgentStore;
  billing: BillingStore;
  /** Whether calls that only the fallback prices are refused. */
  refuseUnpriced: boolean;
  chats: ChatStore;
  compactions: Pick<CompactionStore, "mark">;
  conversations: ConversationStore;
  executions: ExecutionStore;
  direct: DirectModels;
  directCalls: DirectCallStore;
  usageNotes: UsageNoteStore;
  aliases: ModelAliases;
  keys: KeyStore;
  logs: LogStore;
  hooks: HookStore;
  webhooks: WebhookStore;
  /** Throws `egress_refused` for an address that may not be called from here. */
  checkAddress: (address: string) => Promise<void>;
  /** Null: there is no key to seal secrets with. */
  vault: Vault | null;
  checkSignature: CheckSignature;
  /** Whether what comes by any hook must bear a signed time. */
  hooksNeedTimestamp: boolean;
  media: MediaStore;
  blobs: BlobStore;
  memories: MemoryStore;
  organizations: OrganizationStore;
  peers: PeerStore;
  peerCalls: Pick<PeerCallStore, "pushed">;
  gatewayProbe: GatewayProbe;
  repeats: RepeatStore;
  responses: ResponseStore;
  sessions: SessionStore;
  tail: LiveTail;
  queue: JobQueue;
  clock: Clock;
  log: Log;
  limits: Limits;
  /** Makes the vectors by which memories are found; its name is `<provider>/<model>`, the one that workers have. */
  model: Pick<Model, "embed">;
  embeddingModel: string;
  authenticate: (credential: string) => Promise<Caller>;
  /** A new key: the secret, how to recognise it, and what is stored instead (SHA-256, hex). */
  makeKey: () => { apiKey: string; prefix: string; hash: string };
  /** What stands in a new session's cookie, and what is stored instead (SHA-256, hex). */
  makeSession: () => { token: string; hash: string };
  /** SHA-256 in hex. */
  hashBody: (body: string) => string;
  /** The same for bytes as they come. */
  startHash: () => RunningHash;
  planner: PlannerSettings;
  payments: PaymentStore;
  /** Null: nobody pays by card. */
  cards: CardPayments | null;
  /** Cents of the packs that credits are sold in. */
  packCents: readonly number[];
  /** What is sold by the month. */
  plans: readonly Plan[];
  /** Null: nobody pays on a chain. */
  chain: ChainPayments | null;
  /** Null: nobody pays through channels. */
  channels: ChannelPayments | null;
  /** Null: nobody pays single calls by card. */
  tokens: TokenPayments | null;
  readCredential: CredentialReader;
  voucherSigner: VoucherSigner;
  /** Development: sessions of wallets are funded by the operator. */
  devFunding: boolean;
  /** Under which callers know this gateway, without a slash at its end; null where nobody said. */
  publicUrl: string | null;
  checkReady: () => Promise<{ postgres: boolean; redis: boolean }>;
}

/** The ports, and what the use cases share. */
export interface GatewayContext extends GatewayPorts {
  catalog: AgentCatalog;
  followers: Followers;
  news: ActivityNews;
  directUsage: DirectUsageBook;
  purses: DirectPurses;
  embed: MeteredEmbedding;
}
