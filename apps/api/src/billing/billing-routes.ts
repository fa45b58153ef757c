import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { budgetInput, GatewayError, type Limits, type Page, setBudgetInput, subscribeInput } from "@parley/contracts";
import type { Caller, Gateway, Log } from "@parley/domain";
import { authorize, type RouteName, routeRow } from "@parley/router";
import { type Request, type RequestHandler, type Response, Router } from "express";
import { jsonBodyReader } from "../json-body.ts";
import { onceOf } from "../once-of.ts";
import { parseInput } from "../parse-input.ts";
import { answerPlainErrors } from "../plain-error.ts";
import { refuseMethod } from "../refuse-method.ts";
import { sendJson } from "../send-json.ts";
import type { VisitorOf } from "../visitors.ts";
import {
  budgetBody,
  chargesQuery,
  entriesQuery,
  exportQuery,
  onWire,
  pageQuery,
  paymentsQuery,
  pricesQuery,
  statementQuery,
} from "./billing-wire.ts";
import { chargesCsv } from "./charges-csv.ts";

export interface BillingDependencies {
  gateway: Gateway;
  log: Log;
  visitorOf: VisitorOf;
  limits: Pick<Limits, "bodyBytesMax" | "jsonDepthMax">;
}

const pageOnWire = <Item extends object>({ items, total, page, perPage }: Page<Item>) => ({
  items: items.map(onWire),
  total,
  page,
  per_page: perPage,
});

/** `/api/billing/**`: what an organization's administrators see of its money. Errors are `{error}`. */
export function billingRoutes({ gateway, log, visitorOf, limits }: BillingDependencies): Router {
  const readJsonBody = jsonBodyReader(limits);
  const callerOf = (request: Request, response: Response, route: RouteName): Promise<Caller> =>
    authorize(visitorOf(request, response), routeRow(route));

  const account: RequestHandler = async (request, response) => {
    const caller = await callerOf(request, response, "billing.account");
    sendJson(response, 200, onWire(await gateway.readAccount(caller)));
  };
  const prices: RequestHandler = async (request, response) => {
    const caller = await callerOf(request, response, "billing.prices");
    const { per_page: perPage, ...filter } = parseInput(pricesQuery, request.query);
    sendJson(response, 200, pageOnWire(await gateway.listPrices(caller, { ...filter, perPage })));
  };
  const statement: RequestHandler = async (request, response) => {
    const caller = await callerOf(request, response, "billing.statement");
    const { currency, items, total, leftOut } = await gateway.readStatement(caller, parseInput(statementQuery, request.query));
    sendJson(response, 200, { currency, items: items.map(onWire), total: onWire(total), left_out: leftOut });
  };
  const charges: RequestHandler = async (request, response) => {
    const caller = await callerOf(request, response, "billing.charges");
    const { transaction_id: transactionId, ...query } = parseInput(chargesQuery, request.query);
    const { items, ...part } = await gateway.listCharges(caller, { ...query, transactionId });
    sendJson(response, 200, { ...part, items: items.map(onWire) });
  };
  const exportCharges: RequestHandler = async (request, response) => {
    const caller = await callerOf(request, response, "billing.exportCharges");
    const { transaction_id: transactionId, ...query } = parseInput(exportQuery, request.query);
    const parts = gateway.readCharges(caller, { ...query, transactionId });
    response.writeHead(200, { "content-type": "text/csv; charset=utf-8", "content-disposition": 'attachment; filename="charges.csv"' });
    await pipeline(Readable.from(chargesCsv(parts)), response);
  };
  const payments: RequestHandler = async (request, response) => {
    const caller = await callerOf(request, response, "billing.payments");
    const { items, ...part } = await gateway.listPayments(caller, parseInput(paymentsQuery, request.query));
    sendJson(response, 200, { ...part, items: items.map(onWire) });
  };
  const entries: RequestHandler = async (request, response) => {
    const caller = await callerOf(request, response, "billing.entries");
    const {
      per_page: perPage,
      source_type: sourceType,
      source_id: sourceId,
      transaction_id: transactionId,
      ...filter
    } = parseInput(entriesQuery, request.query);
    const named = { sourceType, sourceId, transactionId };
    sendJson(response, 200, pageOnWire(await gateway.listEntries(caller, { ...filter, ...named, perPage })));
  };
  const budgets: RequestHandler = async (request, response) => {
    const caller = await callerOf(request, response, "billing.budgets");
    const { per_page: perPage, page } = parseInput(pageQuery, request.query);
    sendJson(response, 200, pageOnWire(await gateway.listBudgets(caller, { page, perPage })));
  };
  const setBudget: RequestHandler = async (request, response) => {
    const caller = await callerOf(request, response, "billing.setBudget");
    const {
      limit_micros: limitMicros,
      alert_percent: alertPercent,
      ...rest
    } = parseInput(budgetBody, await readJsonBody(request, response));
    const input = parseInput(setBudgetInput, { ...rest, limitMicros, alertPercent });
    sendJson(response, 200, onWire(await gateway.setBudget(caller, input, onceOf(request, "billing.setBudget"))));
  };
  const deleteBudget: RequestHandler = async (request, response) => {
    const caller = await callerOf(request, response, "billing.deleteBudget");
    const id = budgetInput.safeParse(request.params);
    if (!id.success) throw new GatewayError("not_found");
    await gateway.deleteBudget(caller, id.data.budgetId, onceOf(request, "billing.deleteBudget"));
    sendJson(response, 200, { id: id.data.budgetId, deleted: true });
  };
  const plans: RequestHandler = async (request, response) => {
    const caller = await callerOf(request, response, "billing.plans");
    const { plans: sold, packs, subscription, subscriptions, invoices } = await gateway.listPlans(caller);
    sendJson(response, 200, {
      ...{ plans: sold.map(onWire), packs: packs.map(onWire), invoices: invoices.map(onWire) },
      ...{ subscription: subscription && onWire(subscription), subscriptions: subscriptions.map(onWire) },
    });
  };
  const subscribe: RequestHandler = async (request, response) => {
    const caller = await callerOf(request, response, "billing.subscribe");
    const input = parseInput(subscribeInput, await readJsonBody(request, response));
    sendJson(response, 200, onWire(await gateway.subscribe(caller, input, onceOf(request, "billing.subscribe"))));
  };
  const portal: RequestHandler = async (request, response) => {
    sendJson(response, 200, await gateway.openPortal(await callerOf(request, response, "billing.portal")));
  };
  return Router()
    .get("/api/billing/account", account)
    .get("/api/billing/prices", prices)
    .get("/api/billing/statement", statement)
    .get("/api/billing/charges", charges)
    .get("/api/billing/charges.csv", exportCharges)
    .get("/api/billing/payments", payments)
    .get("/api/billing/entries", entries)
    .get("/api/billing/plans", plans)
    .get("/api/billing/portal", portal)
    .post("/api/billing/subscribe", subscribe)
    .get("/api/billing/budgets", budgets)
    .post("/api/billing/budgets", setBudget)
    .delete("/api/billing/budgets/:budgetId", deleteBudget)
    .all(
      [
        ...["/api/billing/account", "/api/billing/prices", "/api/billing/statement", "/api/billing/charges.csv", "/api/billing/entries"],
        ...["/api/billing/charges", "/api/billing/payments", "/api/billing/plans", "/api/billing/portal"],
      ],
      refuseMethod("GET"),
    )
    .all("/api/billing/subscribe", refuseMethod("POST"))
    .all("/api/billing/budgets", refuseMethod("GET, POST"))
    .all("/api/billing/budgets/:budgetId", refuseMethod("DELETE"))
    .use("/api/billing", answerPlainErrors(log));
}
