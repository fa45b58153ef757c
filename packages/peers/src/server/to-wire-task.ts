import { type A2aState, type A2aTask, budgetExhausted, type Card, hasTaskEnded, type RefusedBy } from "@parley/contracts";
import type { WireArtifact, WireMessage, WireState, WireStatus, WireTask } from "./wire.ts";

const ARTIFACT_ID = "answer";

export const wireState = (state: A2aState): WireState => `TASK_STATE_${state.toUpperCase()}` as WireState;

/** The states by their names on the wire; those that our tasks never have are not here. */
export const STATE_OF: ReadonlyMap<string, A2aState> = new Map(
  (["submitted", "working", "input_required", "completed", "failed", "canceled"] as const).map((state) => [wireState(state), state]),
);

/** The answer, or a piece of it. */
export const answerArtifact = (text: string): WireArtifact => ({ artifactId: ARTIFACT_ID, name: "answer", parts: [{ text }] });

/** Why a task ended other than by an answer, in plain words. */
const REASONS: Record<string, string> = {
  user_stop: "The task was canceled.",
  superseded: "Another message came instead.",
  budget: "The balance or a budget has no room for this.",
  timeout: "The task took too long.",
  steps_exhausted: "The agent took as many steps as it may, without coming to an answer.",
  attempts_exhausted: "The task was begun as often as it may be, and was lost each time.",
  answer_too_long: "The answer is longer than it may be.",
  model_rejected: "The model refused the request.",
  model_unavailable: "The model is not answering.",
};

type Place = Pick<A2aTask, "id" | "contextId">;

const fromAgent = ({ id, contextId }: Place, messageId: string, parts: WireMessage["parts"]): WireMessage => ({
  messageId,
  role: "ROLE_AGENT",
  parts,
  contextId,
  taskId: id,
});

type Asked = Pick<Card, "id"> &
  (Pick<Extract<Card, { kind: "questions" }>, "kind" | "questions"> | Pick<Extract<Card, { kind: "approval" }>, "kind" | "approval">);

function cardText(card: Asked): string {
  if (card.kind === "approval") {
    return `The call of ${card.approval.tool} waits for an approval, which is given by somebody with the right to, and not by a message.`;
  }
  return card.questions
    .map(({ text, options }) =>
      [text, ...options.map(({ label, description }) => `- ${label}${description === undefined ? "" : `: ${description}`}`)].join("\n"),
    )
    .join("\n\n");
}

/** For programs: what may be answered, by the ids that answers name. */
const cardData = (card: Asked): unknown =>
  card.kind === "approval"
    ? { cardId: card.id, kind: card.kind, tool: card.approval.tool }
    : { cardId: card.id, kind: card.kind, questions: card.questions };

/** What the agent asks, to be read and to be worked with. */
function question(place: Place, cards: Asked[]): WireMessage | undefined {
  const [first] = cards;
  if (first === undefined) return undefined;
  return fromAgent(place, first.id, [{ text: cards.map(cardText).join("\n\n") }, ...cards.map((card) => ({ data: cardData(card) }))]);
}

interface StatusFacts {
  state: A2aState;
  at: string;
  reason?: string | null | undefined;
  /** Of the reason `budget`: which balance or budget. */
  refusedBy?: RefusedBy | null | undefined;
  /** What waits for an answer, where the state is that. */
  asked?: Asked[];
}

/** Why it ended, to be read, and which balance or budget that was, to be worked with. */
function ending(place: Place, reason: string, refusedBy: RefusedBy | null | undefined): WireMessage {
  const isRefused = reason === "budget" && refusedBy !== null && refusedBy !== undefined;
  const text = isRefused ? budgetExhausted(refusedBy).message : (REASONS[reason] ?? "Something went wrong on our side.");
  return fromAgent(place, `${place.id}-end`, [{ text }, ...(isRefused ? [{ data: { reason, refusedBy } }] : [])]);
}

export function wireStatus(place: Place, { state, at, reason, refusedBy, asked = [] }: StatusFacts): WireStatus {
  const hasEnded = reason !== null && reason !== undefined;
  const message = state === "input_required" ? question(place, asked) : hasEnded ? ending(place, reason, refusedBy) : undefined;
  return { state: wireState(state), timestamp: at, ...(message && { message }) };
}

const isOpen = ({ status }: Card): boolean => status === "open";

/** What was said, oldest first: the client's messages, and the questions between them. What is asked now stands in the status. */
function historyOf(task: A2aTask): WireMessage[] {
  const { id: taskId, contextId, said, cards } = task;
  const theirs = said.map(({ at, message }) => ({ at, message: { ...message, role: "ROLE_USER" as const, contextId, taskId } }));
  const ours = cards.filter((card) => !isOpen(card)).map((card) => ({ at: card.createdAt, message: question(task, [card]) }));
  return [...theirs, ...ours]
    .sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))
    .flatMap(({ message }) => (message === undefined ? [] : [message]));
}

interface Wanted {
  /** The newest so many messages; all of them where it is left out. */
  historyLength?: number | undefined;
  /** False leaves the member out. */
  artifacts?: boolean;
}

/** A task as version 1.0 shows it. */
export function toWireTask(task: A2aTask, { historyLength, artifacts = true }: Wanted = {}): WireTask {
  const { id, contextId, state, stateAt, reason, refusedBy, result, cards } = task;
  const history = historyLength === 0 ? [] : historyOf(task).slice(-(historyLength ?? 0));
  const answer = hasTaskEnded(state) && result !== null && result !== "" ? [answerArtifact(result)] : [];
  return {
    id,
    contextId,
    status: wireStatus(task, { state, at: stateAt, reason, refusedBy, asked: cards.filter(isOpen) }),
    ...(artifacts && { artifacts: answer }),
    ...(historyLength !== 0 && { history }),
  };
}
