import { GatewayError, isObject, type Limits, USER_NAME_CHARS_MAX } from "@parley/contracts";
import type { Caller, Gateway, Log, Once } from "@parley/domain";
import type { OpenStream, RouteName } from "@parley/router";
import type { Request, Response } from "express";
import type { Attachments } from "../attachments.ts";
import { CLIENT_LEFT } from "../client-left.ts";
import type { ReadJsonBody } from "../json-body.ts";
import { onGone } from "../on-gone.ts";
import { onceOf as onceOfRequest } from "../once-of.ts";
import type { ReadForm } from "./read-form.ts";

/** What all handlers of this door share. */
export interface Door {
  gateway: Gateway;
  log: Log;
  attachments: Attachments;
  openStream: OpenStream;
  readJsonBody: ReadJsonBody;
  readForm: ReadForm;
  limits: Limits;
}

/** One authorised request. */
export interface Call {
  /** Its row in the registry: usage and idempotency keys are scoped to it. */
  route: RouteName;
  request: Request;
  response: Response;
  caller: Caller;
  credential: string | null;
}

/** What a call says of itself besides its body; a message of a socket has no headers of its own. */
export interface Origin extends Pick<Call, "route" | "caller"> {
  request: Pick<Request, "headers">;
}

export type Handler = (door: Door, call: Call) => Promise<void>;

export type Json = Record<string, unknown>;

export const objectsIn = (value: unknown): Json[] => (Array.isArray(value) ? value.filter(isObject) : []);

/** What is wrong with one parameter: 400, with its name. */
export const wrong = (param: string | (string | number)[], message: string, code = "invalid_value"): GatewayError =>
  new GatewayError("bad_request", { text: message, issues: [{ path: [param].flat(), code, message }] });

export const missing = (param: string): GatewayError =>
  wrong(param, `Missing required parameter: '${param}'.`, "missing_required_parameter");

/** The body as an object with a model. What else it has is passed on, known or not. */
export async function readBody({ readJsonBody }: Door, { request, response }: Call): Promise<Json & { model: string }> {
  const body = await readJsonBody(request, response);
  if (!isObject(body)) throw new GatewayError("bad_request", { text: "The body must be a JSON object." });
  return { ...body, model: modelIn(body.model) };
}

/** Whom a call is for, as its body says: free text, that the budgets of this name count. Undefined: nobody in particular. */
export function userIn(user: unknown): string | undefined {
  if (user === undefined || user === null || user === "") return undefined;
  if (typeof user !== "string") throw wrong("user", "A user is named by a text.", "invalid_type");
  if (user.length > USER_NAME_CHARS_MAX)
    throw wrong("user", `'user' may have ${USER_NAME_CHARS_MAX} characters at most.`, "string_above_max_length");
  return user;
}

export function modelIn(model: unknown): string {
  if (model === undefined || model === null || model === "") throw missing("model");
  if (typeof model !== "string") throw wrong("model", "The model is named by a text.");
  return model;
}

/** What tells a repeated call from a new one, where it has a key. */
export const onceOf = ({ route, request }: Origin): Once | undefined => onceOfRequest(request, route);

/** Aborts when the client is gone before its answer was sent. */
export function leavingOf({ response }: Call): AbortController {
  const leaving = new AbortController();
  onGone(response, () => {
    if (!response.writableFinished) leaving.abort(CLIENT_LEFT);
  });
  return leaving;
}

/** Says where a turn is gone on with. The head may be out by then: a stream that waits for its message to be kept is not silent for long. */
export function nameConversation({ response }: Pick<Call, "response">, conversationId: string): void {
  if (!response.headersSent) response.setHeader("x-conversation-id", conversationId);
}

export const requestIdOf = ({ response }: Call): string => String(response.getHeader("x-request-id"));
