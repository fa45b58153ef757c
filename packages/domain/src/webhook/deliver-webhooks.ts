import type { Limits } from "@parley/contracts";
import type { Clock } from "../clock.ts";
import { openSealed } from "../identity/open-sealed.ts";
import type { Vault } from "../identity/vault.ts";
import type { Log } from "../logger.ts";
import { endpointPlace } from "./manage-webhooks.ts";
import { nextTry } from "./next-try.ts";
import { SECRET_UNREADABLE, type SendWebhook, type WebhookOutcome } from "./send-webhook.ts";
import type { DueWebhook, WebhookOutbox, WebhookStore } from "./webhook-store.ts";

export interface DeliveryPorts {
  outbox: WebhookOutbox;
  webhooks: Pick<WebhookStore, "record">;
  send: SendWebhook;
  vault: Vault | null;
  clock: Clock;
  log: Log;
  random: () => number;
  limits: Pick<Limits, "webhookAttemptsMax" | "webhookTimeoutMs" | "webhookFailingDays">;
}

const LOOK_EVERY_MS = 500;
/** Under way at a time in one worker, and of one endpoint, so that a slow one holds nobody else up. */
const TOTAL_MAX = 64;
const EACH_MAX = 4;
/** Beyond the endpoint's time to answer, for writing down what came of it. */
const RECORD_MS = 15_000;
/** An endpoint is not switched off for fewer failures, however long ago the first one was. */
const FAILURES_MAX = 10;

/**
 * Takes what is due and sends it, until the signal aborts; what is under way then is cut and is sent again later. At least once, each time under the
 * same id: whoever dies between the answer and its record leaves the try due again.
 */
export async function deliverWebhooks(ports: DeliveryPorts, signal: AbortSignal): Promise<void> {
  const { outbox, clock, log, limits } = ports;
  const underWay = new Map<Promise<void>, string>();
  const leaseMs = limits.webhookTimeoutMs + RECORD_MS;

  function begin(due: DueWebhook): void {
    const attempt = deliver(ports, due, signal).catch((error: unknown) => {
      if (!signal.aborted) log.warn({ err: error, deliveryId: due.id }, "a webhook's try was not written down; it is sent again");
    });
    underWay.set(attempt, due.endpointId);
    void attempt.finally(() => underWay.delete(attempt));
  }

  async function takeMore(): Promise<number> {
    const counts = new Map<string, number>();
    for (const endpointId of underWay.values()) counts.set(endpointId, (counts.get(endpointId) ?? 0) + 1);
    const busy = Object.fromEntries(counts);
    const taken = await outbox.take({ eachMax: EACH_MAX, totalMax: TOTAL_MAX - underWay.size, leaseMs, busy });
    for (const due of taken) begin(due);
    return taken.length;
  }

  while (!signal.aborted) {
    let taken = 0;
    if (underWay.size < TOTAL_MAX) {
      taken = await takeMore().catch((error: unknown) => {
        log.warn({ err: error }, "webhooks that are due could not be read");
        return 0;
      });
    }
    // Those that were busy may have more waiting: the next look comes as soon as any of them is done.
    const pause = clock.sleep(LOOK_EVERY_MS, signal);
    await (taken > 0 && underWay.size > 0 ? Promise.race([...underWay.keys(), pause]) : pause);
  }
  await Promise.allSettled(underWay.keys());
}

async function deliver(ports: DeliveryPorts, due: DueWebhook, signal: AbortSignal): Promise<void> {
  const { webhooks, clock, log, limits } = ports;
  const { id, organizationId, endpointId, attempt } = due;
  const startedMs = clock.monotonicMs();
  const outcome = await attemptOnce(ports, due, signal);
  const durationMs = Math.round(clock.monotonicMs() - startedMs);
  const next = nextTry(outcome, { attempt, attemptsMax: limits.webhookAttemptsMax, random: ports.random() });
  const { status, error } = outcome;
  const bounds = { failingDays: limits.webhookFailingDays, failuresMax: FAILURES_MAX };
  const isGone = status === 410;
  const disabled = await webhooks.record({ organizationId, id, attempt, ...next, status, error, durationMs, isGone, ...bounds });
  if (error === "secret_unreadable") log.warn({ organizationId, endpointId, deliveryId: id, error }, "a webhook was given up");
  if (disabled) log.warn({ organizationId, endpointId, status, error }, "an endpoint was switched off");
}

async function attemptOnce({ send, vault, limits }: DeliveryPorts, due: DueWebhook, signal: AbortSignal): Promise<WebhookOutcome> {
  const { id, organizationId, endpointId, url, payload } = due;
  // One of two that opens is enough: while a secret is replaced the receiver knows either.
  const secrets = due.secrets.flatMap((sealed) => openSealed(vault, sealed, endpointPlace(organizationId, endpointId)) ?? []);
  if (secrets.length === 0) return SECRET_UNREADABLE;
  return send({ url, id, body: JSON.stringify(payload), secrets, timeoutMs: limits.webhookTimeoutMs, signal });
}
