import type { GatewayError } from "@parley/contracts";
import { isObject } from "@parley/contracts";
import {
  A2aError,
  type A2aMethod,
  fromLegacyRest,
  legacyRestEvent,
  type ParamsOf,
  readParams,
  restError,
  toRefusal,
  type WireEvent,
} from "@parley/peers";
import type { Request, Response } from "express";
import type { ReadJsonBody } from "../json-body.ts";
import type { A2aCall, A2aDoor } from "./call.ts";
import { run } from "./json-rpc.ts";
import { restResult } from "./results.ts";
import { streamTask } from "./stream-task.ts";

type Json = Record<string, unknown>;
const COUNTS: ReadonlySet<string> = new Set(["historyLength", "pageSize"]);
const FLAGS: ReadonlySet<string> = new Set(["includeArtifacts"]);

/** What stands in the address is text; counts and flags are read as what they are meant as. */
function fromQuery({ query }: Request): Json {
  return Object.fromEntries(
    Object.entries(query).map(([name, value]) => {
      if (COUNTS.has(name) && typeof value === "string" && /^-?\d{1,9}$/.test(value)) return [name, Number(value)];
      if (FLAGS.has(name) && (value === "true" || value === "false")) return [name, value === "true"];
      return [name, value];
    }),
  );
}

/** The parameters of an operation, from path, query and body, in the shape of its version. */
async function paramsOf(method: A2aMethod, { request, response, version }: A2aCall, readBody: ReadJsonBody): Promise<unknown> {
  const { servedTaskId: taskId, pushId } = request.params;
  const body = request.method === "POST" ? await readBody(request, response) : undefined;
  if (body !== undefined && !isObject(body)) throw new A2aError("invalidParams", "The body must be an object.");
  switch (method) {
    case "SendMessage":
    case "SendStreamingMessage":
      return version === "0.3" ? fromLegacyRest(method, body ?? {}) : body;
    case "CreateTaskPushNotificationConfig":
      return version === "0.3" ? fromLegacyRest(method, { ...body, taskId }) : { ...body, taskId };
    case "GetTaskPushNotificationConfig":
    case "DeleteTaskPushNotificationConfig":
      return { taskId, id: pushId };
    case "ListTaskPushNotificationConfigs":
      return { taskId };
    case "ListTasks":
      return fromQuery(request);
    case "GetTask":
      return { ...fromQuery(request), id: taskId };
    case "CancelTask":
    case "SubscribeToTask":
      return { id: taskId };
    case "GetExtendedAgentCard":
      return {};
  }
}

/** Whether a path, of a request or of a route, is one of version 0.3. */
export const isOfLegacy = (path: string): boolean => /^\/a2a\/agents\/[^/]+\/(?:v1\/|agent\/)/.test(path);

/** The path's version is the only one that it has. */
function checkPath({ version, request }: A2aCall): void {
  if ((version === "0.3") === isOfLegacy(request.path)) return;
  const text = version === "0.3" ? "This path is of version 1.0: say so in A2A-Version." : "This path is of version 0.3.";
  throw new A2aError("version", text);
}

/** What makes something is answered so. */
const statusOf = (method: A2aMethod, version: A2aCall["version"]): number =>
  method === "CreateTaskPushNotificationConfig" || (method === "SendMessage" && version === "0.3") ? 201 : 200;

export async function answerRest(
  door: A2aDoor,
  call: A2aCall,
  { method, readBody }: { method: A2aMethod; readBody: ReadJsonBody },
): Promise<void> {
  const { version, response } = call;
  checkPath(call);
  const params = readParams(method, await paramsOf(method, call, readBody));
  if (method === "SendStreamingMessage" || method === "SubscribeToTask") {
    const frames = {
      event: (event: WireEvent, isLast: boolean) =>
        `data: ${JSON.stringify(version === "1.0" ? event : legacyRestEvent(event, isLast))}\n\n`,
      failure: (error: GatewayError) => `event: error\ndata: ${JSON.stringify(restError(toRefusal(error), version))}\n\n`,
    };
    return streamTask(door, call, { method, params: params as ParamsOf<typeof method>, frames });
  }
  const result = await run(door, call, method, params);
  if (!response.destroyed) sendResult(response, { status: statusOf(method, version), version, body: restResult(version, method, result) });
}

interface Answer {
  status: number;
  version: A2aCall["version"];
  /** Null: there is none. */
  body: unknown;
}

function sendResult(response: Response, { status, version, body }: Answer): void {
  if (body === null) {
    response.status(204).end();
    return;
  }
  response.statusCode = status;
  response.setHeader("content-type", version === "1.0" ? "application/a2a+json" : "application/json; charset=utf-8");
  response.end(JSON.stringify(body));
}
