import { setTimeout as sleep } from "node:timers/promises";
import type { PeerHearing } from "@parley/domain";
import { TASK_NOT_FOUND } from "./exchange.ts";
import type { Line } from "./open-line.ts";
import { isSettled, type TaskView } from "./task-view.ts";
import { whyFailed } from "./why-failed.ts";

/** Seconds between two looks; the last one stays. */
const PAUSES_S = [0.5, 1, 1, 2, 2, 5, 5, 10];
/** A look that takes longer is given up; the next one may do better. */
const LOOK_MS = 60_000;

interface Following {
  view: TaskView;
  taskId: string;
  hearing: Pick<PeerHearing, "onProgress" | "nudged">;
  /** How long the peer may be out of reach. */
  awayMs: number;
  signal: AbortSignal;
}

/** Looks after a task until it is settled; null then, else why it cannot be said what became of it. Throws the signal's reason once aborted. */
export async function followTask(line: Line, { view, taskId, hearing, awayMs, signal }: Following): Promise<string | null> {
  let awaySinceMs: number | null = null;
  for (let look = 0; !isSettled(view.state); look += 1) {
    await pause(PAUSES_S[Math.min(look, PAUSES_S.length - 1)] ?? 10, hearing, signal);
    const before = `${view.state} ${view.prompt}`;
    try {
      const { serviceParameters } = line;
      const either = AbortSignal.any([signal, AbortSignal.timeout(LOOK_MS)]);
      view.takeTask(await line.transport.getTask({ tenant: "", id: taskId, historyLength: 0 }, { signal: either, serviceParameters }));
      awaySinceMs = null;
    } catch (error) {
      signal.throwIfAborted();
      if (line.exchange.refusal?.code === TASK_NOT_FOUND) return "The agent does not know the task any more.";
      if (line.exchange.bytesLeft < 0) return whyFailed(error, line.exchange).error;
      awaySinceMs ??= performance.now();
      if (performance.now() - awaySinceMs >= awayMs) return "The agent could not be asked about its task any more.";
    }
    if (`${view.state} ${view.prompt}` !== before) hearing.onProgress({ state: view.state, text: view.prompt });
  }
  return null;
}

/** Until the next look is due, or the peer calls back. */
async function pause(seconds: number, { nudged }: Pick<PeerHearing, "nudged">, signal: AbortSignal): Promise<void> {
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  await Promise.race([sleep(seconds * 1_000, undefined, { signal: either }).catch(() => {}), nudged(either)]);
  over.abort();
  signal.throwIfAborted();
}
