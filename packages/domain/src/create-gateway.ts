import { serveA2a } from "./a2a/serve-a2a.ts";
import { createActivityNews } from "./activity/activity-news.ts";
import { followActivities } from "./activity/follow-activity.ts";
import { administer } from "./administration/administer.ts";
import type { Administration } from "./administration/administration.ts";
import { createAgentCatalog } from "./agent/agent-catalog.ts";
import { manageAgents } from "./agent/manage-agents.ts";
import { createDirectPurses } from "./billing/direct-purses.ts";
import { createDirectUsageBook } from "./billing/direct-usage-book.ts";
import { manageBilling } from "./billing/manage-billing.ts";
import { meterEmbedding } from "./billing/meter-embedding.ts";
import { createUsageNotes } from "./billing/usage-notes.ts";
import { openChats } from "./chat/open-chats.ts";
import { awaitTurn, readTurn } from "./conversation/await-turn.ts";
import { controlConversations } from "./conversation/control-conversations.ts";
import { followConversation } from "./conversation/follow-conversation.ts";
import { submitAndFollow, submitAndShow, submitMessage } from "./conversation/submit-message.ts";
import { callDirect } from "./direct/call-direct.ts";
import { listModels } from "./direct/list-models.ts";
import { resolveModel } from "./direct/resolve-model.ts";
import { changeExecutions } from "./execution/change-executions.ts";
import { readExecutions } from "./execution/read-executions.ts";
import type { Gateway } from "./gateway.ts";
import type { GatewayContext, GatewayPorts } from "./gateway-ports.ts";
import { manageHooks } from "./hook/manage-hooks.ts";
import { receiveHook } from "./hook/receive-hook.ts";
import { claimCall } from "./idempotency/claim-call.ts";
import { manageKeys } from "./identity/manage-keys.ts";
import { manageSessions } from "./identity/manage-sessions.ts";
import { createFollowers } from "./log/followers.ts";
import { manageMedia } from "./media/manage-media.ts";
import { manageMemories } from "./memory/manage-memories.ts";
import { keepWallets } from "./payment/keep-wallets.ts";
import { payBackByHand } from "./payment/pay-back-by-hand.ts";
import { sellByCredential } from "./payment/sell-by-credential.ts";
import { sellCalls } from "./payment/sell-calls.ts";
import { sellInChannels } from "./payment/sell-in-channels.ts";
import { sellPlans } from "./payment/sell-plans.ts";
import { takeCards } from "./payment/take-cards.ts";
import { managePeers } from "./peer/manage-peers.ts";
import { openPlans } from "./plan/open-plans.ts";
import { createResponses, type Responses } from "./responses/responses.ts";
import { manageWebhooks } from "./webhook/manage-webhooks.ts";

/** The front door's use cases, and the loop that keeps its readers whole. */
export interface FrontDoor {
  gateway: Gateway;
  administration: Administration;
  responses: Responses;
  /** Looks after the attached readers until the signal aborts. */
  watch(signal: AbortSignal): Promise<void>;
  /** Readers attached to this process. */
  attached(): number;
  /** Writes the usage that is not written yet. */
  close(): Promise<void>;
}

/** How old a note of what a call has used may become; as often, by default, workers renew their leases. */
const NOTE_EVERY_MS = 2_000;

/** Binds every use case of the front door to its ports. */
export function createGateway(ports: GatewayPorts): FrontDoor {
  const followers = createFollowers(ports);
  const news = createActivityNews(ports);
  const notes = createUsageNotes({ ...ports, store: ports.usageNotes }, NOTE_EVERY_MS);
  const directUsage = createDirectUsageBook({ ...ports, store: ports.directCalls, notes });
  const context: GatewayContext = {
    ...ports,
    followers,
    news,
    directUsage,
    purses: createDirectPurses(ports),
    catalog: createAgentCatalog(ports.agents, ports.clock),
    embed: meterEmbedding(ports.model, ports.embeddingModel),
  };
  return {
    gateway: {
      authenticate: ports.authenticate,
      checkReady: ports.checkReady,
      submitMessage: (caller, input, facts) => submitMessage(context, caller, input, facts),
      submitAndShow: (caller, input, facts) => submitAndShow(context, caller, input, facts),
      submitAndFollow: (caller, input, facts) => submitAndFollow(context, caller, input, facts),
      followConversation: (caller, input) => followConversation(context, caller, input),
      readTurn: (caller, input) => readTurn(context, caller, input),
      awaitTurn: (caller, input) => awaitTurn(context, caller, input),
      resolveModel: (name) => resolveModel(context, name),
      listModels: () => listModels(context),
      callModel: (caller, call) => callDirect(context, caller, call),
      claimCall: (caller, once, input, signal) => claimCall(context, { ...caller, ...once, input, signal }),
      ...serveA2a(context),
      ...followActivities(context),
      ...manageBilling(context),
      ...openChats(context),
      ...openPlans(context),
      ...takeCards(context),
      ...keepWallets(context),
      ...sellCalls(context),
      ...sellByCredential(context),
      ...payBackByHand(context),
      ...sellInChannels(context),
      ...sellPlans(context),
      ...controlConversations(context),
      ...readExecutions(context),
      ...changeExecutions(context),
      ...manageAgents(context),
      ...manageKeys(context),
      ...manageHooks(context),
      receiveHook: (delivery) => receiveHook(context, delivery),
      ...manageMedia(context),
      ...manageSessions(context),
      ...manageMemories(context),
      ...managePeers(context),
      ...manageWebhooks(context),
    },
    administration: administer(context),
    responses: createResponses(context),
    async watch(signal) {
      await Promise.all([followers.watch(signal), news.watch(signal)]);
    },
    attached: followers.count,
    async close() {
      await directUsage.close();
      await notes.close();
    },
  };
}
