import { at } from "@parley/testkit";
import type { AgentName, Slot } from "../arena/open-slot.ts";
import type { Caller, Outcome } from "./caller.ts";
import { type Choose, decideCards } from "./decide-cards.ts";
import type { Accepted, Ledger } from "./ledger.ts";

/** One conversation of a trial, as its caller sees it. */
export interface Talk {
  readonly agent: AgentName;
  /** Null until a first message was accepted. */
  readonly conversationId: string | null;
  /** Its accepted messages, oldest first. */
  readonly accepted: readonly Accepted[];
  /** With a key it is sent again until there is an answer. `edits` is the message that it replaces. */
  say(message: { text: string; mode: string; key: string | null; edits?: string }): Promise<void>;
  /** Asks something of the conversation, with a key again and again until there is an answer; nothing where there is none yet. */
  ask(procedure: string, input: object, key: string | null): Promise<Outcome>;
  /** Decides every card that is open now. */
  decideCards(choose: Choose, key: string | null): Promise<void>;
  readonly ledger: Ledger;
}

interface TalkOptions {
  slot: Slot;
  agent: AgentName;
  caller: Caller;
  ledger: Ledger;
}

export function openTalk({ slot, agent, caller, ledger }: TalkOptions): Talk {
  const accepted: Accepted[] = [];
  const conversationId = (): string | null => accepted[0]?.conversationId ?? null;
  return {
    agent,
    accepted,
    ledger,
    get conversationId() {
      return conversationId();
    },
    async say({ text, mode, key, edits }) {
      const id = conversationId();
      const input = {
        agentId: slot.agents[agent],
        text,
        mode,
        ...(id !== null && { conversationId: id }),
        ...(key !== null && { idempotencyKey: key }),
        ...(edits !== undefined && { messageId: edits }),
      };
      const outcome = await caller.call(edits === undefined ? "turn.submit" : "turn.edit", input, { again: key !== null });
      if (outcome.kind === "refused") ledger.refused.push({ text, code: outcome.code });
      if (outcome.kind !== "done") return;
      const said = (name: string): string => String(at(outcome.data, name));
      const message = { conversationId: said("conversationId"), messageId: said("messageId"), turnId: said("turnId"), text, mode };
      accepted.push(message);
      ledger.accepted.push(message);
    },
    async ask(procedure, input, key) {
      const id = conversationId();
      if (id === null) return { kind: "unknown" };
      const idempotent = key !== null && { idempotencyKey: key };
      return caller.call(procedure, { conversationId: id, ...input, ...idempotent }, { again: key !== null });
    },
    async decideCards(choose, key) {
      const id = conversationId();
      if (id !== null) await decideCards({ caller, ledger, conversationId: id, choose, key });
    },
  };
}
