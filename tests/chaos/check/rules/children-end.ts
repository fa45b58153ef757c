import { eventsOf, grouped, type Rule } from "../facts.ts";

const FINAL = new Set(["completed", "failed", "error", "stopped"]);

/** Each child that was dispatched has one end, and its parent's log says so. A root of which no turn ever began has nothing to end. */
export const childrenEnd: Rule = (facts) => {
  const ends = grouped(eventsOf(facts, "child.finished"), ({ data }) => data.childId);
  const executions = new Map(facts.executions.map((execution) => [execution.id, execution]));
  const created = eventsOf(facts, "child.created");
  const wrong = [...grouped(created, ({ data }) => data.childId)]
    .filter(([, same]) => same.length > 1)
    .map(([id]) => `child ${id} was created more than once`);
  for (const { conversationId, data } of created) {
    const { childId } = data;
    const told = ends.get(childId) ?? [];
    if (told.length !== 1) wrong.push(`the end of child ${childId} was told ${told.length} times`);
    for (const end of told) {
      const status = executions.get(childId)?.status;
      if (end.conversationId !== conversationId) wrong.push(`the end of child ${childId} was told to another conversation`);
      if (end.data.status !== status) wrong.push(`child ${childId} is ${status}, and its parent was told ${end.data.status}`);
    }
  }
  const begun = new Set(facts.turns.map(({ conversationId }) => conversationId));
  for (const { id, conversationId, mode, status } of facts.executions) {
    if (begun.has(conversationId) && !FINAL.has(status)) wrong.push(`execution ${id} (${mode}) is still ${status}`);
  }
  return wrong;
};
