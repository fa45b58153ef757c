import { conversationId, GatewayError, isGatewayError, type SessionSummary } from "@parley/contracts";
import type { Caller } from "@parley/domain";
import type { McpDoor, McpRequest } from "./call.ts";

type Reader = Pick<McpDoor, "administration"> & Pick<McpRequest, "caller" | "access">;

const SESSIONS_SHOWN_MAX = 50;

/** How a conversation is marked that a key has begun over MCP. */
export const sourceOf = ({ principalId }: Caller): string => `mcp:${principalId}`;

/** Refused with the same words whether it is another's, is not listed, or is not there. */
const notAllowed = (): GatewayError => new GatewayError("not_found", { text: "[session_not_allowlisted] No such session." });

/** A conversation that the key names, or has begun itself. */
export async function readableSession({ administration, caller, access: { sessions } }: Reader, named: string): Promise<SessionSummary> {
  const id = conversationId.safeParse(named);
  if (!id.success) throw notAllowed();
  const session = await administration.getSession(caller, id.data).catch((error: unknown) => {
    throw isGatewayError(error, "not_found") ? notAllowed() : error;
  });
  if (sessions === "*" || sessions.includes(id.data) || session.source === sourceOf(caller)) return session;
  throw notAllowed();
}

/** Those that the key names, as far as they are there. */
export async function listedSessions({ administration, caller, access }: Reader): Promise<SessionSummary[]> {
  const { sessions } = access;
  if (sessions === "*") return (await administration.listSessions(caller, { offset: 0, limit: SESSIONS_SHOWN_MAX })).items;
  const found = await Promise.all(
    sessions.slice(0, SESSIONS_SHOWN_MAX).map(async (id) => {
      try {
        return [await administration.getSession(caller, id)];
      } catch (error) {
        if (isGatewayError(error, "not_found")) return [];
        throw error;
      }
    }),
  );
  return found.flat();
}

/** What was said, a line for each message: `[time] role: content`. */
export async function transcript({ administration, caller }: Reader, session: SessionSummary, part: { offset: number; limit: number }) {
  const messages = await administration.readMessages(caller, { conversationId: session.conversationId, ...part });
  return messages.map(({ at, role, content }) => `[${at}] ${role}: ${content}`).join("\n");
}
