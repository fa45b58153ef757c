import type { A2aFact, A2aTask } from "@parley/contracts";
import { answerArtifact, toWireTask, wireStatus } from "./to-wire-task.ts";
import type { WireEvent, WireTask } from "./wire.ts";

/** The task as it was when the fact came about, with nothing that came later. */
const asOf = (task: A2aTask, { state, at, reason = null, result = null, cardIds }: A2aFact): A2aTask => ({
  ...task,
  state,
  stateAt: at,
  reason,
  result,
  // What was asked then was open then.
  cards: task.cards.map((card) => (cardIds?.includes(card.id) ? { ...card, status: "open" as const } : card)),
});

/** The whole task, which version 0.3 tells each time. */
export const taskOfFact = (task: A2aTask, fact: A2aFact): WireTask => toWireTask(asOf(task, fact));

/** A fact as version 1.0 tells it: what a stream would have said. */
export function eventOfFact(task: A2aTask, fact: A2aFact): WireEvent {
  const { id: taskId, contextId } = task;
  if (fact.kind === "task") return { task: taskOfFact(task, fact) };
  if (fact.kind === "artifact") {
    return { artifactUpdate: { taskId, contextId, artifact: answerArtifact(fact.result ?? ""), append: false, lastChunk: true } };
  }
  const asked = asOf(task, fact).cards.filter(({ id }) => fact.cardIds?.includes(id));
  return { statusUpdate: { taskId, contextId, status: wireStatus(task, { ...fact, refusedBy: task.refusedBy, asked }) } };
}
