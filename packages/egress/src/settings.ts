import { z } from "zod";

const EXACT_HOST_PORT = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+):\d{1,5}$/;

/** One place, as allow-lists and secrets name it. */
export const exactHostPort = z.string().trim().toLowerCase().regex(EXACT_HOST_PORT, "must be host:port, exact, without wildcards");

const allowList = z
  .string()
  .default("")
  .transform((text) => text.split(",").filter((entry) => entry.trim() !== ""))
  .pipe(z.array(exactHostPort));

const bound = (fallback: number) => z.coerce.number().int().positive().default(fallback);

/** What the way out reads from the environment. */
export const egressSettings = z.object({
  /** Comma-separated `host:port`s that may be called though their addresses are private. */
  EGRESS_ALLOW: allowList,
  EGRESS_CONNECT_TIMEOUT_MS: bound(10_000),
  /** Longest wait for a response's headers. */
  EGRESS_TIMEOUT_MS: bound(120_000),
  /** Longest silence inside a response's body. */
  EGRESS_IDLE_TIMEOUT_MS: bound(120_000),
  /** Largest response body, streams included. */
  EGRESS_RESPONSE_BYTES_MAX: bound(67_108_864),
  EGRESS_CONNECTIONS_PER_HOST_MAX: bound(1_024),
});
export type EgressSettings = z.infer<typeof egressSettings>;

export const egressOptions = (settings: EgressSettings) => ({
  allow: settings.EGRESS_ALLOW,
  connectTimeoutMs: settings.EGRESS_CONNECT_TIMEOUT_MS,
  headersTimeoutMs: settings.EGRESS_TIMEOUT_MS,
  idleTimeoutMs: settings.EGRESS_IDLE_TIMEOUT_MS,
  responseBytesMax: settings.EGRESS_RESPONSE_BYTES_MAX,
  connectionsPerHostMax: settings.EGRESS_CONNECTIONS_PER_HOST_MAX,
});
