import { createHash } from "node:crypto";

/** A key's own id, written as a UUID: the first 16 bytes of its SHA-256. */
export function keyId(publicKey: Uint8Array): string {
  const hex = createHash("sha256").update(publicKey).digest("hex").slice(0, 32);
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** Whether a DID ends in the id of this key, as those do that are made from it. */
export const isMadeFrom = (did: string, publicKey: Uint8Array): boolean =>
  did.slice(did.lastIndexOf(":") + 1).toLowerCase() === keyId(publicKey);
