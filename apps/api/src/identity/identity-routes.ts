import { createSessionInput, GatewayError, type Limits, type Session, sessionId } from "@parley/contracts";
import type { Caller, Gateway, Log } from "@parley/domain";
import { csrfTokenOf, hashSession, TICKET_SECONDS, type Tickets } from "@parley/identity";
import { authorize, type RouteName, routeRow } from "@parley/router";
import { type Request, type RequestHandler, type Response, Router } from "express";
import { jsonBodyReader } from "../json-body.ts";
import { onceOf } from "../once-of.ts";
import { parseInput } from "../parse-input.ts";
import { answerPlainErrors } from "../plain-error.ts";
import type { FrontVisitor, VisitorOf } from "../visitors.ts";
import { setSessionCookie } from "./session-cookie.ts";

interface IdentityDependencies {
  log: Log;
  gateway: Pick<Gateway, "createSession" | "listSessions" | "revokeSession">;
  visitorOf: VisitorOf;
  tickets: Pick<Tickets, "create">;
  /** The id of a session by the hash of its token. */
  sessionByHash(hash: string): Promise<{ sessionId: string } | null>;
  limits: Pick<Limits, "bodyBytesMax" | "jsonDepthMax" | "sessionSeconds">;
}

const onWire = ({ id, principalId, name, createdAt, seenAt, expiresAt }: Session) => ({
  id,
  principal_id: principalId,
  name,
  created_at: createdAt,
  seen_at: seenAt,
  expires_at: expiresAt,
});

const rightsOf = ({ organizationId, principalId, scopes, agentIds }: Caller) => ({
  organization_id: organizationId,
  principal_id: principalId,
  scopes: [...scopes],
  agent_ids: agentIds && [...agentIds],
});

/** What callers may do with their own credential: take a ticket for it, or begin a browser's session with it. */
export function identityRoutes({ log, gateway, visitorOf, tickets, sessionByHash, limits }: IdentityDependencies): Router {
  const readJsonBody = jsonBodyReader(limits);

  async function admitted(name: RouteName, request: Request, response: Response): Promise<{ caller: Caller; visitor: FrontVisitor }> {
    const visitor = visitorOf(request, response);
    return { caller: await authorize(visitor, routeRow(name)), visitor };
  }

  const currentId = async ({ session }: FrontVisitor): Promise<string> => {
    const found = session === null ? null : await sessionByHash(hashSession(session));
    if (found === null) throw new GatewayError("not_found");
    return found.sessionId;
  };

  const createTicket: RequestHandler = async (request, response) => {
    const { visitor } = await admitted("ticket.create", request, response);
    response.status(201).json({ ticket: await tickets.create(visitor.credential ?? ""), expires_in: TICKET_SECONDS });
  };

  const logIn: RequestHandler = async (request, response) => {
    const { caller, visitor } = await admitted("login.create", request, response);
    // One that begins the next would never end.
    if (visitor.session !== null) throw new GatewayError("unauthenticated", { text: "A session begins with a key or a token." });
    const input = parseInput(createSessionInput, (await readJsonBody(request, response)) ?? {});
    const { token, ...session } = await gateway.createSession(caller, input, onceOf(request, "login.create"));
    if (token !== null) setSessionCookie(response, { token, maxAgeSeconds: limits.sessionSeconds, isSecure: visitor.isSecure() });
    response.status(201).json({ ...onWire(session), csrf_token: token && csrfTokenOf(token) });
  };

  const showCurrent: RequestHandler = async (request, response) => {
    const { caller, visitor } = await admitted("login.get", request, response);
    const id = await currentId(visitor);
    response.json({ id, ...rightsOf(caller), csrf_token: csrfTokenOf(visitor.session ?? "") });
  };

  const list: RequestHandler = async (request, response) => {
    const { caller } = await admitted("login.list", request, response);
    response.json({ sessions: (await gateway.listSessions(caller)).map(onWire) });
  };

  const end: RequestHandler = async (request, response) => {
    const { caller, visitor } = await admitted("login.revoke", request, response);
    const { sessionId: named } = request.params;
    const id = named === "current" ? await currentId(visitor) : sessionId.safeParse(named).data;
    if (id === undefined) throw new GatewayError("not_found");
    await gateway.revokeSession(caller, id, onceOf(request, "login.revoke"));
    if (named === "current") setSessionCookie(response, { token: "", maxAgeSeconds: 0, isSecure: visitor.isSecure() });
    response.json({ id, revoked: true });
  };

  return Router()
    .post("/api/tickets", createTicket)
    .post("/api/session", logIn)
    .get("/api/session", showCurrent)
    .get("/api/sessions", list)
    .delete("/api/sessions/:sessionId", end)
    .use(answerPlainErrors(log));
}
