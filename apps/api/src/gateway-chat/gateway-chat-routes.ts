import { GatewayError, type Limits } from "@parley/contracts";
import type { Gateway, Log } from "@parley/domain";
import { authorize, type OpenStream, type RouteName, routeRow } from "@parley/router";
import { type Request, type RequestHandler, type Response, Router } from "express";
import { CLIENT_LEFT } from "../client-left.ts";
import { jsonBodyReader } from "../json-body.ts";
import { onGone } from "../on-gone.ts";
import { answerPlainErrors } from "../plain-error.ts";
import { refuseMethod } from "../refuse-method.ts";
import { sendJson } from "../send-json.ts";
import type { VisitorOf } from "../visitors.ts";
import { readJobId } from "./job-id.ts";
import { jobView } from "./job-view.ts";
import { readChat } from "./read-chat.ts";
import { readPreference } from "./read-preference.ts";
import { runChat } from "./run-chat.ts";

export interface GatewayChatDependencies {
  gateway: Gateway;
  log: Log;
  visitorOf: VisitorOf;
  limits: Limits;
  openStream: OpenStream;
}

const CHAT = "/api/gateway/chat";
const STATUS = "/api/gateway/status";
const JOB = "/api/jobs/:jobId";

/** A chat that is answered while its client waits, or as a job; and how the gateway behind it is. Errors are `{error}`. */
export function gatewayChatRoutes({ log, visitorOf, ...door }: GatewayChatDependencies): Router {
  const { gateway, limits } = door;
  const readJsonBody = jsonBodyReader(limits);
  const callerOf = (request: Request, response: Response, route: RouteName) => authorize(visitorOf(request, response), routeRow(route));

  const chat: RequestHandler = async (request, response) => {
    const route = "gatewayChat.send";
    const caller = await callerOf(request, response, route);
    const asked = await readChat(readJsonBody, request, response);
    const agent = await gateway.findChatAgent(caller, asked.agentId);
    const { prefer } = request.headers;
    const { waitMs, applied } = readPreference(Array.isArray(prefer) ? prefer.join() : prefer, limits.chatWaitMs);
    const gone = new AbortController();
    onGone(response, () => gone.abort(CLIENT_LEFT));
    const { jobId, end, ...place } = await runChat(door, { route, request, caller, agent, asked, waitMs, leaving: gone.signal });
    const facts = { jobId, agentId: agent.id, agentName: agent.name, sessionKey: asked.sessionKey, ...place };
    if (applied !== "") response.setHeader("preference-applied", applied);
    response.vary("prefer");
    if (end !== null) return sendJson(response, 200, { success: true, ...end, ...facts });
    response.setHeader("location", `/api/jobs/${jobId}`);
    sendJson(response, 202, { success: true, queued: true, status: "queued", ...facts });
  };

  const job: RequestHandler = async (request, response) => {
    const caller = await callerOf(request, response, "gatewayChat.job");
    const place = readJobId(String(request.params["jobId"]));
    if (place === null) throw new GatewayError("not_found");
    const execution = await gateway.readTurn(caller, place);
    const cards = execution.status === "paused" ? (await gateway.getRunState(caller, place.conversationId)).cards : [];
    sendJson(response, 200, { job: jobView(place, execution, { cards, limits }) });
  };

  const status: RequestHandler = async (request, response) => {
    const caller = await callerOf(request, response, "gatewayChat.status");
    const gone = new AbortController();
    onGone(response, () => gone.abort(CLIENT_LEFT));
    const { agentId } = request.query;
    const named = typeof agentId === "string" && agentId !== "" ? agentId : undefined;
    sendJson(response, 200, await gateway.readGatewayStatus(caller, { agentId: named, signal: gone.signal }));
  };

  return Router()
    .post(CHAT, chat)
    .get(STATUS, status)
    .get(JOB, job)
    .all(CHAT, refuseMethod("POST"))
    .all([STATUS, JOB], refuseMethod("GET"))
    .use([CHAT, STATUS, "/api/jobs"], answerPlainErrors(log));
}
