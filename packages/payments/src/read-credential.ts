import { createHash } from "node:crypto";
import type { OfferedMethod, ReadCredential } from "@parley/domain";
import { Credential } from "mppx";
import { z } from "zod";

/** What offers are called: anything else is none of ours, and may be more than a database keeps. */
const offerId = z.string().regex(/^[A-Za-z0-9_-]{1,100}$/);
/** An account, as the standard has payers name theirs. */
const PAYER = /^did:[a-z0-9]{1,20}:[A-Za-z0-9._:%-]{1,200}$/;

const plainCredential = z.object({
  scheme: z.literal("Payment"),
  transaction: z.string().regex(/^0x[0-9a-fA-F]{2,20000}$/),
  challengeNonce: offerId,
});
export type PlainCredential = z.infer<typeof plainCredential>;

const METHODS: ReadonlySet<string> = new Set<OfferedMethod>(["tempo/charge", "tempo/session", "stripe/charge"]);

const fingerprintOf = (text: string): string => createHash("sha256").update(text).digest("hex");

/** In the raw JSON of one dialect, or the base64url of the other, which never begins with a brace. */
export function readPlain(credential: string): PlainCredential | null {
  try {
    return plainCredential.parse(JSON.parse(credential));
  } catch {
    return null;
  }
}

/** Whoever names no account is nobody in particular: what was paid is looked at all the same. */
export function readStandard(credential: string): Credential.Credential | null {
  try {
    const { challenge, payload, source } = Credential.deserialize(`Payment ${credential}`);
    if (payload === undefined || !offerId.safeParse(challenge.id).success) return null;
    const isNamed = typeof source === "string" && PAYER.test(source);
    return { challenge, payload, ...(isNamed && { source }) };
  } catch {
    return null;
  }
}

/** What a credential says before anything of it is believed; null where it is none. */
export function readCredential(credential: string): ReadCredential | null {
  if (credential.startsWith("{")) {
    const plain = readPlain(credential);
    if (plain === null) return null;
    return { method: "tempo/charge", challengeId: plain.challengeNonce, fingerprint: fingerprintOf(plain.transaction), dialect: "plain" };
  }
  const read = readStandard(credential);
  if (read === null) return null;
  const method = `${read.challenge.method}/${read.challenge.intent}`;
  // Of a method that nobody offers: its challenge cannot be ours, and is refused as such.
  const known = METHODS.has(method) ? (method as OfferedMethod) : "tempo/charge";
  return { method: known, challengeId: read.challenge.id, fingerprint: fingerprintOf(JSON.stringify(read.payload)), dialect: "mpp" };
}
