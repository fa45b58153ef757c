import {
  GatewayError,
  isGatewayError,
  type Limits,
  microsToDollars,
  openWalletInput,
  takeVoucherInput,
  topUpWalletInput,
  walletAddress,
  walletSessionId,
} from "@parley/contracts";
import type { Caller, Gateway, Log } from "@parley/domain";
import { authorize, type RouteName, routeRow } from "@parley/router";
import { type Request, type RequestHandler, type Response, Router } from "express";
import type { z } from "zod";
import { jsonBodyReader } from "../json-body.ts";
import { onceOf } from "../once-of.ts";
import { parseInput } from "../parse-input.ts";
import { answerPlainErrors } from "../plain-error.ts";
import { refuseMethod } from "../refuse-method.ts";
import { sendJson } from "../send-json.ts";
import type { VisitorOf } from "../visitors.ts";
import { describePlugin } from "./describe-plugin.ts";
import { walletView } from "./wallet-view.ts";

export interface WalletRouteDependencies {
  gateway: Gateway;
  log: Log;
  visitorOf: VisitorOf;
  limits: Limits;
}

const BASE = "/api/wallet/sessions";

/** What does not fit is a 400 here, with the first thing that is wrong. */
function parsed<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  try {
    return parseInput(schema, value);
  } catch (error) {
    if (!isGatewayError(error, "invalid_input")) throw error;
    const [issue] = error.issues ?? [];
    const where = issue?.path.join(".") ?? "";
    throw new GatewayError("bad_request", { text: where === "" ? "The body must be a JSON object." : `${where}: ${issue?.message}` });
  }
}

/** Sessions of wallets. Errors are `{error}`. */
export function walletRoutes({ gateway, log, visitorOf, limits }: WalletRouteDependencies): Router {
  const readJsonBody = jsonBodyReader(limits);

  const callerOf = (request: Request, response: Response, route: RouteName): Promise<Caller> =>
    authorize(visitorOf(request, response), routeRow(route));

  const list: RequestHandler = async (request, response) => {
    const caller = await callerOf(request, response, "wallet.list");
    const { sessionId, address } = request.query;
    if (sessionId !== undefined) {
      const session = await gateway.getWallet(caller, readSessionId(sessionId));
      return sendJson(response, 200, { session: walletView(session) });
    }
    if (address === undefined) throw new GatewayError("bad_request", { text: "Missing address parameter" });
    const wallet = walletAddress.safeParse(address);
    if (!wallet.success) throw new GatewayError("bad_request", { text: "address: must be a wallet's address" });
    sendJson(response, 200, { sessions: (await gateway.listWallets(caller, wallet.data)).map(walletView) });
  };

  const open: RequestHandler = async (request, response) => {
    const caller = await callerOf(request, response, "wallet.open");
    const input = parsed(openWalletInput, await readJsonBody(request, response));
    const { created, session } = await gateway.openWallet(caller, input, onceOf(request, "wallet.open"));
    if (created) sendJson(response, 201, { session: walletView(session) });
    else sendJson(response, 200, { session: walletView(session), note: "Active session already exists" });
  };

  const topUp: RequestHandler = async (request, response) => {
    const caller = await callerOf(request, response, "wallet.topUp");
    const input = parsed(topUpWalletInput, await readJsonBody(request, response));
    sendJson(response, 200, { session: walletView(await gateway.topUpWallet(caller, input, onceOf(request, "wallet.topUp"))) });
  };

  const close: RequestHandler = async (request, response) => {
    const caller = await callerOf(request, response, "wallet.close");
    const { sessionId } = request.query;
    if (sessionId === undefined) throw new GatewayError("bad_request", { text: "Missing sessionId" });
    const session = await gateway.closeWallet(caller, readSessionId(sessionId), onceOf(request, "wallet.close"));
    // Where something is under way, what is left goes back after it.
    const success = session.closedAt !== null;
    sendJson(response, success ? 200 : 202, { success, status: session.status, returned: microsToDollars(session.returnedMicros) });
  };

  const takeVoucher: RequestHandler = async (request, response) => {
    const visitor = visitorOf(request, response);
    await visitor.count("anonymous", null);
    const input = parsed(takeVoucherInput, await readJsonBody(request, response));
    const { session, amountMicros, receipt } = await gateway.takeVoucher(input, onceOf(request, "wallet.voucher"));
    const { id, spent, remaining, vouchers } = walletView(session);
    sendJson(response, 200, {
      success: true,
      // Of one moment, after it was paid: what others pay meanwhile is in all of it.
      session: { id, spent, remaining, pendingVouchers: vouchers.filter(({ state }) => state === "reserved").length },
      voucher: { amount: microsToDollars(amountMicros), plugin: input.plugin, description: describePlugin(input.plugin) },
      receipt,
    });
  };

  return Router()
    .get(BASE, list)
    .post(BASE, open)
    .delete(BASE, close)
    .post(`${BASE}/top-up`, topUp)
    .post(`${BASE}/voucher`, takeVoucher)
    .all(BASE, refuseMethod("GET, POST, DELETE"))
    .all([`${BASE}/top-up`, `${BASE}/voucher`], refuseMethod("POST"))
    .use(BASE, answerPlainErrors(log));
}

/** What can be no session's id is no session's. */
function readSessionId(value: unknown): string {
  const id = walletSessionId.safeParse(value);
  if (!id.success) throw new GatewayError("not_found", { text: "Session not found" });
  return id.data;
}
