import type { Limits } from "@parley/contracts";
import type { Clock } from "../clock.ts";
import { openSealed } from "../identity/open-sealed.ts";
import type { Vault } from "../identity/vault.ts";
import type { Log } from "../logger.ts";
import { SECRET_UNREADABLE } from "../webhook/send-webhook.ts";
import { type PushSecret, pushPlace } from "./a2a-pushes.ts";
import type { A2aOutbox, A2aStore, DueA2aPush } from "./a2a-store.ts";
import { toA2aTask } from "./a2a-tasks.ts";
import { nextPush } from "./next-push.ts";
import type { SendA2aPush } from "./send-a2a-push.ts";

export interface PushPorts {
  outbox: A2aOutbox;
  a2a: Pick<A2aStore, "read" | "recordPush">;
  send: SendA2aPush;
  vault: Vault | null;
  clock: Clock;
  log: Log;
  random: () => number;
  limits: Pick<Limits, "a2aPushAttemptsMax" | "a2aPushTimeoutMs">;
}

const LOOK_EVERY_MS = 250;
/** Under way at a time in one worker. Each receiver is told one thing at a time, so that a slow one holds nobody else up. */
const TOTAL_MAX = 64;
/** Beyond the receiver's time to answer, for writing down what came of it. */
const RECORD_MS = 15_000;

/**
 * Tells those who asked to be told of tasks, until the signal aborts; what is under way then is cut and is told again later. In order for each
 * receiver and at least once: whoever dies between the answer and its record leaves the try due again.
 */
export async function deliverA2aPushes(ports: PushPorts, signal: AbortSignal): Promise<void> {
  const { outbox, clock, log, limits } = ports;
  const underWay = new Set<Promise<void>>();
  const leaseMs = limits.a2aPushTimeoutMs + RECORD_MS;

  while (!signal.aborted) {
    let due: DueA2aPush[] = [];
    if (underWay.size < TOTAL_MAX) {
      due = await outbox.take({ rowsMax: TOTAL_MAX - underWay.size, leaseMs }).catch((error: unknown) => {
        log.warn({ err: error }, "pushes that are due could not be read");
        return [];
      });
    }
    for (const one of due) {
      const attempt = deliver(ports, one, signal).catch((error: unknown) => {
        if (!signal.aborted) log.warn({ err: error, taskId: one.taskId }, "a push's try was not written down; it is told again");
      });
      underWay.add(attempt);
      void attempt.finally(() => underWay.delete(attempt));
    }
    // What was owed behind one that is told is due as soon as that is written down.
    const pause = clock.sleep(LOOK_EVERY_MS, signal);
    await (due.length > 0 ? Promise.race([...underWay, pause]) : pause);
  }
  await Promise.allSettled(underWay);
}

async function deliver(ports: PushPorts, due: DueA2aPush, signal: AbortSignal): Promise<void> {
  const { a2a, log, limits } = ports;
  const { id, organizationId, taskId, pushId, attempt } = due;
  const key = { organizationId, id, taskId, pushId, attempt };
  const task = await a2a.read({ organizationId, taskId });
  if (task === null) return a2a.recordPush({ ...key, outcome: "failed", delayMs: 0 });
  const { url, version, fact } = due;
  const proof = proofOf(ports, due);
  const sent = { url, version, fact, task: toA2aTask(task), timeoutMs: limits.a2aPushTimeoutMs, signal };
  const outcome = proof === null ? SECRET_UNREADABLE : await ports.send({ ...sent, ...proof });
  const next = nextPush(outcome, { attempt, attemptsMax: limits.a2aPushAttemptsMax, random: ports.random() });
  await a2a.recordPush({ ...key, ...next });
  const { status, error } = outcome;
  if (next.outcome === "failed") log.warn({ organizationId, taskId, pushId, status, error }, "a receiver of pushes was given up");
}

/** Null where it does not open. */
function proofOf({ vault }: PushPorts, due: DueA2aPush): { token: string | null; authorization: string | null } | null {
  const { organizationId, taskId, pushId, secret, scheme } = due;
  if (secret === null) return { token: null, authorization: null };
  const opened = openSealed(vault, secret, pushPlace(organizationId, taskId, pushId));
  if (opened === null) return null;
  const { token, credentials } = JSON.parse(opened) as PushSecret;
  return { token, authorization: scheme === null || credentials === null ? null : `${scheme} ${credentials}` };
}
