import { randomUUID } from "node:crypto";
import { ServerResponse } from "node:http";
import type { Express, NextFunction, Request, RequestHandler, Response } from "express";

/** A request whose answer is over: the route as registered, and how long it took; of an event stream, until its head. */
export interface AnsweredRequest {
  route: string;
  method: string;
  status: number;
  durationMs: number;
}

const OWN_ID = /^[A-Za-z0-9._-]{1,64}$/;

/** Names the answer's route in the metrics where Express does not know it. */
export const setRoute = (response: Response, route: string): void => {
  response.locals.route = route;
};

function routeOf(request: Request, response: Response): string {
  const named: unknown = response.locals.route ?? request.route?.path;
  return typeof named === "string" ? named : "unmatched";
}

/** Has a last word in the answer's head, as it goes out. One for each answer. */
export const beforeHead = (response: Response, complete: (response: Response) => void): void => {
  response.locals.completeHead = complete;
};

/** Notes when the head of each answer goes out. Done once for an app and not for each request. */
export function noteHeads(app: Express): void {
  const { writeHead } = ServerResponse.prototype;
  app.response.writeHead = function (this: Response, ...parameters: Parameters<typeof writeHead>) {
    this.locals.headMs = performance.now();
    this.locals.completeHead?.(this);
    return writeHead.apply(this, parameters) as Response;
  } as Response["writeHead"];
}

/**
 * The first handler of every request: its id (the caller's own, where it is a plain word) and the headers that every
 * answer bears. An answer's time ends with its last byte, or when the caller leaves.
 */
export function requestStart(headers: Headers, onRequest: (request: AnsweredRequest) => void): RequestHandler {
  function report(this: Response): void {
    const { startedMs, headMs } = this.locals;
    const isStream = String(this.getHeader("content-type")).startsWith("text/event-stream");
    const durationMs = (isStream ? Number(headMs) : performance.now()) - Number(startedMs);
    onRequest({ route: routeOf(this.req, this), method: this.req.method, status: this.statusCode, durationMs });
  }
  return (request: Request, response: Response, next: NextFunction) => {
    const sent = request.headers["x-request-id"];
    response.setHeader("x-request-id", typeof sent === "string" && OWN_ID.test(sent) ? sent : randomUUID());
    response.setHeaders(headers);
    response.locals.startedMs = performance.now();
    response.once("close", report);
    next();
  };
}
