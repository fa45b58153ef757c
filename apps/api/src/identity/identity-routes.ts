import { TICKET_SECONDS, type Tickets } from "@parley/identity";
import { authorize, type RouteName, routeRow } from "@parley/router";
import { type Request, type RequestHandler, type Response, Router } from "express";
import type { VisitorOf } from "../visitors.ts";

interface IdentityDependencies {
  visitorOf: VisitorOf;
  tickets: Pick<Tickets, "create">;
}

/** What callers may do with their own credential: take a ticket for it. */
export function identityRoutes({ visitorOf, tickets }: IdentityDependencies): Router {
  async function admitted(name: RouteName, request: Request, response: Response) {
    const visitor = visitorOf(request, response);
    const caller = await authorize(visitor, routeRow(name));
    return { caller, credential: visitor.credential ?? "" };
  }

  const createTicket: RequestHandler = async (request, response) => {
    const { credential } = await admitted("ticket.create", request, response);
    response.status(201).json({ ticket: await tickets.create(credential), expires_in: TICKET_SECONDS });
  };

  return Router().post("/api/tickets", createTicket);
}
