import { eventsOf, type Rule } from "../facts.ts";

/** A turn that the gateway said it stops has ended stopped, and so has all that it had running in the background by then. */
export const stopsHold: Rule = (facts) => {
  const ends = eventsOf(facts, "turn.completed", "turn.failed", "turn.stopped");
  const wrong: string[] = [];
  for (const { turnId, atMs } of facts.ledger.stopped) {
    const end = ends.find((event) => event.turnId === turnId);
    if (end !== undefined && end.type !== "turn.stopped") wrong.push(`turn ${turnId} was stopped, and the log says ${end.type}`);
    const children = eventsOf(facts, "child.created").filter((event) => event.turnId === turnId && event.data.mode === "async");
    for (const { data } of children) {
      const late = ends.find((event) => event.conversationId === data.childId && event.type !== "turn.stopped" && event.atMs > atMs);
      if (late !== undefined) wrong.push(`child ${data.childId} went on to ${late.type} after its turn ${turnId} was stopped`);
    }
  }
  return wrong;
};
