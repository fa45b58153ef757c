import { GatewayError } from "@parley/contracts";
import { authorize, type RouteName, routeRow } from "@parley/router";
import { type Request, type Response, Router } from "express";
import { jsonBodyReader } from "../../json-body.ts";
import { answerErrors, type OpenaiDependencies, refuseMethod } from "../openai.ts";
import { openaiHead } from "../openai-head.ts";
import { formReader } from "../read-form.ts";
import { compact, countInput } from "./compact.ts";
import {
  addItems,
  deleteConversation,
  deleteItem,
  getConversation,
  getItem,
  listItems,
  makeConversation,
  updateConversation,
} from "./conversations.ts";
import { createResponse } from "./create.ts";
import type { ResponsesDoor, ResponsesHandler } from "./responses-door.ts";
import { cancelResponse, deleteResponse, getResponse, listInputItems } from "./stored.ts";

type ResponsesName = Extract<RouteName, `responses.${string}`>;

/** In the order in which paths are looked at: a name that stands for itself before one that could be any id. */
const HANDLERS: Record<ResponsesName, ResponsesHandler> = {
  "responses.create": createResponse,
  "responses.compact": compact,
  "responses.countInput": countInput,
  "responses.get": getResponse,
  "responses.inputItems": listInputItems,
  "responses.cancel": cancelResponse,
  "responses.delete": deleteResponse,
  "responses.makeConversation": makeConversation,
  "responses.getConversation": getConversation,
  "responses.updateConversation": updateConversation,
  "responses.deleteConversation": deleteConversation,
  "responses.addItems": addItems,
  "responses.listItems": listItems,
  "responses.getItem": getItem,
  "responses.deleteItem": deleteItem,
};

const VERBS = { GET: "get", POST: "post", DELETE: "delete", PATCH: "patch" } as const;
const PLACES = ["/v1/responses{/*rest}", "/v1/conversations{/*rest}"];

export type ResponsesDependencies = OpenaiDependencies & Pick<ResponsesDoor, "responses" | "closing">;

/** The door that all of these handlers stand behind. */
export function responsesDoor({ limits, ...dependencies }: ResponsesDependencies): ResponsesDoor {
  const { modelBodyBytesMax: bodyBytesMax, jsonDepthMax } = limits;
  // Items are kept as JSON text, which takes what Postgres' own JSON does not.
  const readJsonBody = jsonBodyReader({ bodyBytesMax, jsonDepthMax, isKept: false });
  return { ...dependencies, limits, readJsonBody, readForm: formReader(limits) };
}

/** Responses and conversations of items over HTTP. All refusals are in OpenAI's envelope. */
export function responsesRoutes(dependencies: ResponsesDependencies): Router {
  const { log, visitorOf } = dependencies;
  const door = responsesDoor(dependencies);

  async function serve(route: ResponsesName, request: Request, response: Response): Promise<void> {
    const visitor = visitorOf(request, response);
    const caller = await authorize(visitor, routeRow(route));
    await HANDLERS[route](door, { route, request, response, caller, credential: visitor.credential });
  }

  const router = Router();
  router.use(PLACES, openaiHead);
  const methods = new Map<string, string[]>();
  for (const name of Object.keys(HANDLERS) as ResponsesName[]) {
    for (const { method, path } of routeRow(name).rest ?? []) {
      router[VERBS[method]](path, (request: Request, response: Response) => serve(name, request, response));
      methods.set(path, [...(methods.get(path) ?? []), method]);
    }
  }
  for (const [path, allowed] of methods) router.all(path, refuseMethod(allowed.join(", ")));
  router.all(PLACES, () => {
    throw new GatewayError("not_found");
  });
  router.use(answerErrors(log));
  return router;
}
