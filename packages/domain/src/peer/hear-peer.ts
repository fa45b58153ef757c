import { outlastOutage } from "../turn/outlast-outage.ts";
import { storableText, withoutNul } from "../turn/storable.ts";
import type { TurnRun } from "../turn/turn-run.ts";
import { keptName } from "./kept-outcome.ts";
import type { PeerHearing } from "./peer-client.ts";
import type { PeerCallRow } from "./peer-store.ts";

/** A peer that says where it is more often than this is told of less often. */
const PROGRESS_MS = 1_000;
const PROGRESS_MAX = 100;
const PROGRESS_CHARS_MAX = 2_000;
/** The step under which a call's text is told. */
const STEP = 1;

/** Whose text a call's is: the child's own, or that of the execution which has nothing else to say. */
export interface ToldAs {
  executionId: string;
  step: number;
}

/** What is heard of a call goes to the ledger and to the log; there under the child's id, so that every door shows it. */
export function hearPeer(run: TurnRun, { id, organizationId, conversationId, sealed }: PeerCallRow, toldAs?: ToldAs): PeerHearing {
  const { log, claim } = run.active;
  const about = { executionId: id, turnId: claim.turn.id };
  let taskId = "";
  let told = 0;
  let toldAtMs = Number.NEGATIVE_INFINITY;
  let textLeft = Math.min(run.limits.peerResultCharsMax, run.limits.answerCharsMax / 4);

  return {
    async onTask(task) {
      taskId = keptName(task.taskId);
      const fact = { organizationId, id, taskId, contextId: task.contextId === "" ? null : keptName(task.contextId), sealed };
      await outlastOutage(run.clock, () => run.peers.calls.recordTask(fact));
    },
    onRefused: () => outlastOutage(run.clock, () => run.peers.calls.recordRefused(organizationId, id)),
    onProgress({ state, text }) {
      const now = run.clock.monotonicMs();
      if (taskId === "" || told >= PROGRESS_MAX || now - toldAtMs < PROGRESS_MS || run.active.signal.aborted) return;
      told += 1;
      toldAtMs = now;
      const data = { childId: id, state, taskId, text: storableText(text.slice(0, PROGRESS_CHARS_MAX)) };
      // What ends the turn is seen by whoever waits for the call itself.
      log.commit({ events: [{ ...about, type: "peer.progressed", data }] }).catch(() => {});
    },
    onText(text) {
      if (textLeft <= 0 || run.active.signal.aborted) return;
      log.delta(toldAs?.executionId ?? id, toldAs?.step ?? STEP, withoutNul(text.slice(0, textLeft)));
      textLeft -= text.length;
    },
    nudged: (signal) => run.peers.bell.heard(conversationId, signal),
  };
}
