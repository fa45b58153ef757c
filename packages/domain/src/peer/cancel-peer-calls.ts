import { type Limits, peerMessageId } from "@parley/contracts";
import type { Clock } from "../clock.ts";
import type { Vault } from "../identity/vault.ts";
import type { Log } from "../logger.ts";
import { keptName } from "./kept-outcome.ts";
import { openTarget } from "./open-target.ts";
import type { PeerClient } from "./peer-client.ts";
import type { PeerCallRow, PeerCallStore, PeerOutbox, TriedCancel } from "./peer-store.ts";

export interface CancelPorts {
  outbox: PeerOutbox;
  calls: Pick<PeerCallStore, "endCancel" | "deferCancel">;
  client: Pick<PeerClient, "find" | "cancel">;
  vault: Vault | null;
  clock: Clock;
  log: Log;
  limits: Pick<Limits, "peerCancelsMax">;
}

const LOOK_EVERY_MS = 500;
const ROWS_MAX = 32;

/**
 * Tells peers of tasks that nobody wants any more, until the signal aborts: stopped, given up, or left by a worker that died. From the ledger, so that it does
 * not matter who made the call; each try later than the one before, and after so many the peer is given up, and the ledger says so.
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
  const { calls, log, limits } = ports;
  const { id, cancelTries } = call;
  const tried = await tell(ports, call, signal);
  // A try that was cut short by our own end says nothing about the peer.
  if (tried.outcome === "untold" && signal.aborted) return;
  const isOver = tried.outcome === "told" || cancelTries >= limits.peerCancelsMax;
  if (isOver && tried.outcome !== "told")
    log.warn({ callId: id, taskId: tried.taskId, outcome: tried.outcome }, "a peer could not be told to cancel its task");
  try {
    await (isOver ? calls.endCancel(tried) : calls.deferCancel(tried));
  } catch (error) {
    if (!signal.aborted)
      log.warn({ err: error, callId: id }, "what came of telling a peer to cancel was not written down; it is told again");
  }
}

/** A task that nobody has named is looked for by the message that it was sent. */
async function tell(ports: CancelPorts, call: PeerCallRow, signal: AbortSignal): Promise<TriedCancel> {
  const { client, log } = ports;
  const { organizationId, id, round, contextId } = call;
  let { taskId } = call;
  try {
    const target = openTarget(ports, call);
    taskId ??= await client.find({ target, messageId: peerMessageId(id, round), contextId, signal });
    if (taskId === null) return { organizationId, id, outcome: "not_found", taskId };
    await client.cancel({ target, taskId, contextId, signal });
    return { organizationId, id, outcome: "told", taskId: keptName(taskId) };
  } catch (error) {
    log.debug({ err: error, callId: id, tries: call.cancelTries }, "a peer could not be told to cancel its task yet");
    return { organizationId, id, outcome: "untold", taskId: taskId === null ? null : keptName(taskId) };
  }
}
