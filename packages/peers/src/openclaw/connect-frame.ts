import { createHash } from "node:crypto";
import { GatewayError } from "@parley/contracts";
import type { PeerTarget } from "@parley/domain";
import type { Credentials } from "../client/authorize.ts";
import { decodeBase58 } from "../did/base58.ts";
import { KEY_BYTES, SIGNATURE_BYTES } from "../did/ed25519.ts";
import { PROTOCOLS } from "./gateway-frame.ts";

/** What goes into `connect`: a token, or the name of a secret that the egress puts in; and whether our own key signs. */
export interface GatewayCredential {
  token: string | null;
  secret: string | null;
  signs: boolean;
}

/** Throws `egress_refused` where the credential is not there, and what getting a token throws. */
export async function gatewayCredential(
  { findSecret, tokens, identity }: Credentials,
  { organizationId, id, auth }: PeerTarget,
  signal: AbortSignal,
): Promise<GatewayCredential> {
  const named = (name: string): string => {
    const secret = findSecret(organizationId, name);
    if (secret === null) throw new GatewayError("egress_refused", { detail: `the secret of peer ${id} is not there` });
    return secret;
  };
  switch (auth.type) {
    case "none":
      return { token: null, secret: null, signs: false };
    case "bearer":
      return { token: auth.token, secret: null, signs: false };
    case "secret":
      return { token: null, secret: named(auth.name), signs: false };
    case "oauth": {
      const { tokenUrl, clientId, clientSecret, scope = "" } = auth;
      return { token: await tokens.token({ tokenUrl, clientId, clientSecret, scope }, signal), secret: null, signs: false };
    }
    case "did_signed":
      if (identity === null) throw new GatewayError("egress_refused", { detail: "there is no identity to sign with" });
      return { token: auth.token ?? null, secret: auth.secret === undefined ? null : named(auth.secret), signs: true };
  }
}

const CLIENT = { id: "gateway-client", version: "0.1.0", platform: "node", mode: "backend" } as const;
const ROLE = "operator";

interface Connecting {
  id: string;
  nonce: string;
  /** As it is told; null where there is none. */
  token: string | null;
  /** Null: no key of ours signs. */
  identity: Credentials["identity"] | null;
  scopes: readonly string[];
  nowMs: number;
}

/** The first request on a connection. */
export function connectFrame({ id, nonce, token, identity, scopes, nowMs }: Connecting): string {
  const params = {
    ...{ minProtocol: PROTOCOLS.min, maxProtocol: PROTOCOLS.max, client: CLIENT, role: ROLE, scopes, caps: [], locale: "en-US" },
    ...{ auth: token === null ? {} : { token }, userAgent: "parley" },
    ...(identity === null ? {} : { device: deviceOf(identity, { nonce, token: token ?? "", scopes, nowMs }) }),
  };
  return JSON.stringify({ type: "req", id, method: "connect", params });
}

/** Who we are to a gateway that pairs: the key that peers know us by signs its challenge. */
function deviceOf(
  { publicKey, sign }: NonNullable<Credentials["identity"]>,
  { nonce, token, scopes, nowMs }: { nonce: string; token: string; scopes: readonly string[]; nowMs: number },
) {
  const raw = decodeBase58(publicKey, KEY_BYTES) ?? new Uint8Array();
  const id = createHash("sha256").update(raw).digest("hex");
  const text = ["v2", id, CLIENT.id, CLIENT.mode, ROLE, scopes.join(","), String(nowMs), token, nonce].join("|");
  const signature = Buffer.from(decodeBase58(sign(text), SIGNATURE_BYTES) ?? []).toString("base64url");
  return { id, publicKey: Buffer.from(raw).toString("base64url"), signature, signedAt: nowMs, nonce };
}
