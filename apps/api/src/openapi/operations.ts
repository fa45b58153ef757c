import type { ROUTES, RouteName } from "@parley/router";
import type { Operation } from "./operation.ts";
import { type A2aOperationName, a2aOperation, isOfA2a } from "./operations/a2a.ts";
import { billingOperations } from "./operations/billing.ts";
import { dashboardOperations } from "./operations/dashboard.ts";
import { gatewayChatOperations } from "./operations/gateway-chat.ts";
import { modelOperations, openaiOperations } from "./operations/openai.ts";
import { paymentOperations } from "./operations/payments.ts";
import { planOperations } from "./operations/plan.ts";
import { platformOperations } from "./operations/platform.ts";
import { responsesOperations } from "./operations/responses.ts";
import { restOperations } from "./operations/rest.ts";

/** The routes of the registry that plain HTTP has. */
type RestName = { [Name in RouteName]: (typeof ROUTES)[Name] extends { rest: readonly unknown[] } ? Name : never }[RouteName];

/** Does not compile while a route is missing. */
const OPERATIONS: Record<Exclude<RestName, "openai.models" | A2aOperationName>, Operation> = {
  ...billingOperations,
  ...dashboardOperations,
  ...gatewayChatOperations,
  ...restOperations,
  ...openaiOperations,
  ...paymentOperations,
  ...planOperations,
  ...platformOperations,
  ...responsesOperations,
};

/** What the document says of a route at one of its paths. */
export const operationOf = (name: RestName, path: string): Operation =>
  isOfA2a(name) ? a2aOperation(name, path) : operationElsewhere(name, path);

const operationElsewhere = (name: Exclude<RestName, A2aOperationName>, path: string): Operation =>
  name === "openai.models" ? modelOperations[path as keyof typeof modelOperations] : OPERATIONS[name];

export type { RestName };
