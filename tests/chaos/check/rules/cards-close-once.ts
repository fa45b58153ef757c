import { eventsOf, grouped, type Rule } from "../facts.ts";

/** Each card is opened once and has one outcome, the same in its row, in the log, and for whoever was told that theirs is the one. */
export const cardsCloseOnce: Rule = (facts) => {
  const wrong: string[] = [];
  const opened = grouped(eventsOf(facts, "card.opened"), ({ data }) => data.cardId);
  const closed = grouped(eventsOf(facts, "card.closed"), ({ data }) => data.cardId);
  for (const { id, status } of facts.cards) {
    const outcomes = (closed.get(id) ?? []).map(({ data }) => data.outcome);
    if (status === "open") wrong.push(`card ${id} is still open`);
    if (opened.get(id)?.length !== 1) wrong.push(`card ${id} was opened ${opened.get(id)?.length ?? 0} times`);
    if (outcomes.length !== 1 || outcomes[0] !== status)
      wrong.push(`card ${id} is ${status}, and the log says ${outcomes.join(", ") || "nothing"}`);
  }
  for (const { cardId, outcome } of facts.ledger.decided) {
    const status = facts.cards.find(({ id }) => id === cardId)?.status;
    if (status !== outcome) wrong.push(`card ${cardId} was ${outcome} by its caller and is ${status ?? "gone"}`);
  }
  return wrong;
};
