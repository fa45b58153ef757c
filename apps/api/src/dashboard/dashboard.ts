import { randomUUID } from "node:crypto";
import { GatewayError, type Limits } from "@parley/contracts";
import type { Administration, Gateway, Log } from "@parley/domain";
import { authorize, type OpenStream, type RestRoute, type RouteName, routeRow } from "@parley/router";
import type { ConfigKeeper } from "@parley/settings";
import { type Request, type RequestHandler, type Response, Router } from "express";
import type { Attachments } from "../attachments.ts";
import { jsonBodyReader } from "../json-body.ts";
import { answerPlainErrors } from "../plain-error.ts";
import { sendJson } from "../send-json.ts";
import type { VisitorOf } from "../visitors.ts";
import type { Door, Handler } from "./call.ts";
import { chat } from "./chat.ts";
import { chatStream } from "./chat-stream.ts";
import { eventsHandler } from "./events.ts";
import { history } from "./history.ts";
import { listActivity, listAgents, listChannels, memoryStats, searchMemory } from "./reads.ts";

type DashboardName = Extract<RouteName, `dashboard.${string}`> | "activity.follow";

const HANDLERS: Record<Exclude<DashboardName, "dashboard.health">, Handler> = {
  "activity.follow": eventsHandler(),
  "dashboard.agents": listAgents,
  "dashboard.channels": listChannels,
  "dashboard.activity": listActivity,
  "dashboard.searchMemory": searchMemory,
  "dashboard.memoryStats": memoryStats,
  "dashboard.history": history,
  "dashboard.chat": chat,
  "dashboard.chatStream": chatStream,
  "dashboard.chatStreamByQuery": chatStream,
};

export interface DashboardDependencies {
  gateway: Gateway;
  administration: Administration;
  log: Log;
  attachments: Attachments;
  openStream: OpenStream;
  visitorOf: VisitorOf;
  limits: Limits;
  keeper: Pick<ConfigKeeper, "onPatched"> | null;
}

const refuseMethod: RequestHandler = () => {
  throw new GatewayError("method_not_allowed");
};

/** The dashboard's REST and events below `/api`. Errors are `{error}`, one sentence. */
export function dashboardRoutes({ visitorOf, ...dependencies }: DashboardDependencies): Router {
  const door: Door = { ...dependencies, readJsonBody: jsonBodyReader(dependencies.limits) };
  const known = { instanceId: randomUUID(), startedAt: new Date().toISOString() };
  const router = Router();

  const health: RequestHandler = (_request, response) => {
    sendJson(response, 200, { status: "ok", timestamp: new Date().toISOString(), ...known });
  };
  async function serve(route: DashboardName, handler: Handler, request: Request, response: Response): Promise<void> {
    const visitor = visitorOf(request, response);
    const caller = await authorize(visitor, routeRow(route));
    await handler(door, { route, request, response, caller, credential: visitor.credential });
  }
  const add = ({ method, path }: RestRoute, handler: RequestHandler): void => {
    if (method === "GET") router.get(path, handler);
    else router.post(path, handler);
  };

  const paths = new Set<string>();
  for (const [name, handler] of Object.entries(HANDLERS) as [DashboardName, Handler][]) {
    const { kind, mutating, rest = [] } = routeRow(name);
    for (const route of rest) {
      // Express answers HEAD with the GET handler: a stream without a body would never end, and a chat would begin.
      if (kind === "subscription" || mutating) router.head(route.path, refuseMethod);
      add(route, (request, response) => serve(name, handler, request, response));
      paths.add(route.path);
    }
  }
  router.get("/api/health", health);
  router.all([...paths, "/api/health"], refuseMethod);
  router.use([...paths, "/api/health"], answerPlainErrors(door.log));
  return router;
}
