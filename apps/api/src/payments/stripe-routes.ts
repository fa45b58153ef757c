import { checkoutInput, checkoutName, type ErrorCode, isGatewayError, type Limits } from "@parley/contracts";
import type { Caller, Gateway, Log } from "@parley/domain";
import { authorize, type RouteName, routeRow } from "@parley/router";
import express, { type Request, type RequestHandler, type Response, Router } from "express";
import { onceOf } from "../once-of.ts";
import { parseInput } from "../parse-input.ts";
import { answerPlainErrors } from "../plain-error.ts";
import { refuseMethod } from "../refuse-method.ts";
import { sendJson } from "../send-json.ts";
import type { VisitorOf } from "../visitors.ts";

export interface StripeRouteDependencies {
  gateway: Gateway;
  log: Log;
  visitorOf: VisitorOf;
  limits: Pick<Limits, "hookBodyBytesMax">;
}

const BASE = "/api/v1/payments/stripe";
/** What is thrown before a signature is found to be right. */
const UNSIGNED: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["payment_refused", "payments_not_configured"]);

/** Credits by card: where to pay, where to look after cards, and what Stripe tells. Errors are `{error}`. */
export function stripeRoutes({ gateway, log, visitorOf, limits }: StripeRouteDependencies): Router {
  const raw = express.raw({ type: () => true, limit: limits.hookBodyBytesMax, inflate: false });
  const callerOf = (request: Request, response: Response, route: RouteName): Promise<Caller> =>
    authorize(visitorOf(request, response), routeRow(route));

  const create: RequestHandler = async (request, response) => {
    const caller = await callerOf(request, response, "payment.checkout");
    const input = parseInput(checkoutInput, request.query);
    sendJson(response, 200, await gateway.createCheckout(caller, input, onceOf(request, "payment.checkout")));
  };

  const verify: RequestHandler = async (request, response) => {
    const caller = await callerOf(request, response, "payment.verify");
    sendJson(response, 200, await gateway.verifyCheckout(caller, parseInput(checkoutName, request.query)));
  };

  const portal: RequestHandler = async (request, response) => {
    const caller = await callerOf(request, response, "payment.portal");
    sendJson(response, 200, await gateway.openPortal(caller));
  };

  /** 2xx only once it is booked: whatever else is answered, Stripe comes again. */
  const receive: RequestHandler = async (request, response) => {
    const visitor = visitorOf(request, response);
    visitor.checkLock();
    try {
      await new Promise<void>((resolve, reject) => {
        raw(request, response, (error?: unknown) => (error === undefined ? resolve() : reject(error as Error)));
      });
      const body: unknown = request.body;
      const signature = request.headers["stripe-signature"];
      await gateway.receiveCardEvent({
        body: body instanceof Uint8Array ? body : new Uint8Array(0),
        signature: typeof signature === "string" ? signature : "",
      });
    } catch (error) {
      // What Stripe has signed is not counted: at the first of a month it tells of many at once, from few addresses. All else is: what could not be read, or not checked, too.
      if (isGatewayError(error, "payment_refused")) await visitor.noteBadCredential();
      if (!isGatewayError(error) || UNSIGNED.has(error.code)) await visitor.count("anonymous", null);
      throw error;
    }
    sendJson(response, 200, { received: true });
  };

  return Router()
    .post(`${BASE}/create`, create)
    .get(`${BASE}/verify`, verify)
    .get(`${BASE}/portal`, portal)
    .post(`${BASE}/webhook`, receive)
    .all([`${BASE}/verify`, `${BASE}/portal`], refuseMethod("GET"))
    .all([`${BASE}/create`, `${BASE}/webhook`], refuseMethod("POST"))
    .use(BASE, answerPlainErrors(log));
}
