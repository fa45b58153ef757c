import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";

export const SEED_BYTES = 32;
export const KEY_BYTES = 32;
export const SIGNATURE_BYTES = 64;

/** What stands before the raw bytes of a seed (PKCS #8) and of a public key (SPKI). */
const SEED_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");
const KEY_PREFIX = Buffer.from("302a300506032b6570032100", "hex");

export interface KeyPair {
  /** 32 bytes. */
  publicKey: Uint8Array;
  /** 64 bytes over the text's UTF-8. */
  sign(text: string): Uint8Array;
}

export function keyPairOf(seed: Uint8Array): KeyPair {
  const privateKey = createPrivateKey({ key: Buffer.concat([SEED_PREFIX, seed]), format: "der", type: "pkcs8" });
  const spki = createPublicKey(privateKey).export({ format: "der", type: "spki" });
  return {
    publicKey: new Uint8Array(spki.subarray(-KEY_BYTES)),
    sign: (text) => sign(null, Buffer.from(text, "utf8"), privateKey),
  };
}

/** Whether the signature is that key's over the text's UTF-8. False, too, for bytes that are no key. */
export function isSignedBy(publicKey: Uint8Array, text: string, signature: Uint8Array): boolean {
  const key = keyObject(publicKey);
  return key !== null && verify(null, Buffer.from(text, "utf8"), key, signature);
}

function keyObject(publicKey: Uint8Array): KeyObject | null {
  try {
    return createPublicKey({ key: Buffer.concat([KEY_PREFIX, publicKey]), format: "der", type: "spki" });
  } catch {
    return null;
  }
}
