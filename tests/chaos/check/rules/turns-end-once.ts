import { eventsOf, grouped, type Rule } from "../facts.ts";

const STATUS = { "turn.completed": ["completed"], "turn.failed": ["failed", "error"], "turn.stopped": ["stopped"] } as const;

/** Each turn is made once, runs alone, says so when it is tried again, and has one end, which its row agrees with and faults account for. */
export const turnsEndOnce: Rule = (facts) => {
  const wrong: string[] = [];
  const life = eventsOf(
    facts,
    "turn.created",
    "turn.started",
    "turn.paused",
    "attempt.superseded",
    "turn.completed",
    "turn.failed",
    "turn.stopped",
  );
  const byTurn = grouped(life, ({ turnId }) => turnId ?? "");
  for (const { id, status } of facts.turns) {
    const events = byTurn.get(id) ?? [];
    const ends = events.filter(({ type }) => type in STATUS);
    if (ends.length !== 1) wrong.push(`turn ${id} has ${ends.length} ends`);
    for (const { type, data } of ends) {
      // Faults may leave a turn without a model or without attempts, but nothing that is ours alone may go wrong.
      if ("reason" in data && data.reason === "internal") wrong.push(`turn ${id} failed for a reason of our own`);
      const fitting: readonly string[] = STATUS[type as keyof typeof STATUS];
      if (!fitting.includes(status)) wrong.push(`turn ${id} is ${status}, and the log says ${type}`);
    }
    if (events[0]?.type !== "turn.created") wrong.push(`turn ${id} begins with ${events[0]?.type ?? "nothing"}`);
    if (events.filter(({ type }) => type === "turn.created").length > 1) wrong.push(`turn ${id} was created more than once`);
    if (ends.length > 0 && events.at(-1) !== ends.at(-1)) wrong.push(`turn ${id} goes on after its end with ${events.at(-1)?.type}`);
  }
  for (const id of byTurn.keys()) if (!facts.turns.some((turn) => turn.id === id)) wrong.push(`turn ${id} is in the log and has no row`);
  for (const events of grouped(life, ({ conversationId }) => conversationId).values())
    wrong.push(...attempts(events), ...oneAtATime(events));
  return wrong;
};

type Life = ReturnType<typeof eventsOf<"turn.created" | "turn.started" | "turn.paused" | "attempt.superseded" | keyof typeof STATUS>>;

function attempts(events: Life): string[] {
  const wrong: string[] = [];
  for (const [turnId, own] of grouped(events, (event) => event.turnId ?? "")) {
    let attempt = 0;
    let isExcused = true;
    for (const event of own) {
      if (event.type === "turn.paused" || event.type === "attempt.superseded") isExcused = true;
      if (event.type !== "turn.started") continue;
      const { attempt: next } = event.data as { attempt: number };
      if (next !== attempt + 1) wrong.push(`turn ${turnId}: attempt ${next} follows attempt ${attempt}`);
      if (!isExcused) wrong.push(`turn ${turnId}: attempt ${next} says nothing about the one before`);
      attempt = next;
      isExcused = false;
    }
  }
  return wrong;
}

function oneAtATime(events: Life): string[] {
  const wrong: string[] = [];
  let running: string | null = null;
  for (const { type, turnId } of events) {
    if (type === "turn.started" && running !== null && running !== turnId) wrong.push(`turn ${turnId} started while ${running} ran`);
    if (type === "turn.started") running = turnId;
    if (type in STATUS) running = null;
  }
  return wrong;
}
