import type { Gateway } from "@parley/domain";
import type { Metrics } from "@parley/telemetry";
import { type RequestHandler, Router } from "express";
import type { VisitorOf } from "./visitors.ts";

export interface OperationsDependencies {
  gateway: Gateway;
  metrics: Pick<Metrics, "render">;
  visitorOf: VisitorOf;
  /** What `/health` answers. */
  health(): Promise<object>;
  /** True from the moment that the process is told to stop: balancers should send nothing more. */
  isStopping(): boolean;
}

/** For balancers and scrapers, without a credential: `/health` and `/healthz`, `/ready`, `/metrics`. And `/`, which leads to the dashboard. */
export function operationsRoutes({ gateway, metrics, visitorOf, health, isStopping }: OperationsDependencies): Router {
  const alive: RequestHandler = (_request, response) => {
    response.json({ status: "ok" });
  };
  return Router()
    .get("/", async (request, response) => {
      await visitorOf(request, response).count("anonymous", null);
      response.redirect(302, "/app/");
    })
    .get("/health", async (_request, response) => {
      response.json(await health());
    })
    .get("/healthz", alive)
    .get("/ready", async (_request, response) => {
      const parts = { ...(await gateway.checkReady()), accepting: !isStopping() };
      const ready = Object.values(parts).every(Boolean);
      response.status(ready ? 200 : 503).json({ status: ready ? "ready" : "not_ready", parts });
    })
    .get("/metrics", async (_request, response) => {
      const { contentType, body } = await metrics.render();
      response.type(contentType).send(body);
    });
}
