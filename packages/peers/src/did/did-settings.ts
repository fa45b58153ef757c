import { z } from "zod";
import type { DidFacts } from "./did-identity.ts";
import { SEED_BYTES } from "./ed25519.ts";

const NAMES = ["DID_SEED", "DID_AUTHOR", "DID_NAME"] as const;

/** What a DID is made of: all three, or none. */
export const didSettings = z.object({
  /** 32 random bytes in base64 or base64url. Whoever has them is this gateway to all its peers. */
  DID_SEED: z
    .string()
    .trim()
    .regex(/^[A-Za-z0-9+/_-]{43}=?$/, "must be 32 bytes in base64 or base64url")
    .transform((text) => new Uint8Array(Buffer.from(text, "base64")))
    .refine((seed) => seed.length === SEED_BYTES, "must be 32 bytes in base64 or base64url")
    .optional(),
  DID_AUTHOR: z
    .string()
    .regex(/^[A-Za-z0-9._@-]{1,200}$/, "must be letters, digits and . _ @ -")
    .optional(),
  DID_NAME: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,100}$/, "must be letters, digits and . _ -")
    .optional(),
});
type DidSettings = z.infer<typeof didSettings>;

/** A part of an identity is a mistake, by the variable that lacks. */
export function didProblems(settings: DidSettings): { path: string; message: string }[] {
  const given = NAMES.filter((name) => settings[name] !== undefined);
  if (given.length === 0) return [];
  return NAMES.filter((name) => settings[name] === undefined).map((path) => ({ path, message: `Is needed with ${given.join(" and ")}.` }));
}

/** Null where this gateway has no identity. */
export function didFacts({ DID_SEED: seed, DID_AUTHOR: author, DID_NAME: name }: DidSettings): DidFacts | null {
  return seed === undefined || author === undefined || name === undefined ? null : { seed, author, name };
}
