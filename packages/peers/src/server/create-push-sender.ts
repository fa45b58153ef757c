import { isGatewayError } from "@parley/contracts";
import type { SendA2aPush } from "@parley/domain";
import type { EgressFetch } from "@parley/egress";
import { legacyTask } from "./legacy.ts";
import { eventOfFact, taskOfFact } from "./to-wire-fact.ts";

function retryAfterMs(header: string | null): number | null {
  return header !== null && /^\d{1,9}$/.test(header.trim()) ? Number(header) * 1_000 : null;
}

/** Tells a receiver in the version in which it asked: 1.0 what a stream would have said, 0.3 the whole task. The answer's body is not read. */
export function createPushSender({ fetch }: { fetch: EgressFetch }): SendA2aPush {
  return async ({ url, version, task, fact, authorization, token, timeoutMs, signal }) => {
    const headers = {
      "content-type": version === "1.0" ? "application/a2a+json" : "application/json",
      "user-agent": "parley-a2a",
      ...(authorization !== null && { authorization }),
      ...(token !== null && { "x-a2a-notification-token": token }),
    };
    const body = JSON.stringify(version === "1.0" ? eventOfFact(task, fact) : legacyTask(taskOfFact(task, fact)));
    const late = AbortSignal.timeout(timeoutMs);
    try {
      const response = await fetch(url, { method: "POST", headers, body, redirect: "manual", signal: AbortSignal.any([signal, late]) });
      await response.body?.cancel();
      return { status: response.status, error: null, retryAfterMs: retryAfterMs(response.headers.get("retry-after")) };
    } catch (error) {
      signal.throwIfAborted();
      const because = late.aborted ? "timeout" : isGatewayError(error, "egress_refused") ? "egress_refused" : "egress_failed";
      return { status: null, error: because, retryAfterMs: null };
    }
  };
}
