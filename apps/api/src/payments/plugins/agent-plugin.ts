import { agentId, type Cursor, conversationId, ERRORS, GatewayError, type Limits, type LogEvent, submitInput } from "@parley/contracts";
import type { Gateway } from "@parley/domain";
import type { OpenStream } from "@parley/router";
import { z } from "zod";
import { questionsIn } from "../../turn/questions-in.ts";
import { runTurn, type TurnAnswer, type TurnEars } from "../../turn/run-turn.ts";
import { turnFailure } from "../../turn/turn-failure.ts";
import { TurnText } from "../../turn/turn-text.ts";
import { bad, checkFields, type Json, type Plugin, type PluginCall, pluginFailed, type Tell, textField, textIn } from "./plugin.ts";

interface AgentFacts {
  gateway: Gateway;
  limits: Limits;
  openStream: OpenStream;
  /** The one that guests talk to; null: the organization's oldest. */
  soldAgentId: string | null;
}

const FIELDS = z.object({
  ...{ message: textField, prompt: textField, input: textField, text: textField },
  ...{ agentId: textField, agent_id: textField, conversationId: textField, conversation_id: textField },
});

const promptIn = (body: Json): string | undefined => textIn(body, "message", "prompt", "input", "text");

/** A turn of an agent. */
export function agentPlugin({ gateway, limits, openStream, soldAgentId }: AgentFacts): Plugin {
  async function agentOf(call: PluginCall): Promise<string> {
    const { caller, isGuest, body } = call;
    const said = textIn(body, "agentId", "agent_id");
    const named = said === undefined ? undefined : agentId.safeParse(said).data;
    if (said !== undefined && named === undefined) throw bad("Unknown agent.");
    if (isGuest && named !== undefined) {
      // Of what is not sold a guest learns nothing, not even whether it is there.
      const sold = await agentOf({ ...call, body: {} });
      if (named !== sold) throw bad("Only the holder of a key chooses an agent.");
      return sold;
    }
    const wanted = named ?? soldAgentId;
    if (wanted !== null) return (await gateway.getAgent(caller, wanted)).id;
    const { items } = await gateway.listAgents(caller, { page: 1, perPage: 1 });
    const [oldest] = items;
    // Nobody who calls can do anything about it: the operator finds it in the log.
    if (oldest === undefined) throw pluginFailed("the organization has no agent");
    return oldest.id;
  }

  return {
    auth: false,
    streams: true,
    usesModels: true,
    charsToRead: (body) => promptIn(body)?.length ?? 0,
    async prepare(call) {
      const { caller, body, signal } = call;
      checkFields(FIELDS, body);
      const text = promptIn(body);
      if (text === undefined) throw bad("A message is needed.");
      const conversation = textIn(body, "conversationId", "conversation_id");
      if (conversation !== undefined && !conversationId.safeParse(conversation).success) throw bad("Unknown conversation.");
      // A guest is nobody in particular: what one has said is not the next one's to go on with.
      if (call.isGuest && conversation !== undefined) throw bad("Only the holder of a key goes on with a conversation.");
      const agent = await agentOf(call);
      const read = submitInput.safeParse({ agentId: agent, text, ...(conversation !== undefined && { conversationId: conversation }) });
      if (!read.success) throw bad(read.error.issues[0]?.message ?? "The message is not good.");

      return async (tell) => {
        const ears = earsOf(tell);
        const waiting = { gateway, caller, limits, method: "payment.gateway", once: undefined, peer: { openStream, leaving: signal } };
        try {
          const answer = await runTurn(waiting, {
            input: read.data,
            invoke: true,
            ears,
            ...(tell === null && { waitMs: limits.syncWaitMs }),
            ...(call.isGuest && { outputTokensMax: limits.guestOutputTokensMax }),
          });
          const { conversationId, turnId, status, tokensUsed } = answer;
          return { reply: replyOf(answer, call), conversationId, turnId, status, usage: tokensUsed };
        } catch (error) {
          // Nobody pays for it any more, unless something was read of it; and a guest cannot go on with it.
          const begun = ears.begun();
          if ((signal.aborted || call.isGuest) && begun !== null) {
            // Where it cannot be stopped, it still has failed for the first reason.
            await gateway.stopConversation(caller, { ...begun, clearQueue: false }).catch(() => undefined);
          }
          throw error;
        }
      };
    },
  };
}

/**
 * What is sold is an answer, or, to who can answer it, a question. Throws `turn_pending` where the turn goes on and can be followed, and what else a turn may have failed
 * with.
 */
function replyOf(answer: TurnAnswer, { isGuest }: PluginCall): string {
  const { status, response, reason, cards = [] } = answer;
  if (status === "completed") return response;
  if (status === "paused" && !isGuest) return questionsIn(cards);
  const detail = `a turn that is ${status}${reason === null ? "" : `: ${reason}`}`;
  if (isGuest) throw pluginFailed(detail);
  if (status === "pending" || status === "executing") {
    throw new GatewayError("turn_pending", { text: `${ERRORS.turn_pending.text} It is conversation ${answer.conversationId}.` });
  }
  throw turnFailure(answer) ?? pluginFailed(detail);
}

/** Notes which turn it is, and passes on what it says. */
function earsOf(tell: Tell | null): TurnEars & { begun(): { conversationId: string; turnId: string } | null } {
  let begun: { conversationId: string; turnId: string } | null = null;
  let text: TurnText | null = null;
  let said = "";
  return {
    begun: () => begun,
    async submitted(submitted) {
      const { conversationId, turnId } = submitted;
      begun = { conversationId, turnId };
      text = new TurnText({ ...submitted, cursor: submitted.cursor as Cursor });
    },
    async event(_conversationId: string, event: LogEvent) {
      if (tell === null || text === null || event.type === "turn.failed") return;
      let delta = "";
      let retracted = false;
      for (const piece of text.take(event)) {
        if ("add" in piece) delta += piece.add;
        else {
          retracted = true;
          said = said.slice(0, said.length - piece.retract);
        }
      }
      said += delta;
      if (delta !== "" || retracted) await tell("token", { delta, accumulated: said });
    },
  };
}
