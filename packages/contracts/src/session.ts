import { z } from "zod";

export const sessionId = z.string().regex(/^ses_[0-9a-f]{24}$/);

export const createSessionInput = z.object({
  /** By what its owner knows it: a browser, a machine. */
  name: z.string().trim().max(120).default(""),
});
export type CreateSession = z.infer<typeof createSessionInput>;

export interface Session {
  id: string;
  organizationId: string;
  /** Who logged in. */
  principalId: string;
  name: string;
  createdAt: string;
  seenAt: string;
  /** When it ends, whoever comes back until then. */
  expiresAt: string;
  revokedAt: string | null;
}

/** The only time that the token is there; null where a call is repeated. */
export interface NewSession extends Session {
  token: string | null;
}
