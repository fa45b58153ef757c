import { GatewayError, type Limits } from "@parley/contracts";
import type { Gateway, Log } from "@parley/domain";
import { appRouter, type Context, type OpenStream, type ProcedureName, ROUTES, type RouteName, toGatewayError } from "@parley/router";
import { nodeHTTPRequestHandler } from "@trpc/server/adapters/node-http";
import type { Request, RequestHandler, Response } from "express";
import type { Attachments } from "../attachments.ts";
import { jsonBodyReader } from "../json-body.ts";
import { setRoute } from "../request-start.ts";
import type { VisitorOf } from "../visitors.ts";
import { parseQueryInput, readInput } from "./read-input.ts";
import { serveSubscription } from "./serve-subscription.ts";

export interface TrpcDependencies {
  gateway: Gateway;
  log: Log;
  attachments: Attachments;
  visitorOf: VisitorOf;
  openStream: OpenStream;
  limits: Limits;
}

const METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "POST"]);

const isRoute = (path: string): path is RouteName => Object.hasOwn(ROUTES, path);
const isSubscription = (path: string): path is ProcedureName => isRoute(path) && ROUTES[path].kind === "subscription";

/** Throws `bad_request` for a batch, whose calls name their keys in their inputs: one header cannot stand for several. */
function idempotencyHeaderOf({ headers, path }: Request): string | null {
  const header = headers["idempotency-key"];
  if (typeof header !== "string") return null;
  if (path.includes(",")) throw new GatewayError("bad_request", { text: "An Idempotency-Key header is for one call, not for a batch." });
  return header;
}

/** Of a batch the longest time: all of it is sent again. */
function retryAfter(errors: unknown[]): { headers?: Record<string, string> } {
  const seconds = Math.max(0, ...errors.map((error) => toGatewayError(error).retryAfterSeconds ?? 0));
  return seconds === 0 ? {} : { headers: { "retry-after": String(seconds) } };
}

/** tRPC over HTTP: calls, batches, and subscriptions as SSE. To be mounted at `/trpc`, before any body parser. */
export function trpcRoutes({ gateway, log, attachments, visitorOf, openStream, limits }: TrpcDependencies): RequestHandler {
  const readJsonBody = jsonBodyReader(limits);
  const contextOf = (request: Request, response: Response): Context => ({
    ...{ gateway, log, openStream },
    visitor: visitorOf(request, response),
    idempotencyHeader: idempotencyHeaderOf(request),
  });

  return async (request, response) => {
    const path = request.path.slice(1);
    setRoute(response, isRoute(path) ? `/trpc/${path}` : path.includes(",") ? "/trpc/batch" : "/trpc/unmatched");
    if (!METHODS.has(request.method)) {
      response.setHeader("allow", [...METHODS].join(", "));
      throw new GatewayError("method_not_allowed");
    }
    const ctx = contextOf(request, response);
    if (isSubscription(path) && request.method !== "HEAD") {
      await serveSubscription(request, response, { path, ctx, attachments, readJsonBody });
      return;
    }
    const body = request.method === "POST" ? await readInput(readJsonBody, request, response) : null;
    if (response.destroyed) return;
    await nodeHTTPRequestHandler({
      router: appRouter,
      req: request,
      res: response,
      path,
      maxBatchSize: limits.callsPerBatchMax,
      createContext: () => ctx,
      responseMeta: ({ errors }) => retryAfter(errors),
      middleware: (req, _res, next) => {
        try {
          // The type has been checked by our reader, whose refusal this one's would take the place of.
          if (body) req.headers["content-type"] = "application/json";
          if (body) req.body = body();
          else parseQueryInput(request);
          next();
        } catch (error) {
          next(error);
        }
      },
    });
  };
}
