import { cursorOf, type EventRow, grouped, type Rule } from "../facts.ts";

/**
 * Cursors only grow: what was written later stands later, in time as in the log. Within an epoch no `n` is missing or
 * given out twice, rows and deltas together; an epoch names the head that it follows.
 */
export const cursorsGrow: Rule = ({ events, witnessed }) =>
  [...grouped(events, ({ conversationId }) => conversationId)].flatMap(([id, own]) => {
    const deltas = witnessed.get(id) ?? new Set<string>();
    const epochs = grouped(own, ({ epoch }) => String(epoch));
    return [...inTime(own), ...chained(own, deltas), ...[...epochs.values()].flatMap((rows) => dense(rows, deltas))].map(
      (what) => `conversation ${id}: ${what}`,
    );
  });

function inTime(events: EventRow[]): string[] {
  return events.flatMap((event, index) => {
    const before = events[index - 1];
    if (before === undefined || before.atMs <= event.atMs) return [];
    return [`${event.type} at ${cursorOf(event)} was written before ${before.type} at ${cursorOf(before)}`];
  });
}

/** The head may be a delta: what was given out counts. */
function chained(events: EventRow[], deltas: ReadonlySet<string>): string[] {
  return events.flatMap((event, index) => {
    const before = events[index - 1] ?? { epoch: 0, n: 0 };
    if (before.epoch === event.epoch)
      return event.previous === null ? [] : [`${cursorOf(event)} is not the first of its epoch and says so`];
    if (event.previous === cursorOf(before)) return [];
    const [epoch, n] = (event.previous ?? "").split("-").map(Number);
    const isDelta = epoch === before.epoch && Number(n) > before.n && deltas.has(event.previous ?? "");
    return isDelta ? [] : [`${cursorOf(event)} says that it follows ${event.previous}, and follows ${cursorOf(before)}`];
  });
}

function dense(rows: EventRow[], deltas: ReadonlySet<string>): string[] {
  const wrong: string[] = [];
  let expected = 1;
  for (const { epoch, n } of rows) {
    const missing = [];
    for (; expected < n; expected += 1) if (!deltas.has(`${epoch}-${expected}`)) missing.push(expected);
    if (missing.length > 0) wrong.push(`in epoch ${epoch} nothing was ever at ${missing.join(", ")}`);
    if (deltas.has(`${epoch}-${n}`)) wrong.push(`${epoch}-${n} was given out twice`);
    expected = n + 1;
  }
  return wrong;
}
