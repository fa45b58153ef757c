import type { Limits } from "@parley/contracts";
import type { Gateway, Log, Responses } from "@parley/domain";
import type { Tickets } from "@parley/identity";
import type { Metrics } from "@parley/telemetry";
import express, { type Express } from "express";
import { a2aRoutes } from "./a2a/a2a-routes.ts";
import { adminRoutes } from "./admin.ts";
import { answerErrors, answerUnmatched } from "./answer-errors.ts";
import type { Attachments } from "./attachments.ts";
import { billingRoutes } from "./billing/billing-routes.ts";
import { cors } from "./cors.ts";
import { dashboardRoutes } from "./dashboard/dashboard.ts";
import { didRoutes } from "./did-routes.ts";
import { gatewayChatRoutes } from "./gateway-chat/gateway-chat-routes.ts";
import { hookRoutes } from "./hooks/hook-routes.ts";
import { identityRoutes } from "./identity/identity-routes.ts";
import { mcpRoutes } from "./mcp/mcp-routes.ts";
import { mediaRoutes } from "./media/media-routes.ts";
import type { OpenStreams } from "./open-streams.ts";
import { openaiRoutes } from "./openai/openai.ts";
import { responsesRoutes } from "./openai/responses/responses-routes.ts";
import { openapiRoutes } from "./openapi/openapi-routes.ts";
import { operationsRoutes } from "./operations.ts";
import type { OriginLists } from "./origins.ts";
import { createPlugins, type PluginSettings } from "./payments/create-plugins.ts";
import { paidGateway } from "./payments/paid-gateway.ts";
import { stripeRoutes } from "./payments/stripe-routes.ts";
import { walletRoutes } from "./payments/wallet-routes.ts";
import { peerRoutes } from "./peers/peer-routes.ts";
import { answerPlainErrors } from "./plain-error.ts";
import { planRoutes } from "./plan/plan-routes.ts";
import { noteHeads, requestStart } from "./request-start.ts";
import { restRoutes } from "./rest/rest.ts";
import type { RpcDoor } from "./rpc/method.ts";
import { rpcRoutes } from "./rpc/rpc-http.ts";
import { securityHeaders } from "./security-headers.ts";
import { trpcRoutes } from "./trpc/http.ts";
import type { VisitorOf } from "./visitors.ts";

export interface HttpDependencies {
  gateway: Gateway;
  responses: Responses;
  log: Log;
  metrics: Pick<Metrics, "httpRequest" | "render">;
  attachments: Attachments;
  streams: OpenStreams;
  visitorOf: VisitorOf;
  tickets: Pick<Tickets, "create">;
  sessionByHash(hash: string): Promise<{ sessionId: string } | null>;
  origins: OriginLists;
  /** Whether callers come over TLS. */
  isTls: boolean;
  adminSecret: string | null;
  limits: Limits;
  rpc: RpcDoor;
  modelsPublic: boolean;
  publicUrl: string | null;
  defaultHookId: string | null;
  /** Whose card stands where A2A clients look for one. */
  defaultAgentId: string | null;
  /** What is sold by the call. */
  sold: PluginSettings;
  /** As JSON; null where the gateway has no identity. */
  didDocument: string | null;
  health(): Promise<object>;
  /** Aborts when the process is told to stop. */
  closing: AbortSignal;
}

/** Every HTTP door of the process. No body is read before its door asks for it. */
export function createHttp(dependencies: HttpDependencies): Express {
  const {
    gateway,
    log,
    metrics,
    streams,
    visitorOf,
    tickets,
    sessionByHash,
    origins,
    isTls,
    adminSecret,
    limits,
    publicUrl,
    defaultHookId,
    defaultAgentId,
    didDocument,
    health,
    closing,
    rpc,
  } = dependencies;
  const through = (door: string) => ({ ...dependencies, openStream: streams.through(door) });
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  noteHeads(app);
  app.use(requestStart(securityHeaders({ isTls }), (request) => metrics.httpRequest(request)));
  app.use(cors(origins));
  app.use(openaiRoutes(through("openai")));
  app.use(responsesRoutes(through("openai")));
  app.use(operationsRoutes({ gateway, metrics, visitorOf, health, isStopping: () => closing.aborted }));
  app.use(openapiRoutes(visitorOf));
  app.use(didRoutes({ visitorOf, didDocument }));
  app.use("/trpc", trpcRoutes(through("trpc")));
  app.use(restRoutes(through("rest")));
  app.use(dashboardRoutes({ ...through("dashboard"), administration: rpc.administration, keeper: rpc.keeper }));
  app.use(gatewayChatRoutes(through("gateway-chat")));
  app.use(planRoutes(through("planner")));
  app.use(rpcRoutes({ ...through("rpc"), ...rpc }));
  app.use(mcpRoutes({ ...through("mcp"), administration: rpc.administration }));
  app.use(a2aRoutes({ ...through("a2a"), defaultAgentId }));
  app.use(peerRoutes({ gateway, log, visitorOf }));
  app.use(billingRoutes({ gateway, log, visitorOf, limits }));
  app.use(hookRoutes({ gateway, log, visitorOf, limits, defaultHookId }));
  app.use(stripeRoutes({ gateway, log, visitorOf, limits }));
  app.use(walletRoutes({ gateway, log, visitorOf, limits }));
  const sales = through("paid");
  app.use(paidGateway({ ...sales, plugins: createPlugins(dependencies.sold, sales), soldBy: dependencies.sold.organizationId }));
  app.use(mediaRoutes({ gateway, log, visitorOf, publicUrl: publicUrl ?? "", limits }));
  app.use(adminRoutes({ gateway, visitorOf, adminSecret, limits }));
  app.use(identityRoutes({ log, gateway, visitorOf, tickets, sessionByHash, limits }));
  app.use("/api", answerUnmatched(visitorOf), answerPlainErrors(log));
  app.use(answerUnmatched(visitorOf));
  app.use(answerErrors(log));
  return app;
}
