import { GatewayError, hookId, type Limits } from "@parley/contracts";
import { type Caller, type Gateway, type Log } from "@parley/domain";
import express, { type Request, type RequestHandler, Router } from "express";
import { answerPlainErrors } from "../plain-error.ts";
import { sendJson } from "../send-json.ts";
import type { VisitorOf } from "../visitors.ts";

export interface HookDependencies {
  gateway: Gateway;
  log: Log;
  visitorOf: VisitorOf;
  limits: Pick<Limits, "hookBodyBytesMax">;
  /** The hook of addresses that name none; null: there is no such address. */
  defaultHookId: string | null;
}

/** A hook calls for nobody: its calls are counted, and it may do nothing else. */
const callerOf = ({ id, organizationId }: { id: string; organizationId: string }): Caller => ({
  organizationId,
  principalId: id,
  scopes: new Set(),
  agentIds: null,
});

const single = (values: Request["headers"] | Request["query"]): Record<string, string> =>
  Object.fromEntries(Object.entries(values).flatMap(([name, value]) => (typeof value === "string" ? [[name, value]] : [])));

/** `POST /hooks/{hook}/{anything}`, and `/hooks/{anything}` for the default hook. 202 once what came is kept; errors are `{error}`. */
export function hookRoutes({ gateway, log, visitorOf, limits, defaultHookId }: HookDependencies): Router {
  const raw = express.raw({ type: () => true, limit: limits.hookBodyBytesMax, inflate: false });

  const receive: RequestHandler = async (request, response) => {
    const visitor = visitorOf(request, response);
    visitor.checkLock();
    await new Promise<void>((resolve, reject) => {
      raw(request, response, (error?: unknown) => (error === undefined ? resolve() : reject(error as Error)));
    });
    const { path: given } = request.params as { path?: string[] };
    const [first = "", ...rest] = given ?? [];
    const named = hookId.safeParse(first);
    const body: unknown = request.body;
    try {
      const answer = await gateway.receiveHook({
        hookId: named.success ? named.data : defaultHookId,
        path: (named.success ? rest : (given ?? [])).join("/"),
        headers: single(request.headers),
        query: single(request.query),
        body: body instanceof Uint8Array ? body : new Uint8Array(0),
        admit: (hook) => visitor.count("turn", callerOf(hook)),
      });
      sendJson(response, 202, answer);
    } catch (error) {
      if (error instanceof GatewayError && error.code === "hook_refused") await visitor.noteBadCredential();
      throw error;
    }
  };

  const refuse: RequestHandler = (_request, response) => {
    response.setHeader("allow", "POST");
    throw new GatewayError("method_not_allowed");
  };
  return Router().post("/hooks{/*path}", receive).all("/hooks{/*path}", refuse).use("/hooks", answerPlainErrors(log));
}
