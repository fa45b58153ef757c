import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import { GatewayError } from "@parley/contracts";
import type { Vault } from "@parley/domain";
import { z } from "zod";

const KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** Secrets that must be read again are sealed with it. */
export const vaultSettings = z.object({
  /** 32 random bytes in base64; with commas: the first seals, and all open. */
  SECRETS_KEY: z
    .string()
    .transform((text) => text.split(",").map((key) => Buffer.from(key.trim(), "base64")))
    .refine((keys) => keys.every((key) => key.length === KEY_BYTES), {
      message: "Must be 32 bytes in base64, or several such with commas.",
    })
    .optional(),
});

const nameOf = (key: Buffer): string => createHash("sha256").update(key).digest("hex").slice(0, 8);

/**
 * Seals with AES-256-GCM, bound to the place that a secret belongs to: moved to another row it does not open. A sealed secret names its key, so
 * that keys can be changed one after the other. Null where there is no key.
 */
export function createVault(keys: Buffer[] | undefined): Vault | null {
  const [first] = keys ?? [];
  if (keys === undefined || first === undefined) return null;
  const byName = new Map(keys.map((key) => [nameOf(key), key]));
  return {
    newSecret: () => `whsec_${randomBytes(KEY_BYTES).toString("base64")}`,

    seal(secret, place) {
      const iv = randomBytes(IV_BYTES);
      const cipher = createCipheriv("aes-256-gcm", first, iv).setAAD(Buffer.from(place));
      const sealed = Buffer.concat([cipher.update(secret, "utf8"), cipher.final()]);
      return `v1.${nameOf(first)}.${Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString("base64url")}`;
    },

    open(sealed, place) {
      const [version, name = "", text = ""] = sealed.split(".");
      const key = byName.get(name);
      if (version !== "v1" || key === undefined)
        throw new GatewayError("internal", { detail: `a secret is sealed with another key: ${name}` });
      const bytes = Buffer.from(text, "base64url");
      try {
        const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, IV_BYTES))
          .setAAD(Buffer.from(place))
          .setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
        return Buffer.concat([decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]).toString("utf8");
      } catch (cause) {
        throw new GatewayError("internal", { detail: "a sealed secret does not open here", cause });
      }
    },
  };
}
