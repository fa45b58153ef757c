import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from "node:crypto";

const SHAPE = /^agt_[A-Za-z0-9_-]{43}$/;
const CIPHER = "aes-256-gcm";
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** A new ticket: 32 random bytes as base64url. */
export const makeTicket = (): string => `agt_${randomBytes(32).toString("base64url")}`;

export const isTicket = (text: string): boolean => SHAPE.test(text);

/** What a ticket is found by. It says nothing about the ticket. */
export const ticketName = (ticket: string): string => createHash("sha256").update(ticket).digest("base64url");

const keyOf = (ticket: string): Buffer => Buffer.from(hkdfSync("sha256", ticket, "", "parley ticket", 32));

/** A credential that can be read again with the ticket alone: who sees all that Redis holds has neither. */
export function seal(ticket: string, credential: string): string {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(CIPHER, keyOf(ticket), iv);
  const text = Buffer.concat([cipher.update(credential, "utf8"), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), text]).toString("base64url");
}

/** Throws where the ticket is not the one that it was sealed with. */
export function unseal(ticket: string, sealed: string): string {
  const bytes = Buffer.from(sealed, "base64url");
  const decipher = createDecipheriv(CIPHER, keyOf(ticket), bytes.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
  return Buffer.concat([decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]).toString("utf8");
}
