import type { AgentState } from "@parley/contracts";
import { integer, pgTable, text, timestamp, uuid } from "../drizzle.ts";

export const agents = pgTable("agents", {
  id: uuid().primaryKey(),
  organizationId: uuid("organization_id").notNull(),
  /** The newest deployed version; version 0 is the draft. */
  version: integer().notNull().default(1),
  state: text().$type<AgentState>().notNull().default("active"),
  createdAt: timestamp("created_at", { withTimezone: true }).notNull().defaultNow(),
});
