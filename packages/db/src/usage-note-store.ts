import type { KeptNote, UsageNoteStore } from "@parley/domain";
import { call } from "./call.ts";
import type { Sql } from "./connect.ts";

export const createUsageNoteStore = (sql: Sql): UsageNoteStore => ({
  keep: ({ id: keeper, isNew, aliveMs }, { notes, ended }) =>
    call<boolean>(sql, "keep_usage_notes", {
      ...{ keeper, isNew, aliveMs, notes: notes.map(toRow) },
      ended: ended.map(({ id, organizationId }) => ({ id, organizationId })),
    }),
});

function toRow({ id, organizationId, note }: KeptNote) {
  if (note.kind === "call") {
    const { attempt, ...record } = note.call;
    return { id, organizationId, kind: note.kind, said: { ...record, ...attempt } };
  }
  const { kind, conversationId, lines } = note;
  return { id, organizationId, kind, turnId: kind === "turn" ? lines[0]?.turnId : null, said: { conversationId, lines } };
}
