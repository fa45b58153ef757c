import {
  type Card,
  type CardOutcome,
  type CardResult,
  type Cursor,
  type EventData,
  type EventType,
  type Execution,
  GatewayError,
  isTerminal,
  type LogEvent,
  makeCursor,
  NO_USAGE,
  newId,
  parseCursor,
  type QueuedMessage,
  type SubmitInput,
} from "@parley/contracts";
import type { Following } from "@parley/domain";
import { foldExecution } from "../../turn/fold-execution.ts";
import { root } from "./facts.ts";

interface Waiting extends QueuedMessage {
  input: SubmitInput;
}

/** A conversation's log and queue in memory. Its turns do nothing by themselves: tests say what happens. */
export class FakeConversation {
  readonly id: string;
  readonly organizationId: string;
  readonly agentId: string;
  readonly log: LogEvent[] = [];
  readonly queue: Waiting[] = [];
  readonly cards: Card[] = [];
  held = false;
  /** Streams that follow it now, and events that followers have taken so far. */
  following = 0;
  pulled = 0;
  readonly #born: Execution;
  readonly #wake = new Set<() => void>();
  #isOver = false;

  constructor({ id, organizationId, agentId }: { id: string; organizationId: string; agentId: string }) {
    this.id = id;
    this.organizationId = organizationId;
    this.agentId = agentId;
    this.#born = root({ id, organizationId, conversationId: id, agentId });
  }

  get execution(): Execution {
    return this.log.reduce(foldExecution, this.#born);
  }

  /** As it was at the last event of a turn, or is in it. */
  executionIn(turnId: string): Execution {
    return this.log.slice(0, this.log.findLastIndex((event) => event.turnId === turnId) + 1).reduce(foldExecution, this.#born);
  }

  get head(): Cursor {
    return makeCursor({ epoch: 1, n: this.log.length });
  }

  get isResting(): boolean {
    const { turnId, status } = this.execution;
    return turnId === null || isTerminal(status);
  }

  /** Appends one fact to the log. */
  happen<Type extends EventType>(type: Type, data: EventData[Type], { turnId }: { turnId?: string } = {}): void {
    const event = {
      cursor: makeCursor({ epoch: 1, n: this.log.length + 1 }),
      type,
      executionId: this.id,
      turnId: turnId ?? this.execution.turnId,
      at: new Date(1_700_000_000_000 + this.log.length * 1_000).toISOString(),
      data,
    } as LogEvent;
    this.log.push(event);
    for (const wake of this.#wake) wake();
  }

  start(): void {
    this.happen("turn.started", { turnNumber: 1, attempt: 1, agentVersion: 1 });
  }

  /** Completes the running turn; the next queued message becomes the next turn. */
  finish(result: string): void {
    const more = this.queue.length > 0 && !this.held;
    this.happen("turn.completed", { turnNumber: 1, result, usage: NO_USAGE, more });
    if (more) this.pop();
  }

  pop(): void {
    const next = this.queue.shift();
    if (!next) return;
    const { id: messageId, turnId, text, files, user, mode, input } = next;
    this.happen("queue.updated", { action: "drain", messageId, queueDepth: this.queue.length });
    this.happen("turn.created", { messageId, turnId, input: { text, files }, user, options: input.options, mode }, { turnId });
  }

  /** Pauses the turn with one question for each text, or with one call to approve for each tool; gives the cards' ids. */
  pause({ texts = [], tools = [] }: { texts?: string[]; tools?: string[] }): string[] {
    const { turnId } = this.execution;
    const base = { executionId: this.id, turnId: turnId ?? "", status: "open", answeredBy: null, closedAt: null, expiresAt: null } as const;
    const stored = { ...base, answer: null, createdAt: "2026-01-01T00:00:00.000Z" };
    const asked = { multiSelect: false, allowFreeText: true, required: true, options: [] };
    const opened: Card[] = [
      ...texts.map((text): Card => ({ ...stored, id: newId(), kind: "questions", questions: [{ ...asked, id: "q", text }] })),
      ...tools.map((tool): Card => {
        const approval = { tool, arguments: { to: "all" }, argumentsHash: "hash", agentId: this.agentId };
        return { ...stored, id: newId(), kind: "approval", approval };
      }),
    ];
    for (const card of opened) {
      const { id: cardId, expiresAt } = card;
      if (card.kind === "questions") this.happen("card.opened", { cardId, expiresAt, kind: card.kind, questions: card.questions });
      else this.happen("card.opened", { cardId, expiresAt, kind: card.kind, approval: card.approval });
    }
    this.cards.push(...opened);
    const cardIds = opened.map(({ id }) => id);
    this.happen("turn.paused", { cardIds });
    return cardIds;
  }

  openCards(): Card[] {
    return this.cards.filter(({ status }) => status === "open");
  }

  /** Decides a card; with the last open one the turn goes on. */
  decide(kind: Card["kind"], cardId: string, decided: { outcome: CardOutcome; answer: Card["answer"]; by: string }): CardResult {
    const card = this.cards.find((known) => known.id === cardId && known.kind === kind);
    if (!card) throw new GatewayError("not_found");
    if (card.status !== "open") throw new GatewayError("card_closed");
    const { head: cursor } = this;
    const { outcome, answer, by } = decided;
    card.status = outcome;
    this.happen("card.closed", { cardId, outcome, by, ...(answer && { answer }) }, { turnId: card.turnId });
    const cardsOpen = this.openCards().length;
    if (cardsOpen === 0) this.happen("turn.resumed", { cardId });
    return { conversationId: this.id, cardId, turnId: card.turnId, outcome, cardsOpen, resumed: cardsOpen === 0, cursor, replayed: false };
  }

  /** The lifetime of all its streams is over. */
  endFollowing(): void {
    this.#isOver = true;
    for (const wake of this.#wake) wake();
  }

  follow(after: Cursor, signal: AbortSignal): Following {
    const { n } = parseCursor(after);
    return { execution: this.log.slice(0, n).reduce(foldExecution, this.#born), cursor: after, events: this.#events(n, signal) };
  }

  until(isTrue: () => boolean, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!isTrue() && !signal.aborted) return;
        this.#wake.delete(look);
        signal.removeEventListener("abort", look);
        resolve();
      };
      this.#wake.add(look);
      signal.addEventListener("abort", look);
      look();
    });
  }

  async *#events(from: number, signal: AbortSignal): AsyncGenerator<LogEvent> {
    this.following++;
    try {
      for (let next = from; !signal.aborted && !this.#isOver; ) {
        const event = this.log[next];
        if (event) {
          next++;
          this.pulled++;
          yield event;
        } else await this.until(() => this.log.length > next || this.#isOver, signal);
      }
    } finally {
      this.following--;
    }
  }
}
