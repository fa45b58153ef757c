import type { PeerCall, PeerClient, PeerHearing } from "@parley/domain";
import { ChatRun } from "./chat-run.ts";
import { findRun } from "./find-run.ts";
import { type FollowPorts, followRun, openTalk, SCOPES, type Talk } from "./follow-run.ts";
import { type GatewayLine, openGatewayLine } from "./gateway-line.ts";
import { GatewayRefusal } from "./gateway-refusal.ts";
import { answered, lost, notTaken, unanswered, wordsOf } from "./run-outcome.ts";

/** No answer to the request itself, or that of a gateway that has failed at it: it may have been taken. */
const UNANSWERED = new Set(["TIMEOUT", "NONSENSE", "UNAVAILABLE", "AGENT_TIMEOUT", "INTERNAL"]);

/**
 * Calls OpenClaw gateways over their WebSocket. A message's id is its idempotency key, and the name of its run; the context is its session. It goes out on one
 * connection, once; when that is lost, its run is looked for in the session's history and followed on another.
 */
export function createOpenclawClient(ports: FollowPorts): Omit<PeerClient, "card"> {
  const talkOf = (call: PeerCall, hearing: PeerHearing, runId = call.messageId): Talk => ({
    ...{ call, hearing, run: new ChatRun({ runId, asked: wordsOf(call), onText: hearing.onText }) },
  });

  return {
    async send(call, hearing) {
      const talk = talkOf(call, hearing);
      const opened = await openTalk(ports, talk).catch(async (error: unknown) => {
        if (call.signal.aborted) await hearing.onRefused();
        call.signal.throwIfAborted();
        return notTaken(call, error);
      });
      if (!("ask" in opened)) return opened;
      const { frameMax } = opened;
      if (wordsOf(call).length > frameMax) {
        opened.close();
        return notTaken(call, new GatewayRefusal("TOO_LONG", { said: `It takes frames of ${frameMax} characters.` }));
      }
      const refused = await sendOn(opened, talk);
      if (refused !== null) return refused;
      const isTaken = talk.isTaken === true;
      const end = await followRun(ports, talk, isTaken ? opened : null);
      if (end !== null) return answered(talk, end);
      return talk.isTaken === true ? lost(talk) : unanswered(call);
    },

    async reconcile({ sentTaskId, ...call }, hearing) {
      const talk = talkOf(call, hearing, sentTaskId ?? call.messageId);
      talk.isTaken = sentTaskId !== null;
      const end = await followRun(ports, talk, null);
      if (end !== null) return answered(talk, end);
      return talk.isTaken ? lost(talk) : null;
    },

    async find({ target, messageId: runId, contextId: sessionKey, signal }) {
      const line = await openGatewayLine(ports, target, { scopes: SCOPES, signal });
      try {
        const found = await findRun(line, { sessionKey, runId });
        return found.is === "nothing" ? null : runId;
      } finally {
        line.close();
      }
    },

    async cancel({ target, taskId, contextId, signal }) {
      const line = await openGatewayLine(ports, target, { scopes: SCOPES, signal });
      try {
        await line.ask("chat.abort", { sessionKey: contextId, runId: taskId });
      } finally {
        line.close();
      }
    },
  };
}

/** Null where the message is taken, or nobody can say whether it is. */
async function sendOn(line: GatewayLine, talk: Talk) {
  const { call, hearing, run } = talk;
  try {
    const params = { sessionKey: call.contextId, message: wordsOf(call), idempotencyKey: call.messageId };
    const taken = await line.ask("chat.send", params);
    run.rename(runIdIn(taken) ?? call.messageId);
    talk.isTaken = true;
    await hearing.onTask({ taskId: run.runId, contextId: call.contextId });
    return null;
  } catch (error) {
    line.close();
    // Perhaps it is taken, and perhaps not: whoever is to cancel it looks for it by the message's id.
    call.signal.throwIfAborted();
    if (talk.isTaken === true) throw error;
    return error instanceof GatewayRefusal && !UNANSWERED.has(error.code) ? notTaken(call, error) : null;
  }
}

function runIdIn(taken: unknown): string | null {
  if (typeof taken !== "object" || taken === null || !("runId" in taken)) return null;
  return typeof taken.runId === "string" && taken.runId !== "" ? taken.runId : null;
}
