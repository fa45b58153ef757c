import type { ConversationKey, UsageLine } from "../turn/turn-store.ts";
import { UsageSheet } from "../turn/usage-sheet.ts";
import type { ModelUse } from "./meter-model.ts";
import type { UsageNotes } from "./usage-notes.ts";
import type { UsageStore } from "./usage-store.ts";

interface BesidePorts {
  usage: UsageStore;
  notes: UsageNotes;
}

interface Beside extends ConversationKey {
  /** What its lines are written under: no turn's usage has them. */
  id: string;
  executionId: string;
}

/** What work beside turns uses, one call after the other. */
export interface BesideUse extends Required<Pick<ModelUse, "onCall" | "meter">> {
  lines(): UsageLine[];
  /** Writes the lines down. It ends with this, or with its process: then what was noted is charged to the house, as the work is made again. */
  record(): Promise<void>;
}

export function useBeside({ usage, notes }: BesidePorts, { id, executionId, ...key }: Beside): BesideUse {
  const sheet = new UsageSheet(id, 1);
  const { organizationId, conversationId } = key;
  const note = notes.open({ organizationId }, () => {
    const lines = sheet.standing();
    return lines.length === 0 ? null : { kind: "beside", conversationId, lines };
  });
  let place = { executionId, step: 0, try: -1 };
  return {
    onCall(soFar) {
      place = { ...place, try: place.try + 1 };
      sheet.open(place, soFar);
      note.begun();
    },
    meter: (reading) => sheet.add(place, reading),
    lines: () => sheet.unsaved(),
    async record() {
      try {
        const lines = sheet.unsaved();
        if (lines.length > 0) await usage.recordBeside({ organizationId, conversationId }, lines);
      } finally {
        note.end();
      }
    },
  };
}
