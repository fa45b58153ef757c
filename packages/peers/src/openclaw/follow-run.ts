import { setTimeout as sleep } from "node:timers/promises";
import { isGatewayError } from "@parley/contracts";
import type { PeerCall, PeerHearing } from "@parley/domain";
import type { ChatRun, RunEnd } from "./chat-run.ts";
import { findRun } from "./find-run.ts";
import { type GatewayEvent, readChatEvent } from "./gateway-frame.ts";
import { type GatewayLine, type LinePorts, openGatewayLine } from "./gateway-line.ts";
import { GatewayRefusal } from "./gateway-refusal.ts";

export interface FollowPorts extends Omit<LinePorts, "bounds"> {
  bounds: LinePorts["bounds"] & { peerAwayMs: number };
}

/** A call, and what is known of its run. */
export interface Talk {
  call: PeerCall;
  hearing: PeerHearing;
  run: ChatRun;
  /** The gateway has it. */
  isTaken?: boolean;
}

export const SCOPES = ["operator.read", "operator.write"] as const;
/** A gateway that starts says when to come back: so often it is believed, and not for longer than this. */
const TRIES_MAX = 3;
const RETRY_MS_MAX = 5_000;
/** How often a run is looked for whose events may have been missed, and how long a lost gateway is left alone. */
const LOOK_MS = 2_000;
const REDIAL_MS = 250;

/** A connection on which the run is heard. */
export async function openTalk(ports: FollowPorts, { call, run }: Talk): Promise<GatewayLine> {
  const { target, signal } = call;
  const onEvent = (event: GatewayEvent): void => {
    const said = readChatEvent(event);
    if (said !== null) run.take(said);
  };
  for (let tried = 1; ; tried += 1) {
    try {
      return await openGatewayLine(ports, target, { scopes: SCOPES, signal, onEvent });
    } catch (error) {
      const again = error instanceof GatewayRefusal ? error.retryAfterMs : null;
      if (again === null || tried === TRIES_MAX) throw error;
      await pause(Math.min(again, RETRY_MS_MAX), signal);
    }
  }
}

/**
 * Waits for the run's end, over as many connections as it takes. Null where the gateway stays away for too long; and, of a run that is not known to be taken,
 * where its session does not show it or cannot be looked at. Throws the signal's reason.
 */
export async function followRun(ports: FollowPorts, talk: Talk, first: GatewayLine | null): Promise<RunEnd | null> {
  const { call, hearing, run } = talk;
  let line = first;
  let heardMs = performance.now();
  try {
    for (let looks = first === null; ; looks = true) {
      call.signal.throwIfAborted();
      try {
        line ??= await openTalk(ports, talk);
        const found = looks ? await findRun(line, { sessionKey: call.contextId, runId: run.runId }) : null;
        heardMs = performance.now();
        if (found?.is === "nothing" && talk.isTaken !== true) return null;
        if (talk.isTaken !== true) await hearing.onTask({ taskId: run.runId, contextId: call.contextId });
        talk.isTaken = true;
        if (found?.is === "answered") run.finish(found.text);
        const end = await Promise.race([run.ended, line.ended, sleep(LOOK_MS, null)]);
        if (end !== null) return end;
      } catch (error) {
        call.signal.throwIfAborted();
        if (error instanceof GatewayRefusal && talk.isTaken !== true) return null;
        line?.close();
        line = null;
        if (performance.now() - heardMs > ports.bounds.peerAwayMs || isGatewayError(error, "egress_refused")) return null;
        await pause(REDIAL_MS, call.signal);
      }
    }
  } finally {
    line?.close();
  }
}

/** Throws the signal's reason. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, null, { signal }).catch(() => {});
  signal.throwIfAborted();
}
