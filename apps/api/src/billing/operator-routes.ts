import { setPriceInput } from "@parley/contracts";
import type { Gateway } from "@parley/domain";
import { Router } from "express";
import type { ReadJsonBody } from "../json-body.ts";
import { onceOf } from "../once-of.ts";
import { parseInput } from "../parse-input.ts";
import { correctionBody, creditBody, modeBody, onWire, payBackBody, priceBody, priceOf } from "./billing-wire.ts";
import { ofOrganization } from "./of-organization.ts";

/** The operator's part in money: credits, modes, prices, and a look at the books. Who may is checked before. */
export const operatorRoutes = (gateway: Gateway, readJsonBody: ReadJsonBody): Router =>
  Router()
    .post("/admin/billing/credits", async (request, response) => {
      const {
        organization_id: organizationId,
        amount_micros: amountMicros,
        ...rest
      } = parseInput(creditBody, await readJsonBody(request, response));
      const { done, account } = await gateway.grantCredits(
        { organizationId, amountMicros, ...rest },
        onceOf(request, "admin.grantCredits"),
      );
      response.json({ done, account: onWire(account) });
    })
    .post("/admin/billing/refunds", async (request, response) => {
      const { organization_id: organizationId, ...rest } = parseInput(payBackBody, await readJsonBody(request, response));
      response.json(await gateway.payBackByHand({ organizationId, ...rest }, onceOf(request, "admin.payBack")));
    })
    .post("/admin/billing/corrections", async (request, response) => {
      const {
        organization_id: organizationId,
        amount_micros: amountMicros,
        ...rest
      } = parseInput(correctionBody, await readJsonBody(request, response));
      const once = onceOf(request, "admin.correctCredits");
      const { done, account } = await gateway.correctCredits({ organizationId, amountMicros, ...rest }, once);
      response.json({ done, account: onWire(account) });
    })
    .post("/admin/billing/mode", async (request, response) => {
      const { organization_id: organizationId, mode } = parseInput(modeBody, await readJsonBody(request, response));
      response.json(onWire(await gateway.setBillingMode({ organizationId, mode }, onceOf(request, "admin.setBillingMode"))));
    })
    .post("/admin/billing/prices", async (request, response) => {
      const body = parseInput(priceBody, await readJsonBody(request, response));
      const input = parseInput(setPriceInput, priceOf(body));
      response.json(onWire(await gateway.setPrice(input, onceOf(request, "admin.setPrice"))));
    })
    .get("/admin/billing/ledger", async (request, response) => {
      const { organization_id } = parseInput(ofOrganization, request.query);
      response.json(onWire(await gateway.checkLedger(organization_id)));
    });
