import type { A2aStore } from "../a2a/a2a-store.ts";
import type { AgentStore } from "../agent/agent-store.ts";
import type { BillingStore } from "../billing/billing-store.ts";
import type { ChatStore } from "../chat/chat-store.ts";
import type { CompactionStore } from "../compaction/compaction-store.ts";
import type { ConversationStore, ExecutionStore } from "../conversation/conversation-store.ts";
import type { HookStore } from "../hook/hook-store.ts";
import type { KeyStore, OrganizationStore } from "../identity/key-store.ts";
import type { SessionStore } from "../identity/session-store.ts";
import type { MediaStore } from "../media/media-store.ts";
import type { MemoryStore } from "../memory/memory-store.ts";
import type { PaymentStore } from "../payment/payment-store.ts";
import type { PeerStore } from "../peer/peer-store.ts";
import type { WebhookStore } from "../webhook/webhook-store.ts";

/** What tells a repeated call from a new one: the caller's key, within one route. */
export interface Once {
  route: string;
  key: string;
}

/** Who repeats: keys of different principals never meet. */
export interface Repeater {
  organizationId: string;
  principalId: string;
}

export interface RepeatableCall extends Repeater {
  route: string;
  idempotencyKey: string;
  /** SHA-256 of the input, hex. */
  bodyHash: string;
}

/** The stores that a use case may write to, all within one transaction. */
export interface TransactionStores {
  a2a: A2aStore;
  agents: AgentStore;
  billing: BillingStore;
  chats: ChatStore;
  compactions: CompactionStore;
  conversations: ConversationStore;
  executions: ExecutionStore;
  keys: KeyStore;
  hooks: HookStore;
  media: MediaStore;
  webhooks: WebhookStore;
  memories: MemoryStore;
  payments: PaymentStore;
  organizations: OrganizationStore;
  peers: PeerStore;
  sessions: SessionStore;
}

/**
 * Keeps a key and what it stands for in one transaction: both or neither. A repeated call does not run `work`, but gets what `keep` made of the
 * first answer; a concurrent twin waits for the first one. Another input under the same key is `idempotency_mismatch`.
 */
export interface RepeatStore {
  once<Answer extends object>(
    call: RepeatableCall,
    work: (stores: TransactionStores) => Promise<Answer>,
    keep: (answer: Answer) => object,
  ): Promise<{ answer: Answer; replayed: boolean }>;

  /** Takes a key for so long. `busy`: the first call is under way; with `answer`: it has ended. */
  claim(
    call: RepeatableCall,
    claim: { token: string; holdMs: number },
  ): Promise<{ state: "claimed" | "busy" } | { state: "done"; answer: object }>;
  /** Goes on holding a claimed key. */
  holdClaim(call: RepeatableCall, claim: { token: string; holdMs: number }): Promise<void>;
  /** Keeps the answer of a claimed key, or with null leaves the key free again. A claim that another has taken over changes nothing. */
  settleClaim(call: RepeatableCall, token: string, answer: object | null): Promise<void>;
}
