import { A2A_ROUTES } from "./routes/a2a-routes.ts";
import { ADMIN_ROUTES } from "./routes/admin-routes.ts";
import { AGENT_ROUTES } from "./routes/agent-routes.ts";
import { BILLING_ROUTES } from "./routes/billing-routes.ts";
import { CONVERSATION_ROUTES } from "./routes/conversation-routes.ts";
import { DASHBOARD_ROUTES } from "./routes/dashboard-routes.ts";
import { EXECUTION_ROUTES } from "./routes/execution-routes.ts";
import { GATEWAY_CHAT_ROUTES } from "./routes/gateway-chat-routes.ts";
import { HOOK_ROUTES } from "./routes/hook-routes.ts";
import { KEY_ROUTES } from "./routes/key-routes.ts";
import { LOGIN_ROUTES } from "./routes/login-routes.ts";
import { MEDIA_ROUTES } from "./routes/media-routes.ts";
import { MEMORY_ROUTES } from "./routes/memory-routes.ts";
import { OPENAI_ROUTES } from "./routes/openai-routes.ts";
import { OPERATIONS_ROUTES } from "./routes/operations-routes.ts";
import { PAYMENT_ROUTES } from "./routes/payment-routes.ts";
import { PEER_ROUTES } from "./routes/peer-routes.ts";
import { PLAN_ROUTES } from "./routes/plan-routes.ts";
import type { Kind, RouteRow } from "./routes/route-row.ts";

/** Every route of every door. Procedures are made from these rows; the other doors read them. */
export const ROUTES = {
  ...CONVERSATION_ROUTES,
  ...EXECUTION_ROUTES,
  ...AGENT_ROUTES,
  ...PEER_ROUTES,
  ...MEMORY_ROUTES,
  ...MEDIA_ROUTES,
  ...DASHBOARD_ROUTES,
  ...GATEWAY_CHAT_ROUTES,
  ...HOOK_ROUTES,
  ...KEY_ROUTES,
  ...OPENAI_ROUTES,
  ...PAYMENT_ROUTES,
  ...PLAN_ROUTES,
  ...A2A_ROUTES,
  ...LOGIN_ROUTES,
  ...OPERATIONS_ROUTES,
  ...BILLING_ROUTES,
  ...ADMIN_ROUTES,
} satisfies Record<string, RouteRow>;

export type RouteName = keyof typeof ROUTES;

/** The routes that are procedures of this kind. */
export type ProcedureName<Of extends Kind = Kind> = {
  [Name in RouteName]: (typeof ROUTES)[Name]["kind"] extends Of ? Name : never;
}[RouteName];

/** The procedures of one namespace, by their own names. A router must have exactly these. */
export type ProceduresOf<Namespace extends string> = {
  [Name in ProcedureName as Name extends `${Namespace}.${infer Own}` ? Own : never]: unknown;
};

/** The row, with the members that only some rows have. */
export const routeRow = (name: RouteName): RouteRow => ROUTES[name];
