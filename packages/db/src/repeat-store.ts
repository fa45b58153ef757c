import type { RepeatStore, TransactionStores } from "@parley/domain";
import { createA2aStore } from "./a2a-store.ts";
import { createAgentStore } from "./agent-store.ts";
import { createBillingStore } from "./billing-store.ts";
import { call, first } from "./call.ts";
import { createChatStore } from "./chat-store.ts";
import { createCompactionStore } from "./compaction-store.ts";
import { guarded, type Sql } from "./connect.ts";
import { createConversationStore } from "./conversation-store.ts";
import { withinTransaction } from "./database.ts";
import { createExecutionStore } from "./execution-store.ts";
import { createHookStore } from "./hook-store.ts";
import { createKeyStore, createOrganizationStore } from "./key-store.ts";
import { createMediaStore } from "./media-store.ts";
import { createMemoryStore } from "./memory-store.ts";
import { createPaymentStore } from "./payment-store.ts";
import { createPeerStore } from "./peer-store.ts";
import { createSessionStore } from "./session-store.ts";
import { createWebhookStore } from "./webhook-store.ts";

export const createRepeatStore = (sql: Sql): RepeatStore => ({
  once: (repeat, work, keep) =>
    guarded(
      sql.begin(async (transaction) => {
        // The driver gives a transaction every member but the options that the query builder looks at.
        const client = Object.assign(transaction, { options: sql.options }) as unknown as Sql;
        const beTheRepeater = () => client`select set_config('parley.organizations', ${`{${repeat.organizationId}}`}, true)`;
        await beTheRepeater();
        const known = await call<object | null>(client, "replay", repeat);
        if (known !== null) return { answer: known as Awaited<ReturnType<typeof work>>, replayed: true };
        const answer = await work(stores(client));
        const kept = JSON.stringify(keep(answer));
        // The work may have been done for another organization: one that it has just made.
        await beTheRepeater();
        first(await client`select keep_answer(${JSON.stringify(repeat)}::text::jsonb, ${kept}::text::jsonb)`);
        return { answer, replayed: false };
      }),
    ) as Promise<{ answer: Awaited<ReturnType<typeof work>>; replayed: boolean }>,

  claim: (repeat, claim) => call(sql, "claim_call", { ...repeat, ...claim }),

  async holdClaim(repeat, claim) {
    await call(sql, "hold_claim", { ...repeat, ...claim });
  },

  async settleClaim(repeat, token, answer) {
    await call(sql, "settle_claim", { ...repeat, token, answer });
  },
});

function stores(client: Sql): TransactionStores {
  const within = withinTransaction(client);
  return {
    agents: createAgentStore(within),
    billing: createBillingStore(client),
    chats: createChatStore(client),
    compactions: createCompactionStore(client),
    conversations: createConversationStore(client),
    executions: createExecutionStore(client, within),
    keys: createKeyStore(client, within),
    hooks: createHookStore(client),
    media: createMediaStore(client),
    a2a: createA2aStore(client),
    webhooks: createWebhookStore(client),
    memories: createMemoryStore(client),
    sessions: createSessionStore(client),
    payments: createPaymentStore(client),
    organizations: createOrganizationStore(within),
    peers: createPeerStore(client),
  };
}
