import { eventsOf, grouped, type Rule } from "../facts.ts";

/** Declared so by the agents of the arena. */
const IDEMPOTENT = new Set(["/lookup"]);
const NEEDS_APPROVAL = new Set(["/pay"]);

/**
 * A tool call is sent once, but for tools that are declared idempotent, which get the same key each time; what is told of it is what
 * happened, or that nobody knows; and where a person has to approve it, it is sent only after that.
 */
export const toolsActOnce: Rule = (facts) => {
  const wrong: string[] = [];
  const sent = grouped(facts.toolCalls, ({ order }) => order);
  for (const [order, calls] of sent) {
    const [{ path } = { path: "" }] = calls;
    if (calls.length > 1 && !IDEMPOTENT.has(path)) wrong.push(`${path} was sent ${order} ${calls.length} times`);
    if (new Set(calls.map(({ key }) => key)).size > 1) wrong.push(`${path} was sent ${order} under different keys`);
  }
  for (const { data } of eventsOf(facts, "tool.returned")) {
    const calls = sent.get(data.callId) ?? [];
    if (!data.isError && data.result === data.callId && !calls.some(({ hasActed }) => hasActed)) {
      wrong.push(`the call ${data.callId} has a result, and the tool never acted`);
    }
  }

  const approvedAt = new Map(
    eventsOf(facts, "card.opened").flatMap(({ data }) => {
      if (data.kind !== "approval") return [];
      const closed = eventsOf(facts, "card.closed").find((event) => event.data.cardId === data.cardId && event.data.outcome === "approved");
      return [[(data.approval.arguments as { order: string }).order, closed?.atMs]];
    }),
  );
  for (const { order, path, atMs } of facts.toolCalls.filter((call) => NEEDS_APPROVAL.has(call.path))) {
    if (atMs < (approvedAt.get(order) ?? Number.POSITIVE_INFINITY)) wrong.push(`${path} was sent ${order}, and nobody had approved that`);
  }
  return wrong;
};
