import { isGatewayError, type Limits, type Usage } from "@parley/contracts";
import type { OpenNote, UsageNotes } from "../billing/usage-notes.ts";
import type { Clock } from "../clock.ts";
import type { LiveTail } from "../log/live-tail.ts";
import type { Log } from "../logger.ts";
import { TurnAbort } from "./turn-abort.ts";
import { TurnLog } from "./turn-log.ts";
import type { ClaimedTurn, TurnStore } from "./turn-store.ts";
import { UsageSheet } from "./usage-sheet.ts";

/** How often a turn that needs its lease asks a Postgres that is away. */
const STORE_RETRY_MS = 250;

export interface HolderSettings {
  /** How long a dead worker's turn waits before another may take it. */
  leaseMs: number;
  /** How often leases are renewed and texts kept. */
  heartbeatMs: number;
}

interface Ports {
  store: TurnStore;
  tail: LiveTail;
  clock: Clock;
  log: Log;
  limits: Limits;
  notes: UsageNotes;
}

/** A turn that this worker runs. */
export interface ActiveTurn {
  claim: ClaimedTurn;
  log: TurnLog;
  /** What it has used. Noted, so that whoever takes it over can have it charged. */
  usage: UsageSheet;
  /** A call has begun with a prompt of this size: one that is large is noted at once. */
  noteCall(reading: Pick<Usage, "inputTokens">): void;
  /** Aborted with a `TurnAbort`. */
  signal: AbortSignal;
  abort(reason: TurnAbort): void;
  /**
   * Resolves when the lease is surely ours for long enough to start an effect outside; waits while Postgres is away.
   * Throws `TurnAbort` when the lease has passed on or the turn must end.
   */
  ensureFresh(): Promise<void>;
}

/**
 * All turns of one worker process: renews their leases and keeps their texts in one statement, folds their inboxes,
 * and aborts those that were stopped or have passed on.
 */
export interface TurnHolder {
  /** `onFirstText` is called when the turn's first text is there. */
  hold(claim: ClaimedTurn, onFirstText: () => void): ActiveTurn;
  letGo(turn: ActiveTurn): void;
  active(): ActiveTurn[];
  /** Something happened to a conversation from outside: look at its inbox now. */
  nudged(conversationId: string): void;
  /** Starts the heartbeat; ends when the signal aborts. */
  beat(signal: AbortSignal): Promise<void>;
}

const CHECKPOINT_GATHER_MS = 100;
/** Some 4,000 characters. */
const NOTED_AT_ONCE_TOKENS = 1_024;

export function createTurnHolder({ store, tail, clock, log, limits, notes }: Ports, settings: HolderSettings): TurnHolder {
  const turns = new Map<string, ActiveTurn>();
  const due = new Set<ActiveTurn>();
  const noted = new Map<ActiveTurn, OpenNote>();
  /** An effect outside may take a while to start: renewals older than this are not good enough. */
  const freshMs = settings.leaseMs * 0.6;

  function hold(claim: ClaimedTurn, onFirstText: () => void): ActiveTurn {
    const controller = new AbortController();
    const abort = (reason: TurnAbort) => controller.abort(reason);
    const turnLog = new TurnLog(claim, {
      store,
      tail,
      clock,
      leaseMs: settings.leaseMs,
      limits,
      onAbort: abort,
      onFirstText,
      onCheckpointDue: () => checkpointSoon(turn),
    });
    const usage = new UsageSheet(claim.turn.id, claim.turn.attempt);
    const { organizationId, conversationId } = claim;
    const note = notes.open({ organizationId }, () => {
      const lines = usage.standing();
      return lines.length === 0 ? null : { kind: "turn", conversationId, lines };
    });
    const turn: ActiveTurn = {
      claim,
      log: turnLog,
      usage,
      noteCall: ({ inputTokens }) => note.begun(inputTokens >= NOTED_AT_ONCE_TOKENS),
      signal: controller.signal,
      abort,
      async ensureFresh() {
        controller.signal.throwIfAborted();
        while (clock.monotonicMs() - turnLog.renewedAtMs >= freshMs) {
          await renew([turn]).catch(async (error: unknown) => {
            if (!isGatewayError(error, "storage_unavailable")) throw error;
            await clock.sleep(STORE_RETRY_MS, controller.signal);
          });
          controller.signal.throwIfAborted();
        }
      },
    };
    // Whoever is claimed again has lost the turn before, though nobody told it yet.
    turns.get(conversationId)?.abort(new TurnAbort("lease_lost"));
    turns.set(conversationId, turn);
    noted.set(turn, note);
    return turn;
  }

  async function renew(chosen: ActiveTurn[]): Promise<void> {
    if (chosen.length === 0) return;
    const askedAtMs = clock.monotonicMs();
    const asked = chosen.map((turn) => ({ ...turn.log.fence, texts: turn.log.takeCheckpoint() }));
    const renewals = await store.renew(asked, settings.leaseMs).catch((error: unknown) => {
      for (const [index, turn] of chosen.entries()) {
        if (asked[index]?.texts != null) turn.log.checkpointFailed();
      }
      throw error;
    });
    for (const renewal of renewals) {
      const turn = turns.get(renewal.conversationId);
      if (turn === undefined || turn.claim.epoch !== renewal.epoch) continue;
      if (!renewal.alive) {
        turn.abort(new TurnAbort("lease_lost"));
        continue;
      }
      turn.log.renewedAtMs = Math.max(turn.log.renewedAtMs, askedAtMs);
      if (renewal.stopReason !== null) turn.abort(new TurnAbort(renewal.stopReason));
      else if (renewal.inbox) foldInbox(turn);
    }
  }

  /** Turns that say much at once are kept together: one statement for all that are due within a moment. */
  function checkpointSoon(turn: ActiveTurn): void {
    if (due.size === 0) {
      setTimeout(() => {
        const chosen = [...due].filter((one) => turns.get(one.claim.conversationId) === one);
        due.clear();
        renew(chosen).catch((error: unknown) => log.warn({ err: error }, "checkpoint not kept"));
      }, CHECKPOINT_GATHER_MS);
    }
    due.add(turn);
  }

  /** An empty write takes the inbox along; a stop shows itself as the write's refusal. */
  function foldInbox(turn: ActiveTurn): void {
    turn.log.commit({}).catch((error: unknown) => {
      if (!(error instanceof TurnAbort)) log.warn({ err: error, conversationId: turn.claim.conversationId }, "inbox not folded");
    });
  }

  return {
    hold,
    letGo(turn) {
      turn.log.close();
      noted.get(turn)?.end();
      noted.delete(turn);
      if (turns.get(turn.claim.conversationId) === turn) turns.delete(turn.claim.conversationId);
    },
    active: () => [...turns.values()],
    nudged(conversationId) {
      const turn = turns.get(conversationId);
      if (turn !== undefined) foldInbox(turn);
    },
    async beat(signal) {
      while (!signal.aborted) {
        await clock.sleep(settings.heartbeatMs, signal);
        // A finished claim may still be here for a moment; the store's fence sorts that out.
        await renew([...turns.values()]).catch((error: unknown) => log.warn({ err: error }, "heartbeat failed"));
      }
    },
  };
}
