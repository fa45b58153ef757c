import { GatewayError, type Limits } from "@parley/contracts";
import type { Gateway, Log } from "@parley/domain";
import { authorize, type OpenStream, type ROUTES, type RouteName, routeRow } from "@parley/router";
import { type ErrorRequestHandler, type Request, type RequestHandler, type Response, Router } from "express";
import type { Attachments } from "../attachments.ts";
import { jsonBodyReader } from "../json-body.ts";
import { toGatewayError } from "../to-gateway-error.ts";
import type { VisitorOf } from "../visitors.ts";
import { deleteAgent, resumeAgent, suspendAgent } from "./agent-handlers.ts";
import type { Door, Handler } from "./call.ts";
import { answerStream, decideStream } from "./card-handlers.ts";
import {
  cancelMessage,
  changeMessage,
  clearQueue,
  getConversation,
  getMessage,
  getRunState,
  stopConversation,
} from "./conversation-handlers.ts";
import { edit, editStream } from "./edit-handlers.ts";
import { deleteMemory, listMemories } from "./memory-handlers.ts";
import { createPeer, deletePeer, getPeer, listPeers, updatePeer } from "./peer-handlers.ts";
import { sendError } from "./send-error.ts";
import { drainStream, followEvents, invokeStream } from "./stream-handlers.ts";
import { deleteTask, getFullThread, getTask, getThread, listTasks, stopTask } from "./task-handlers.ts";
import { invoke, invokeAsync, sendMessage } from "./turn-handlers.ts";

/** The routes of the registry that are below `/v1`. */
type RestName = {
  [Name in Exclude<RouteName, "peer.push">]: (typeof ROUTES)[Name] extends { rest: readonly unknown[] }
    ? Name extends `${"turn" | "conversation" | "card" | "execution" | "memory" | "agent" | "peer"}.${string}`
      ? Name
      : never
    : never;
}[Exclude<RouteName, "peer.push">];

const HANDLERS: Record<RestName, Handler> = {
  "turn.submit": sendMessage,
  "turn.invoke": invoke,
  "turn.invokeAsync": invokeAsync,
  "turn.stream": invokeStream,
  "turn.edit": edit,
  "turn.editStream": editStream,
  "turn.follow": followEvents,
  "conversation.get": getConversation,
  "conversation.runState": getRunState,
  "conversation.message": getMessage,
  "conversation.stop": stopConversation,
  "conversation.cancelMessage": cancelMessage,
  "conversation.changeMessage": changeMessage,
  "conversation.clearQueue": clearQueue,
  "conversation.drainStream": drainStream,
  "card.answerStream": answerStream,
  "card.decideStream": decideStream,
  "execution.get": getTask,
  "execution.list": listTasks,
  "execution.thread": getThread,
  "execution.fullThread": getFullThread,
  "execution.stop": stopTask,
  "execution.delete": deleteTask,
  "agent.suspend": suspendAgent,
  "agent.resume": resumeAgent,
  "agent.delete": deleteAgent,
  "memory.list": listMemories,
  "memory.delete": deleteMemory,
  "peer.create": createPeer,
  "peer.update": updatePeer,
  "peer.delete": deletePeer,
  "peer.get": getPeer,
  "peer.list": listPeers,
};

const METHODS = { GET: "get", POST: "post", PATCH: "patch", DELETE: "delete" } as const;

export interface RestDependencies {
  gateway: Gateway;
  log: Log;
  /** Looks after all streams of the process. */
  attachments: Attachments;
  openStream: OpenStream;
  visitorOf: VisitorOf;
  limits: Limits;
}

/**
 * The REST v1 door: every registry row below `/v1`, to be mounted at the root, before any body parser. It answers all
 * of `/v1/agents`, `/v1/tasks`, `/v1/memories` and `/v1/peers`, errors included, as `{detail}`.
 */
export function restRoutes(dependencies: RestDependencies): Router {
  const { gateway, log, attachments, openStream, visitorOf, limits } = dependencies;
  const door: Door = { gateway, log, attachments, openStream, readJsonBody: jsonBodyReader(limits), limits };

  async function serve(name: RestName, request: Request, response: Response): Promise<void> {
    const visitor = visitorOf(request, response);
    const caller = await authorize(visitor, routeRow(name));
    await HANDLERS[name](door, { route: name, request, response, caller, credential: visitor.credential });
  }

  const router = Router();
  const methods = new Map<string, string[]>();
  for (const name of Object.keys(HANDLERS) as RestName[]) {
    const { rest = [], kind } = routeRow(name);
    for (const { method, path } of rest) {
      methods.set(path, [...(methods.get(path) ?? []), method]);
      // Express answers HEAD with the GET handler, and a stream without a body would never end.
      if (kind === "subscription") router.head(path, refuseMethod([method]));
      router[METHODS[method]](path, (request, response) => serve(name, request, response));
    }
  }
  for (const [path, allowed] of methods) router.all(path, refuseMethod(allowed));
  router.all(["/v1/agents{/*rest}", "/v1/tasks{/*rest}", "/v1/memories{/*rest}", "/v1/peers{/*rest}"], () => {
    throw new GatewayError("not_found");
  });
  router.use(answerErrors(log));
  return router;
}

const refuseMethod =
  (allowed: string[]): RequestHandler =>
  (_request, response) => {
    response.setHeader("allow", allowed.join(", "));
    throw new GatewayError("method_not_allowed");
  };

/** Errors of this door's own paths; those of others go on. A client that has left is told nothing. */
const answerErrors =
  (log: Log): ErrorRequestHandler =>
  (error: unknown, _request, response, _next) => {
    const refusal = toGatewayError(error, log.child({ requestId: response.getHeader("x-request-id") }));
    if (response.headersSent || response.destroyed) return;
    sendError(response, refusal);
  };
