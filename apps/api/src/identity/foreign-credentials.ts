import type { IncomingMessage } from "node:http";
import { TLSSocket } from "node:tls";
import type { OrganizationStore } from "@parley/domain";
import {
  certificateCredential,
  createCertificateAuthenticator,
  createGatewayKeyAuthenticator,
  createJwtAuthenticator,
  isJwt,
  jwtRules,
} from "@parley/identity";
import type { Config } from "../config.ts";

interface Ports {
  fetch: Parameters<typeof createJwtAuthenticator>[0]["fetch"];
  organizations: Pick<OrganizationStore, "exists" | "ensure">;
}

/** The credentials that are no keys of ours: tokens of the trusted issuer, client certificates, and the one key of the settings. */
export function foreignCredentials(config: Config, { fetch, organizations }: Ports) {
  const rules = jwtRules(config);
  const { TLS_CLIENT_PRINCIPALS: principals } = config;
  const bySocket = new WeakMap<TLSSocket, string | null>();

  /** Whose certificate a connection was opened with. The server lets no other in than those that its authority has signed. */
  function ambientOf({ socket }: IncomingMessage): string | null {
    if (!(socket instanceof TLSSocket) || !socket.authorized) return null;
    const known = bySocket.get(socket);
    if (known !== undefined) return known;
    const credential = certificateCredential(socket.getPeerCertificate(), principals);
    bySocket.set(socket, credential);
    return credential;
  }

  const gatewayKey = (key: string) =>
    createGatewayKeyAuthenticator({
      key,
      organizationId: config.DEFAULT_ORGANIZATION_ID ?? null,
      ensureOrganization: (organization) => organizations.ensure(organization),
    });

  const others = [
    createCertificateAuthenticator(principals),
    ...(config.GATEWAY_API_KEY === undefined ? [] : [gatewayKey(config.GATEWAY_API_KEY)]),
    ...(rules === null
      ? []
      : [{ ...createJwtAuthenticator({ rules, fetch, organizationExists: (id) => organizations.exists(id) }), isOurs: isJwt }]),
  ];
  return { others, ambientOf };
}
