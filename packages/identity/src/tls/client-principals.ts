import { GatewayError, organizationId, type Scope, scope } from "@parley/contracts";
import type { Caller } from "@parley/domain";
import { z } from "zod";
import type { Authenticator } from "../authenticator.ts";

const NAME = /^(CN=.+|sha256:([0-9A-F]{2}:){31}[0-9A-F]{2})$/i;

const principal = z.strictObject({
  organization_id: organizationId,
  scopes: z.array(scope).min(1),
  agent_ids: z.array(z.guid().toLowerCase()).min(1).optional(),
});

/** By a certificate's `CN=…` or its fingerprint `sha256:AA:BB:…`: whose it is, as JSON. */
export const clientPrincipals = z
  .string()
  .default("{}")
  .transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      context.addIssue({ code: "custom", message: "must be JSON" });
      return z.NEVER;
    }
  })
  .pipe(z.record(z.string().regex(NAME, "must be CN=name or sha256:fingerprint"), principal));

type ClientPrincipals = z.infer<typeof clientPrincipals>;

/** The credentials of client certificates. No header can say one: it has a space in it. */
const CREDENTIAL = "certificate ";

/** Which of the principals a client's certificate is: the fingerprint's before the name's. Null: none. The certificate must have been verified. */
export function certificateCredential(
  certificate: { fingerprint256?: string; subject?: { CN?: string | string[] } },
  principals: ClientPrincipals,
): string | null {
  const { fingerprint256, subject } = certificate;
  const names = [`sha256:${fingerprint256 ?? ""}`, ...[subject?.CN ?? []].flat().map((name) => `CN=${name}`)];
  const known = Object.keys(principals);
  for (const name of names) {
    const found = known.find((one) => one === name || (name.startsWith("sha256:") && one.toUpperCase() === name.toUpperCase()));
    if (found !== undefined) return CREDENTIAL + found;
  }
  return null;
}

/** Callers by their certificates. What a certificate may do stands in the setting alone. */
export function createCertificateAuthenticator(principals: ClientPrincipals): Authenticator & { isOurs(credential: string): boolean } {
  const callers = new Map<string, Caller>(
    Object.entries(principals).map(([name, { organization_id, scopes, agent_ids }]) => [
      CREDENTIAL + name,
      {
        organizationId: organization_id,
        principalId: `certificate:${name}`,
        scopes: new Set<Scope>(scopes),
        agentIds: agent_ids ? new Set(agent_ids) : null,
      },
    ]),
  );
  return {
    isOurs: (credential) => credential.startsWith(CREDENTIAL),
    async authenticate(credential) {
      const caller = callers.get(credential);
      if (!caller) throw new GatewayError("unauthenticated");
      return caller;
    },
    knows: (credential) => callers.has(credential),
  };
}
