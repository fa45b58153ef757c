import { eventsOf, type Rule } from "../facts.ts";

const markerOf = (text: string): string | undefined => /^(t[\d.\w]+)\/\d+#/.exec(text)?.[1];

/** A completed answer has every token that the model sent, and is the answer to its own turn; a broken one is the beginning of one. */
export const answersWhole: Rule = (facts) => {
  const whole = new Set(facts.calls.filter(({ isWhole }) => isWhole).map(({ text }) => text));
  const texts = new Map(facts.turns.map(({ id, text }) => [id, text]));
  for (const { turnId, data } of eventsOf(facts, "steer.applied")) texts.set(turnId ?? "", `${texts.get(turnId ?? "")}\n${data.text}`);
  const wrong: string[] = [];
  // What a peer has answered is looked at by itself.
  const peers = new Set(eventsOf(facts, "child.created").flatMap(({ data }) => (data.peer === undefined ? [] : [data.childId])));
  const ofModels = <Event extends { conversationId: string }>(events: Event[]): Event[] =>
    events.filter(({ conversationId }) => !peers.has(conversationId));
  const ends = [
    ...ofModels(eventsOf(facts, "turn.completed")).map(({ turnId, data }) => ({
      of: `turn ${turnId}`,
      asked: texts.get(turnId ?? ""),
      result: data.result,
    })),
    ...eventsOf(facts, "child.finished")
      .filter(({ data }) => data.status === "completed" && !peers.has(data.childId))
      .map(({ data }) => ({ of: `child ${data.childId}`, asked: undefined, result: data.result ?? "" })),
  ];
  for (const { of, asked, result } of ends) {
    if (!whole.has(result)) wrong.push(`the answer of ${of} is none that the model gave: ${result.slice(0, 80)}`);
    const marker = markerOf(result);
    if (asked !== undefined && marker !== undefined && !asked.includes(`${marker} `)) wrong.push(`${of} has the answer to ${marker}`);
  }
  for (const { turnId, data } of ofModels(eventsOf(facts, "turn.failed", "turn.stopped"))) {
    const { result } = data;
    if (result === null || facts.calls.some(({ text }) => text.startsWith(result))) continue;
    wrong.push(`turn ${turnId} was left with words that the model never said: ${result.slice(0, 80)}`);
  }
  return wrong;
};
