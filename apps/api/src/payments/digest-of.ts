import { createHash } from "node:crypto";
import type { Json } from "./plugins/plugin.ts";

/** Tells one call from another: an offer is for one of them. */
export const digestOf = (name: string, body: Json): string =>
  createHash("sha256")
    .update(JSON.stringify([name, body]))
    .digest("base64url");
