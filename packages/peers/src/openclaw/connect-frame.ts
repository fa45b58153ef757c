import { createHash } from "node:crypto";
import { decodeBase58 } from "../did/base58.ts";
import { KEY_BYTES, SIGNATURE_BYTES } from "../did/ed25519.ts";
import type { Credentials } from "../find-credential.ts";
import { PROTOCOLS } from "./gateway-frame.ts";

const CLIENT = { id: "gateway-client", version: "0.1.0", platform: "node", mode: "backend" } as const;
const ROLE = "operator";

interface Connecting {
  id: string;
  nonce: string;
  /** As it is told; null where there is none. */
  token: string | null;
  /** Null: no key of ours signs. */
  identity: Credentials["identity"];
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
