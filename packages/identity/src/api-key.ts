import { createHash, randomBytes } from "node:crypto";

const SHAPE = /^agw_[A-Za-z0-9_-]{43}$/;
const PREFIX_CHARS = 12;

/** A new key: 32 random bytes as base64url, shown once. */
export const makeApiKey = (): string => `agw_${randomBytes(32).toString("base64url")}`;

/** Whether a credential looks like a key of ours: anything else is refused without asking the store. */
export const isApiKey = (credential: string): boolean => SHAPE.test(credential);

/** What is stored instead of the key, in hex. The key has 256 random bits, so that a fast hash is enough. */
export const hashApiKey = (apiKey: string): string => createHash("sha256").update(apiKey).digest("hex");

/** The first characters, to recognise a key by: `agw_` and 48 of its bits. */
export const apiKeyPrefix = (apiKey: string): string => apiKey.slice(0, PREFIX_CHARS);
