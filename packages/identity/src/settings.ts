import { z } from "zod";
import { isNetwork } from "./client-address.ts";
import { jwtSettings } from "./jwt/jwt-settings.ts";
import { textList } from "./text-list.ts";
import { clientPrincipals } from "./tls/client-principals.ts";

/** What says who a caller is, besides keys. */
export const identitySettings = jwtSettings.extend({
  /** Proxies whose `X-Forwarded-For` is believed: addresses and networks. */
  TRUSTED_PROXIES: textList.pipe(z.array(z.string().refine(isNetwork, "must be an address or a network such as 10.0.0.0/8"))),
  /** Whether a key or token may stand in an address as `?token=`, where it ends up in logs. */
  QUERY_TOKENS: z.stringbool().default(false),
  /** The server's own certificate with its chain, and its key: with both, it speaks TLS and nothing else. */
  TLS_CERT_FILE: z.string().min(1).optional(),
  TLS_KEY_FILE: z.string().min(1).optional(),
  /** Who signs the certificates that clients must show. */
  TLS_CA_FILE: z.string().min(1).optional(),
  TLS_CLIENT_PRINCIPALS: clientPrincipals,
});

/** What must stand together, by the variable that lacks something. */
export function tlsProblems(settings: z.infer<typeof identitySettings>): { path: string; message: string }[] {
  const { TLS_CERT_FILE, TLS_KEY_FILE, TLS_CA_FILE, TLS_CLIENT_PRINCIPALS } = settings;
  const problems: { path: string; message: string }[] = [];
  if (TLS_CERT_FILE === undefined && TLS_KEY_FILE !== undefined)
    problems.push({ path: "TLS_CERT_FILE", message: "Is needed with TLS_KEY_FILE." });
  if (TLS_KEY_FILE === undefined && TLS_CERT_FILE !== undefined)
    problems.push({ path: "TLS_KEY_FILE", message: "Is needed with TLS_CERT_FILE." });
  if (TLS_CA_FILE !== undefined && TLS_CERT_FILE === undefined)
    problems.push({ path: "TLS_CERT_FILE", message: "Is needed with TLS_CA_FILE." });
  if (TLS_CA_FILE === undefined && Object.keys(TLS_CLIENT_PRINCIPALS).length > 0) {
    problems.push({ path: "TLS_CA_FILE", message: "Is needed with TLS_CLIENT_PRINCIPALS." });
  }
  return problems;
}
