import type { PeerSignatures } from "@parley/contracts";
import { decodeBase58 } from "./base58.ts";
import { isSignedBy, SIGNATURE_BYTES } from "./ed25519.ts";

const SIGNATURE_KEY = "did.message.signature";

/** A part with a text, or one with something else, which nobody signs. */
interface Part {
  text?: string | undefined;
  metadata?: Record<string, unknown> | undefined;
}

export interface SignedArtifact {
  parts: readonly Part[];
}

/**
 * How much of what a peer gave is signed; `ok` where no signature that is there is wrong. Counts over all parts of all artifacts. Each signature is Ed25519 over the raw text, in base58; without a key that may be believed, each is wrong. A part
 * without text counts as unsigned, and an empty text not at all: nothing is said by it.
 */
export function verifyArtifacts(artifacts: readonly SignedArtifact[], publicKey: Uint8Array | null): PeerSignatures {
  const checks = artifacts.flatMap(({ parts }) => parts).flatMap((part) => checked(part, publicKey));
  const signed = checks.filter((check) => check !== "unsigned").length;
  const verified = checks.filter((check) => check === "verified").length;
  return { ok: signed === verified, signed, verified, unsigned: checks.length - signed };
}

function checked({ text, metadata }: Part, publicKey: Uint8Array | null): ("unsigned" | "verified" | "wrong")[] {
  if (text === "") return [];
  const given = metadata?.[SIGNATURE_KEY];
  if (text === undefined || given === undefined || given === null) return ["unsigned"];
  const signature = typeof given === "string" ? decodeBase58(given, SIGNATURE_BYTES) : null;
  return [signature !== null && publicKey !== null && isSignedBy(publicKey, text, signature) ? "verified" : "wrong"];
}
