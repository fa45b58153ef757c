import { agentId as agentIdOf, GatewayError } from "@parley/contracts";
import type { Caller } from "@parley/domain";
import { type A2aMethod, restError, toRefusal } from "@parley/peers";
import { authorize, type RouteName, routeRow } from "@parley/router";
import { type ErrorRequestHandler, type Request, type RequestHandler, type Response, Router } from "express";
import { CLIENT_LEFT } from "../client-left.ts";
import { jsonBodyReader } from "../json-body.ts";
import { isKeepable, UNKEEPABLE } from "../keepable-text.ts";
import { onGone } from "../on-gone.ts";
import { sendJson } from "../send-json.ts";
import type { FrontVisitor, VisitorOf } from "../visitors.ts";
import type { A2aCall, A2aDoor } from "./call.ts";
import { cardHandler } from "./card-handler.ts";
import { answerRpc, ROUTE_OF } from "./json-rpc.ts";
import { originOf } from "./origin-of.ts";
import { readVersion } from "./read-version.ts";
import { answerRest, isOfLegacy } from "./rest-binding.ts";
import { toA2aError } from "./to-a2a-error.ts";

export interface A2aDependencies extends A2aDoor {
  visitorOf: VisitorOf;
  /** Whose card stands at the root; null: nobody's. */
  defaultAgentId: string | null;
}

const METHODS = { GET: "get", POST: "post", DELETE: "delete", PATCH: "patch" } as const;

/** Our agents as A2A servers: cards, JSON-RPC and HTTP+JSON, of versions 1.0 and 0.3, all below `/a2a/agents/:agentId`. */
export function a2aRoutes({ visitorOf, defaultAgentId, ...door }: A2aDependencies): Router {
  const { gateway, limits, log } = door;
  // Messages may hold files.
  const readBody = jsonBodyReader({ ...limits, bodyBytesMax: limits.modelBodyBytesMax });

  /** The agent comes before the body: one that the caller may not use is not there. */
  async function admit(
    request: Request,
    response: Response,
    route: RouteName,
  ): Promise<Omit<A2aCall, "version"> & { visitor: FrontVisitor }> {
    const visitor = visitorOf(request, response);
    const caller = await authorize(visitor, routeRow(route));
    // Names in an address are looked up as those in a body are.
    if (!isKeepable(request.params) || !isKeepable(request.query)) throw new GatewayError("bad_request", { text: UNKEEPABLE });
    const named = agentIdOf.safeParse(request.params["agentId"]);
    if (!named.success) throw new GatewayError("not_found");
    const agentId: string = named.data;
    await gateway.getAgent(caller, agentId);
    const narrowed: Caller = { ...caller, agentIds: new Set([agentId]) };
    const leaving = new AbortController();
    onGone(response, () => leaving.abort(CLIENT_LEFT));
    const origin = originOf(door, request, visitor);
    return { agentId, caller: narrowed, request, response, credential: visitor.credential, leaving, origin, visitor };
  }

  const rpc: RequestHandler = async (request, response) => {
    const { visitor, ...call } = await admit(request, response, "a2a.call");
    await answerRpc(door, { request, response, visitor, readBody, call });
  };

  const rest =
    (method: A2aMethod): RequestHandler =>
    async (request, response) => {
      const { visitor: _, ...call } = await admit(request, response, ROUTE_OF[method]);
      await answerRest(door, { ...call, version: readVersion(request) }, { method, readBody });
    };

  const router = Router();
  const allowed = new Map<string, string[]>();
  const add = (name: RouteName, handler: RequestHandler): void => {
    for (const { method, path } of routeRow(name).rest ?? []) {
      allowed.set(path, [...(allowed.get(path) ?? []), method]);
      router[METHODS[method]](path, handler);
    }
  };
  add("a2a.card", cardHandler(door, { visitorOf, defaultAgentId }));
  add("a2a.call", rpc);
  // Those whose paths say what is done to a task stand before the task itself, whose id would take it in.
  for (const method of Object.keys(ROUTE_OF) as A2aMethod[]) if (method !== "GetTask") add(ROUTE_OF[method], rest(method));
  add(ROUTE_OF.GetTask, rest("GetTask"));
  // Clients of 1.0 may put a tenant before what they ask for. An agent's address is its tenant's already: as in JSON-RPC, it says nothing more.
  for (const method of Object.keys(ROUTE_OF) as A2aMethod[]) {
    for (const { method: verb, path } of routeRow(ROUTE_OF[method]).rest ?? []) {
      if (!isOfLegacy(path)) router[METHODS[verb]](path.replace(":agentId", ":agentId/:tenant"), rest(method));
    }
  }
  for (const [path, methods] of allowed) {
    router.all(path, (_request, response) => {
      response.setHeader("allow", methods.join(", "));
      throw new GatewayError("method_not_allowed");
    });
  }
  router.all("/a2a{/*rest}", async (request, response) => {
    await visitorOf(request, response).count("anonymous", null);
    throw new GatewayError("not_found");
  });
  router.use(answerErrors(log));
  return router;
}

/** Errors in the envelope of HTTP+JSON, in the version that was asked for. */
const answerErrors =
  (log: A2aDoor["log"]): ErrorRequestHandler =>
  (thrown: unknown, request: Request, response, _next) => {
    const error = toA2aError(thrown, log.child({ requestId: response.getHeader("x-request-id") }));
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    const refusal = toRefusal(error);
    if (refusal.http === 401) response.setHeader("www-authenticate", "Bearer");
    if (error instanceof GatewayError && error.retryAfterSeconds !== undefined)
      response.setHeader("retry-after", String(error.retryAfterSeconds));
    sendJson(response, refusal.http, restError(refusal, versionOf(request)));
  };

/** Of a request whose version is what is refused: the newest. */
function versionOf(request: Request): A2aCall["version"] {
  try {
    return readVersion(request);
  } catch {
    return "1.0";
  }
}
