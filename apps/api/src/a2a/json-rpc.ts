import { GatewayError, isObject } from "@parley/contracts";
import {
  A2aError,
  type A2aMethod,
  fromLegacy,
  LEGACY_METHODS,
  legacyEvent,
  PARAMS,
  type ParamsOf,
  readParams,
  rpcError,
  toRefusal,
} from "@parley/peers";
import { authorize, type RouteName, routeRow } from "@parley/router";
import type { Request, Response } from "express";
import type { ReadJsonBody } from "../json-body.ts";
import { sendJson } from "../send-json.ts";
import type { FrontVisitor } from "../visitors.ts";
import type { A2aCall, A2aDoor } from "./call.ts";
import { OPERATIONS, type PlainMethod } from "./operations.ts";
import { readVersion } from "./read-version.ts";
import { rpcResult } from "./results.ts";
import { streamTask } from "./stream-task.ts";
import { toA2aError } from "./to-a2a-error.ts";

/** The rows that say who may call a method, whatever the binding. */
export const ROUTE_OF: Record<A2aMethod, RouteName> = {
  SendMessage: "a2a.send",
  SendStreamingMessage: "a2a.stream",
  GetTask: "a2a.get",
  ListTasks: "a2a.list",
  CancelTask: "a2a.cancel",
  SubscribeToTask: "a2a.subscribe",
  CreateTaskPushNotificationConfig: "a2a.createPush",
  GetTaskPushNotificationConfig: "a2a.getPush",
  ListTaskPushNotificationConfigs: "a2a.listPushes",
  DeleteTaskPushNotificationConfig: "a2a.deletePush",
  GetExtendedAgentCard: "a2a.extendedCard",
};

type RpcId = string | number | null;

interface Envelope {
  id: RpcId;
  method: string;
  params: unknown;
}

const isId = (id: unknown): id is RpcId =>
  id === undefined || id === null || typeof id === "string" || (typeof id === "number" && Number.isInteger(id));

/** One call; several at once are not what A2A has. */
function readEnvelope(body: unknown): Envelope {
  if (Array.isArray(body)) throw new A2aError("invalidRequest", "Batches are not taken: one call at a time.");
  if (!isObject(body) || body["jsonrpc"] !== "2.0" || typeof body["method"] !== "string" || body["method"] === "" || !isId(body["id"])) {
    throw new A2aError("invalidRequest");
  }
  const { params } = body;
  if (params !== undefined && params !== null && !isObject(params))
    throw new A2aError("invalidParams", "The parameters must be an object.");
  return { id: body["id"] ?? null, method: body["method"], params: params ?? {} };
}

function methodOf(version: A2aCall["version"], name: string): A2aMethod {
  const method = version === "0.3" ? LEGACY_METHODS.get(name) : Object.hasOwn(PARAMS, name) ? (name as A2aMethod) : undefined;
  if (method === undefined) throw new A2aError("methodNotFound");
  return method;
}

const idIn = (body: unknown): RpcId => (isObject(body) && isId(body["id"]) ? (body["id"] ?? null) : null);

/** Refusals that HTTP has a word for: who calls, and how often, is no matter of the method. */
const OF_HTTP: ReadonlySet<string> = new Set(["unauthenticated", "missing_scope", "csrf_refused", "too_many_requests", "too_many_streams"]);

interface RpcRequest {
  request: Request;
  response: Response;
  visitor: FrontVisitor;
  readBody: ReadJsonBody;
  call: Omit<A2aCall, "version">;
}

/** Answers one JSON-RPC call, with HTTP's 200 whatever came of it. */
export async function answerRpc(door: A2aDoor, { request, response, visitor, readBody, call: admitted }: RpcRequest): Promise<void> {
  let body: unknown;
  let version: A2aCall["version"] = "1.0";
  try {
    body = await readBody(request, response).catch((error: unknown) => {
      throw error instanceof GatewayError && error.code === "bad_request" ? new A2aError("parse", error.message) : error;
    });
    const { id, method: name, params } = readEnvelope(body);
    version = readVersion(request);
    const call: A2aCall = { ...admitted, version };
    const method = methodOf(version, name);
    await authorize(visitor, routeRow(ROUTE_OF[method]));
    const given = readParams(method, version === "0.3" ? fromLegacy(method, params) : params);
    if (method === "SendStreamingMessage" || method === "SubscribeToTask") {
      const frame = (member: object): string => `data: ${JSON.stringify({ jsonrpc: "2.0", id, ...member })}\n\n`;
      const frames = {
        event: (event: Parameters<typeof legacyEvent>[0], isLast: boolean) =>
          frame({ result: version === "1.0" ? event : legacyEvent(event, isLast) }),
        failure: (error: GatewayError) => frame({ error: rpcError(toRefusal(error), version) }),
      };
      return await streamTask(door, call, { method, params: given as ParamsOf<typeof method>, frames });
    }
    const result = await run(door, call, method, given);
    if (!response.destroyed) sendJson(response, 200, { jsonrpc: "2.0", id, result: rpcResult(version, method, result) });
  } catch (thrown) {
    const error = toA2aError(thrown, door.log.child({ requestId: response.getHeader("x-request-id") }));
    if (error instanceof GatewayError && OF_HTTP.has(error.code)) throw error;
    if (response.headersSent || response.destroyed) return;
    sendJson(response, 200, { jsonrpc: "2.0", id: idIn(body), error: rpcError(toRefusal(error), version) });
  }
}

/** The parameters are those of the method: `readParams` has made them. */
export const run = (door: A2aDoor, call: A2aCall, method: PlainMethod, params: unknown) =>
  (OPERATIONS[method] as (door: A2aDoor, call: A2aCall, params: unknown) => ReturnType<(typeof OPERATIONS)["GetTask"]>)(door, call, params);
