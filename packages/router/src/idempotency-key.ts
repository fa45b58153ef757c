import { GatewayError } from "@parley/contracts";
import { z } from "zod";
import { issuesOf } from "./error-shape.ts";

export const idempotencyKey = z.string().min(1).max(255);

/** Where a call may name its key: in the `Idempotency-Key` header, or in its input. */
interface Named {
  header: string | null;
  input: string | undefined;
}

/** The key of a call, or undefined where it has none. Throws `invalid_input` for a header that is no key, `bad_request` for two keys. */
export function readIdempotencyKey({ header, input }: Named): string | undefined {
  if (header === null) return input;
  const key = idempotencyKey.safeParse(header);
  if (!key.success) {
    const issues = issuesOf(key.error).map((issue) => ({ ...issue, path: ["header", "idempotency-key"] }));
    throw new GatewayError("invalid_input", { issues });
  }
  if (input !== undefined && input !== key.data) {
    throw new GatewayError("bad_request", { text: "The header and the input name different idempotency keys." });
  }
  return key.data;
}
