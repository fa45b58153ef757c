import { z } from "zod";
import { decodeBase58 } from "./base58.ts";
import { KEY_BYTES } from "./ed25519.ts";

const method = z.object({ id: z.string().optional(), publicKeyBase58: z.string().optional() });

/** What is read of a DID document; whatever else it has is nobody's business here. */
const document = z.object({
  id: z.string(),
  /** A key, or the id of one of the `verificationMethod`s. */
  authentication: z.array(z.union([z.string(), method])).default([]),
  verificationMethod: z.array(method).default([]),
});

/** The key that the document gives for signatures: its first for authentication, else its first. Null where it is not this DID's document, or has no such key. */
export function documentKey(given: unknown, did: string): Uint8Array | null {
  const parsed = document.safeParse(given);
  if (!parsed.success || parsed.data.id !== did) return null;
  const { authentication, verificationMethod } = parsed.data;
  const named = authentication.flatMap((entry) =>
    typeof entry === "string" ? verificationMethod.filter(({ id }) => id === entry) : [entry],
  );
  const key = [...named, ...verificationMethod].find(({ publicKeyBase58 }) => publicKeyBase58 !== undefined)?.publicKeyBase58;
  return key === undefined ? null : decodeBase58(key, KEY_BYTES);
}
