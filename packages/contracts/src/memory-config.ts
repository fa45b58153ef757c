import { z } from "zod";

/** Whom a memory is about, and so who is told it: one attributed user, everyone who talks to one agent, or the whole organization. */
export const memoryScope = z.enum(["user", "agent", "organization"]);
export type MemoryScope = z.infer<typeof memoryScope>;

/** What an agent may look up and keep beyond its prompt. */
export const memoryConfig = z.object({
  /** Offers `recall`, which searches the conversation's earlier turns, once some of them are no longer in the prompt. */
  recall: z.boolean().default(true),
  /** Offers `remember`, and tells the agent what is remembered. */
  remember: z.boolean().default(false),
  /** Keeps what is worth it when a conversation with an attributed user is summarised, and tells the agent what is remembered. */
  learn: z.boolean().default(false),
  /** The scopes that it writes to and is told of. What goes beyond one user is shown to others: name those scopes on purpose. */
  scopes: z.array(memoryScope).max(3).default(["user"]),
});
export type MemoryConfig = z.infer<typeof memoryConfig>;
