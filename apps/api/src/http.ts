import type { Gateway, Log } from "@parley/domain";
import express, { type Express, type Request } from "express";
import { adminRoutes } from "./admin.ts";
import { answerErrors, answerUnmatched } from "./answer-errors.ts";
import type { Attachments } from "./attachments.ts";
import { operationsRoutes } from "./operations.ts";
import { type AnsweredRequest, requestStart } from "./request-start.ts";
import { restRoutes } from "./rest/rest.ts";
import { trpcRoutes } from "./trpc/http.ts";

/** What the doors report, for `/metrics`. */
export interface HttpMetrics {
  contentType: string;
  text(): Promise<string>;
  onRequest(request: AnsweredRequest): void;
}

export interface HttpDependencies {
  gateway: Gateway;
  log: Log;
  metrics: HttpMetrics;
  attachments: Attachments;
  credentialOf(headers: Request["headers"]): string | null;
  adminSecret: string | null;
  /** Aborts when the process is told to stop. */
  closing: AbortSignal;
}

/** Every HTTP door of the process. No body is read before its door asks for it. */
export function createHttp(dependencies: HttpDependencies): Express {
  const { gateway, log, metrics, adminSecret, closing } = dependencies;
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  app.use(requestStart((request) => metrics.onRequest(request)));
  app.use(operationsRoutes({ gateway, metrics, isStopping: () => closing.aborted }));
  app.use("/trpc", trpcRoutes(dependencies));
  app.use(restRoutes(dependencies));
  app.use(adminRoutes({ gateway, adminSecret }));
  app.use(answerUnmatched);
  app.use(answerErrors(log));
  return app;
}
