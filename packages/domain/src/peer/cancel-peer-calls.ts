import type { Limits } from "@parley/contracts";
import type { Clock } from "../clock.ts";
import type { Vault } from "../identity/vault.ts";
import type { Log } from "../logger.ts";
import { openTarget } from "./open-target.ts";
import type { PeerClient } from "./peer-client.ts";
import type { PeerCallRow, PeerCallStore, PeerOutbox } from "./peer-store.ts";

export interface CancelPorts {
  outbox: PeerOutbox;
  calls: Pick<PeerCallStore, "endCancel">;
  client: Pick<PeerClient, "cancel">;
  vault: Vault | null;
  clock: Clock;
  log: Log;
  limits: Pick<Limits, "peerCancelsMax">;
}

const LOOK_EVERY_MS = 500;
const ROWS_MAX = 32;

/**
 * Tells peers of tasks that nobody wants any more, until the signal aborts: stopped, given up, or left by a worker that died. From the ledger, so that it does
 * not matter who made the call; each try later than the one before, and after so many the peer is given up.
 */
export async function cancelPeerCalls(ports: CancelPorts, signal: AbortSignal): Promise<void> {
  const { outbox, clock, log } = ports;
  while (!signal.aborted) {
    const due = await outbox.take(ROWS_MAX).catch((error: unknown) => {
      log.warn({ err: error }, "calls of peers that are to be cancelled could not be read");
      return [];
    });
    await Promise.all(due.map((call) => cancel(ports, call, signal)));
    if (due.length < ROWS_MAX) await clock.sleep(LOOK_EVERY_MS, signal);
  }
}

async function cancel(ports: CancelPorts, call: PeerCallRow, signal: AbortSignal): Promise<void> {
  const { calls, client, log, limits } = ports;
  const { id, organizationId, taskId, cancelTries } = call;
  try {
    const isTold = taskId !== null && (await told(taskId));
    // A task that nobody knows by name may still be named by its worker, within the first tries.
    if (isTold || cancelTries >= limits.peerCancelsMax) await calls.endCancel({ organizationId, id });
    if (!isTold && cancelTries >= limits.peerCancelsMax) log.warn({ callId: id, taskId }, "a peer could not be told to cancel its task");
  } catch (error) {
    if (!signal.aborted) log.warn({ err: error, callId: id }, "that a peer was told to cancel was not written down; it is told again");
  }

  async function told(task: string): Promise<boolean> {
    try {
      await client.cancel({ target: openTarget(ports, call), taskId: task, signal });
      return true;
    } catch (error) {
      log.debug({ err: error, callId: id, tries: cancelTries }, "a peer could not be told to cancel its task yet");
      return false;
    }
  }
}
