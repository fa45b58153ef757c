import { createHmac } from "node:crypto";
import { isGatewayError } from "@parley/contracts";
import type { SendWebhook } from "@parley/domain";
import type { EgressFetch } from "@parley/egress";

const PREFIX = "whsec_";

/** As Standard Webhooks has it: over id, time and body, with the secret's own bytes. */
function signatureOf(secret: string, signed: string): string {
  const key = Buffer.from(secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : secret, "base64");
  return `v1,${createHmac("sha256", key).update(signed).digest("base64")}`;
}

function retryAfterMs(header: string | null, nowMs: number): number | null {
  if (header === null) return null;
  const ms = /^\d{1,9}$/.test(header.trim()) ? Number(header) * 1_000 : Date.parse(header) - nowMs;
  return Number.isFinite(ms) ? Math.max(0, ms) : null;
}

/** Sends with the headers of Standard Webhooks. The answer's body is not read. */
export function createSender({ fetch }: { fetch: EgressFetch }): SendWebhook {
  return async ({ url, id, body, secrets, timeoutMs, signal }) => {
    const seconds = Math.floor(Date.now() / 1_000);
    const headers = {
      "content-type": "application/json",
      "user-agent": "parley-webhooks",
      "webhook-id": id,
      "webhook-timestamp": String(seconds),
      "webhook-signature": secrets.map((secret) => signatureOf(secret, `${id}.${seconds}.${body}`)).join(" "),
    };
    const late = AbortSignal.timeout(timeoutMs);
    try {
      const response = await fetch(url, { method: "POST", headers, body, redirect: "manual", signal: AbortSignal.any([signal, late]) });
      await response.body?.cancel();
      return { status: response.status, error: null, retryAfterMs: retryAfterMs(response.headers.get("retry-after"), Date.now()) };
    } catch (error) {
      signal.throwIfAborted();
      const because = late.aborted ? "timeout" : isGatewayError(error, "egress_refused") ? "egress_refused" : "egress_failed";
      return { status: null, error: because, retryAfterMs: null };
    }
  };
}
