import { ERRORS } from "@parley/contracts";
import { authorize, type OpenStream, ROUTES } from "@parley/router";
import { type Request, type RequestHandler, type Response, Router } from "express";
import { CLIENT_LEFT } from "../client-left.ts";
import { onGone } from "../on-gone.ts";
import type { VisitorOf } from "../visitors.ts";
import { answerMessage, tooOften } from "./answer-message.ts";
import { failureOf } from "./failure.ts";
import { isOperator } from "./is-operator.ts";
import { CODES, failed, type RpcFailure } from "./messages.ts";
import type { Peer, RpcDoor } from "./method.ts";
import { bodyReader } from "./read-body.ts";

export interface RpcHttpDependencies extends RpcDoor {
  openStream: OpenStream;
  visitorOf: VisitorOf;
}

const STATUS_OF_REFUSED: Partial<Record<RpcFailure["code"], number>> = { [CODES.limit]: 429, [CODES.internal]: 500 };

/**
 * The same methods over `POST /rpc`: one call or a batch in, the answers out; 204 where nothing is to be said. What was called is
 * answered with 200, whatever came of it; another status says that nothing was.
 */
export function rpcRoutes(dependencies: RpcHttpDependencies): Router {
  const { log, window, openStream, visitorOf, limits } = dependencies;
  const readBody = bodyReader(limits);

  async function serve(request: Request, response: Response): Promise<void> {
    const visitor = visitorOf(request, response);
    const caller = await authorize(visitor, ROUTES["rpc.call"]);
    const seconds = await window.take(caller, 1);
    if (seconds > 0) return refuse(response, tooOften(seconds), 429);
    const body = await readBody(request, response);
    if (response.destroyed) return;
    if ("refused" in body) return refuse(response, body.refused, body.status);
    const leaving = new AbortController();
    onGone(response, () => leaving.abort(CLIENT_LEFT));
    const idempotencyHeader = request.headers["idempotency-key"];
    const peer: Peer = {
      ...{
        visitor,
        caller,
        isOperator: await isOperator(dependencies, request, visitor),
        openStream,
        leaving: leaving.signal,
        notifier: null,
      },
      idempotencyHeader: typeof idempotencyHeader === "string" ? idempotencyHeader : null,
      // Nothing that goes on behind an answer can be called here.
      afterAnswer: () => {},
    };
    const answer = await answerMessage(dependencies, peer, body.text);
    if (response.destroyed) return;
    if ("refused" in answer) return refuse(response, answer.refused, STATUS_OF_REFUSED[answer.refused.code] ?? 400);
    if (answer.text === null) response.status(204).end();
    else response.type("application/json").send(answer.text);
  }

  const refuseMethod: RequestHandler = (_request, response) => {
    response.setHeader("allow", "POST");
    refuse(response, { code: CODES.invalidRequest, message: ERRORS.method_not_allowed.text }, 405);
  };

  return Router()
    .post("/rpc", async (request, response) => {
      try {
        await serve(request, response);
      } catch (error) {
        const failure = failureOf(error, { log, method: "/rpc" });
        refuse(response, failure, failure.data.httpStatus);
      }
    })
    .all("/rpc", refuseMethod);
}

function refuse(response: Response, failure: RpcFailure, status: number): void {
  if (response.headersSent || response.destroyed) return;
  if (status === 401) response.setHeader("www-authenticate", "Bearer");
  const { retryAfterSeconds } = (failure.data ?? {}) as { retryAfterSeconds?: number };
  if (retryAfterSeconds !== undefined) response.setHeader("retry-after", String(retryAfterSeconds));
  response.status(status).json(failed(null, failure));
}
