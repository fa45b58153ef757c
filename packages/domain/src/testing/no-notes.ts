import type { UsageNotes } from "../billing/usage-notes.ts";

/** Where nobody looks at what is noted. */
export const noNotes: UsageNotes = {
  open: () => ({ begun: () => undefined, end: () => undefined }),
  close: async () => undefined,
};
