import type { IncomingMessage } from "node:http";
import { TLSSocket } from "node:tls";
import { certificateCredential, createCertificateAuthenticator, createJwtAuthenticator, isJwt, jwtRules } from "@parley/identity";
import type { Config } from "../config.ts";

interface Ports {
  fetch: Parameters<typeof createJwtAuthenticator>[0]["fetch"];
  organizationExists(id: string): Promise<boolean>;
}

/** The credentials that others give: tokens of the trusted issuer, and client certificates. */
export function foreignCredentials(config: Config, ports: Ports) {
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

  const others = [
    createCertificateAuthenticator(principals),
    ...(rules === null ? [] : [{ ...createJwtAuthenticator({ rules, ...ports }), isOurs: isJwt }]),
  ];
  return { others, ambientOf };
}
