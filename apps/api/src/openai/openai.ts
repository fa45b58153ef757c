import { GatewayError, type Limits } from "@parley/contracts";
import type { Caller, Gateway, Log } from "@parley/domain";
import { authorize, type OpenStream, type RouteName, routeRow } from "@parley/router";
import { type ErrorRequestHandler, type Request, type RequestHandler, type Response, Router } from "express";
import type { Attachments } from "../attachments.ts";
import { jsonBodyReader } from "../json-body.ts";
import { toGatewayError } from "../to-gateway-error.ts";
import type { VisitorOf } from "../visitors.ts";
import type { Door, Handler } from "./call.ts";
import { chat } from "./chat.ts";
import { embeddings } from "./embeddings.ts";
import { getModel, listModels } from "./models.ts";
import { openaiHead } from "./openai-head.ts";
import { formReader } from "./read-form.ts";
import { sendOpenaiError } from "./send-error.ts";
import { speech } from "./speech.ts";
import { transcriptions } from "./transcriptions.ts";

type OpenaiName = Extract<RouteName, `openai.${string}`>;

/** The list of models is served apart, as it may be for everyone. */
const HANDLERS: Record<Exclude<OpenaiName, "openai.models">, Handler> = {
  "openai.chat": chat,
  "openai.embeddings": embeddings,
  "openai.speech": speech,
  "openai.transcriptions": transcriptions,
};

/** Everything below these is this door's, also what is not there. */
const PLACES = ["/v1/chat{/*rest}", "/v1/models{/*rest}", "/v1/embeddings{/*rest}", "/v1/audio{/*rest}"];

export interface OpenaiDependencies {
  gateway: Gateway;
  log: Log;
  attachments: Attachments;
  openStream: OpenStream;
  visitorOf: VisitorOf;
  limits: Limits;
  /** Whether the list of models is for everyone. */
  modelsPublic: boolean;
}

/** The OpenAI-compatible door, mounted at the root before any body parser. All its refusals are in OpenAI's envelope. */
export function openaiRoutes(dependencies: OpenaiDependencies): Router {
  const { gateway, log, attachments, openStream, visitorOf, limits, modelsPublic } = dependencies;
  const { modelBodyBytesMax: bodyBytesMax, jsonDepthMax } = limits;
  const readJsonBody = jsonBodyReader({ bodyBytesMax, jsonDepthMax, isKept: false });
  const door: Door = { gateway, log, attachments, openStream, readJsonBody, readForm: formReader(limits), limits };

  async function serve(route: OpenaiName, handler: Handler, request: Request, response: Response): Promise<void> {
    const visitor = visitorOf(request, response);
    const caller = await authorize(visitor, routeRow(route));
    await handler(door, { route, request, response, caller, credential: visitor.credential });
  }

  /** Null: a stranger, where the list is for everyone. */
  async function readerOf(request: Request, response: Response): Promise<Caller | null> {
    const visitor = visitorOf(request, response);
    if (visitor.credential !== null || !modelsPublic) return authorize(visitor, routeRow("openai.models"));
    await visitor.count("anonymous", null);
    return null;
  }

  const router = Router();
  router.use(PLACES, openaiHead);
  for (const [name, handler] of Object.entries(HANDLERS) as [OpenaiName, Handler][]) {
    for (const { path } of routeRow(name).rest ?? []) {
      router.post(path, (request, response) => serve(name, handler, request, response));
      router.all(path, refuseMethod("POST"));
    }
  }
  router.get("/v1/models", async (request, response) => listModels(door, response, await readerOf(request, response)));
  router.get("/v1/models/*id", async (request, response) => {
    const caller = await readerOf(request, response);
    // A name may have slashes, as they are or encoded.
    await getModel(door, response, { name: [request.params.id].flat().join("/"), caller });
  });
  router.all(["/v1/models", "/v1/models/*id"], refuseMethod("GET, HEAD"));
  router.all(PLACES, () => {
    throw new GatewayError("not_found");
  });
  router.use(answerErrors(log));
  return router;
}

export const refuseMethod =
  (allowed: string): RequestHandler =>
  (_request, response) => {
    response.setHeader("allow", allowed);
    throw new GatewayError("method_not_allowed");
  };

/** A client that has left is told nothing; an answer that has begun cannot be taken back. */
export const answerErrors =
  (log: Log): ErrorRequestHandler =>
  (error: unknown, _request, response, _next) => {
    if (response.destroyed) return;
    const refusal = toGatewayError(error, log.child({ requestId: response.getHeader("x-request-id") }));
    if (response.headersSent) response.destroy();
    else sendOpenaiError(response, refusal);
  };
