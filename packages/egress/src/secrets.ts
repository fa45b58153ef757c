import { GatewayError } from "@parley/contracts";
import { hostPort } from "./host-port.ts";

/** A credential that only its own hosts ever see. */
export interface EgressSecret {
  /** How callers ask for it. */
  name: string;
  value: string;
  /** Exact `host:port`s it may be sent to. */
  hosts: string[];
  /** Default `authorization`. */
  header?: string;
  /** Where `{value}` goes in the header. Default `Bearer {value}`. */
  format?: string;
}

interface SecretHeader {
  name: string;
  value: string;
  /** The secret itself, for what tells it elsewhere than in a header. */
  secret: string;
}

/**
 * Finds a secret's header for a request. A secret travels over TLS, or to an allow-listed host; to any other place it is
 * refused, and the refusal names the secret, never its value.
 */
export const createSecrets = (secrets: EgressSecret[], allow: ReadonlySet<string>) => {
  const byName = new Map(secrets.map((secret) => [secret.name, secret]));
  return (name: string, url: URL): SecretHeader => {
    const secret = byName.get(name);
    const host = hostPort(url);
    if (secret === undefined) throw new GatewayError("egress_refused", { detail: `there is no secret named ${name}` });
    if (!secret.hosts.includes(host)) throw new GatewayError("egress_refused", { detail: `secret ${name} is not bound to ${host}` });
    if (url.protocol !== "https:" && !allow.has(host)) {
      throw new GatewayError("egress_refused", { detail: `secret ${name} may not travel to ${host} without TLS` });
    }
    const value = (secret.format ?? "Bearer {value}").replace("{value}", () => secret.value);
    return { name: secret.header ?? "authorization", value, secret: secret.value };
  };
};
