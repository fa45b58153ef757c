import { GatewayError, type Limits } from "@parley/contracts";
import type { Gateway, Log } from "@parley/domain";
import { authorize, type OpenStream, routeRow } from "@parley/router";
import { Router } from "express";
import type { Attachments } from "../attachments.ts";
import { jsonBodyReader } from "../json-body.ts";
import type { VisitorOf } from "../visitors.ts";
import { runPlan } from "./run-plan.ts";
import { answerPlanErrors } from "./send-plan-error.ts";

export interface PlanDependencies {
  gateway: Gateway;
  log: Log;
  attachments: Attachments;
  openStream: OpenStream;
  visitorOf: VisitorOf;
  limits: Limits;
}

/** The planner's door: `POST /plan`, mounted before any body parser. */
export function planRoutes({ visitorOf, ...dependencies }: PlanDependencies): Router {
  const door = { ...dependencies, readJsonBody: jsonBodyReader({ ...dependencies.limits, isTyped: false }) };
  const route = "plan.run";
  return Router()
    .post("/plan", async (request, response) => {
      const visitor = visitorOf(request, response);
      const caller = await authorize(visitor, routeRow(route));
      await runPlan(door, { route, request, response, caller, credential: visitor.credential });
    })
    .all("/plan", (_request, response) => {
      response.setHeader("allow", "POST");
      throw new GatewayError("method_not_allowed");
    })
    .use("/plan", answerPlanErrors(door.log));
}
