import { executionId, GatewayError } from "@parley/contracts";
import type { Gateway, Log } from "@parley/domain";
import { type Request, type RequestHandler, Router } from "express";
import { answerPlainErrors } from "../plain-error.ts";
import { sendJson } from "../send-json.ts";
import type { VisitorOf } from "../visitors.ts";

interface PeerDependencies {
  gateway: Pick<Gateway, "notePeerPush">;
  log: Log;
  visitorOf: VisitorOf;
}

/** What a peer shows, by the protocol's own header, or as a bearer token. */
const tokenOf = ({ headers }: Request): string => {
  const { "x-a2a-notification-token": own, authorization = "" } = headers;
  return typeof own === "string" ? own : authorization.replace(/^Bearer /, "");
};

/** `POST /peers/push/{call}`: a peer calls back. Its body is let go by unread: the task is asked for. */
export function peerRoutes({ gateway, log, visitorOf }: PeerDependencies): Router {
  const receive: RequestHandler = async (request, response) => {
    const visitor = visitorOf(request, response);
    visitor.checkLock();
    request.resume();
    const named = executionId.safeParse(request.params.callId);
    try {
      if (!named.success) throw new GatewayError("unauthenticated");
      await gateway.notePeerPush({ callId: named.data, token: tokenOf(request) });
    } catch (error) {
      if (error instanceof GatewayError && error.code === "unauthenticated") await visitor.noteBadCredential();
      throw error;
    }
    sendJson(response, 200, { received: true });
  };

  const refuse: RequestHandler = (_request, response) => {
    response.setHeader("allow", "POST");
    throw new GatewayError("method_not_allowed");
  };
  return Router()
    .post("/peers/push/:callId", receive)
    .all("/peers/push/:callId", refuse)
    .all("/peers{/*rest}", () => {
      throw new GatewayError("not_found");
    })
    .use("/peers", answerPlainErrors(log));
}
