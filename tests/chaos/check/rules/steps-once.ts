import { eventsOf, grouped, type Rule } from "../facts.ts";

const repeated = <Value>(values: Value[], keyOf: (value: Value) => string, what: string): string[] =>
  [...grouped(values, keyOf)].filter(([, same]) => same.length > 1).map(([key, same]) => `${what} ${key} was written ${same.length} times`);

/** What was written down is not done again: one response per step, one call and one result per call. */
export const stepsOnce: Rule = (facts) => {
  const calls = eventsOf(facts, "tool.called");
  const results = eventsOf(facts, "tool.returned");
  const completed = new Set(eventsOf(facts, "turn.completed").map(({ turnId }) => turnId));
  const callKey = (event: (typeof calls)[number] | (typeof results)[number]): string =>
    `${event.turnId}/${event.executionId}/${event.data.step}/${event.data.callId}`;
  const returned = new Set(results.map(callKey));
  return [
    ...repeated(
      eventsOf(facts, "step.completed"),
      ({ turnId, executionId, data }) => `${turnId}/${executionId}/${data.step}`,
      "the response of",
    ),
    ...repeated(calls, callKey, "the call"),
    ...repeated(results, callKey, "the result of"),
    ...calls
      .filter((call) => completed.has(call.turnId) && !returned.has(callKey(call)))
      .map((call) => `the call ${callKey(call)} has no result, and its turn was completed`),
  ];
};
