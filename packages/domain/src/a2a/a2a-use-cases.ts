import type { A2aCardFacts, A2aMessage, A2aPush, A2aPushInput, A2aTask, QuestionAnswer } from "@parley/contracts";
import type { Caller } from "../identity/caller.ts";
import type { A2aFilter, A2aPlace } from "./a2a-store.ts";

/** A client's message, read from whichever version of the protocol. */
export interface A2aSend {
  agentId: string;
  /** The task that it goes on with; absent: it begins one. */
  taskId?: string | undefined;
  /** As the client calls the conversation; absent: a new one. */
  contextId?: string | undefined;
  text: string;
  files: string[];
  /** Structured answers to what the task has asked. */
  answers: QuestionAnswer[] | null;
  message: A2aMessage;
  /** How many agents behind ours may work for it, as the client says; absent: as many as for anybody. */
  hopsMax?: number | undefined;
  push: A2aPushInput | null;
}

/** Our agents as A2A servers. A task is found by nobody but the principal that began it, with its agent: all others get `not_found`. */
export interface A2aUseCases {
  /** A name that this principal used before gives the task of then, whatever is sent with it. Throws `task_not_open`, and all that a message may. */
  sendA2aMessage(caller: Caller, send: A2aSend): Promise<A2aTask>;
  getA2aTask(caller: Caller, wanted: { agentId: string; taskId: string }): Promise<A2aTask>;
  listA2aTasks(
    caller: Caller,
    filter: { agentId: string } & A2aFilter,
  ): Promise<{ items: A2aTask[]; total: number; next: A2aPlace | null }>;
  /** Stops the turn and waits a moment for its end. Throws `task_not_cancelable` where it ended otherwise. */
  cancelA2aTask(caller: Caller, wanted: { agentId: string; taskId: string; signal: AbortSignal }): Promise<A2aTask>;
  /** Throws `egress_refused` for an address that may not be called, `limit_reached`, `secrets_not_configured`. */
  saveA2aPush(caller: Caller, wanted: { agentId: string; taskId: string; push: A2aPushInput }): Promise<A2aPush>;
  getA2aPush(caller: Caller, wanted: { agentId: string; taskId: string; id: string }): Promise<A2aPush>;
  listA2aPushes(caller: Caller, wanted: { agentId: string; taskId: string }): Promise<A2aPush[]>;
  /** Does nothing where there is none such. */
  deleteA2aPush(caller: Caller, wanted: { agentId: string; taskId: string; id: string }): Promise<void>;
  /** What anybody may know of an agent, whosever it is. */
  readA2aCard(agentId: string): Promise<A2aCardFacts>;
}
