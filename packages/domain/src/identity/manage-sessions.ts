import { type CreateSession, GatewayError, grants, type NewSession, newSessionId, type Session } from "@parley/contracts";
import type { Gateway } from "../gateway.ts";
import type { GatewayContext } from "../gateway-ports.ts";
import { runOnce } from "../idempotency/run-once.ts";
import type { Caller } from "./caller.ts";

type ManageSessions = Pick<Gateway, "createSession" | "listSessions" | "revokeSession">;

/** Whose sessions the caller may see and end: their own, or with the scope `admin` all of the organization's (null). */
const ownerFor = (caller: Caller): string | null => (grants(caller.scopes, "admin") ? null : caller.principalId);

/** The sessions of browsers. */
export const manageSessions = (context: GatewayContext): ManageSessions => ({
  createSession: (caller, input, once) =>
    runOnce(context, caller, once, {
      input,
      run: (bound) => createSession(bound, caller, input),
      keep: (session) => ({ ...session, token: null }),
    }),
  listSessions: (caller) => context.sessions.list(caller.organizationId, ownerFor(caller)),
  async revokeSession(caller, id, once) {
    await runOnce(context, caller, once, {
      input: id,
      async run({ sessions }) {
        const ended = await sessions.revoke(caller.organizationId, { id, principalId: ownerFor(caller) });
        if (ended === null) throw new GatewayError("not_found");
        return {};
      },
    });
  },
});

async function createSession(
  { sessions, makeSession, limits, clock }: GatewayContext,
  caller: Caller,
  { name }: CreateSession,
): Promise<NewSession> {
  const { token, hash } = makeSession();
  const endsMs = Math.min(clock.now() + limits.sessionSeconds * 1_000, caller.goodUntilMs ?? Number.POSITIVE_INFINITY);
  const session: Session = await sessions.create(
    {
      id: newSessionId(),
      organizationId: caller.organizationId,
      principalId: caller.principalId,
      hash,
      name,
      scopes: [...caller.scopes],
      agentIds: caller.agentIds && [...caller.agentIds],
      idleSeconds: limits.sessionIdleSeconds,
      expiresAt: new Date(endsMs).toISOString(),
    },
    limits.sessionsPerPrincipalMax,
  );
  return { ...session, token };
}
