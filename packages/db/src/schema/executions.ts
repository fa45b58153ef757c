import type { EndUser, ExecutionMode, ExecutionStatus, TurnOptions } from "@parley/contracts";
import { jsonb, pgTable, text, timestamp, uuid } from "../drizzle.ts";

/** The columns that lists filter by; whole rows are read with `execution_json`. */
export const executions = pgTable("executions", {
  id: uuid().primaryKey(),
  organizationId: uuid("organization_id").notNull(),
  conversationId: uuid("conversation_id").notNull(),
  agentId: uuid("agent_id").notNull(),
  parentId: uuid("parent_id"),
  mode: text().$type<ExecutionMode>().notNull(),
  status: text().$type<ExecutionStatus>().notNull(),
  endUser: jsonb("end_user").$type<EndUser>(),
  options: jsonb().$type<TurnOptions>().notNull(),
  createdAt: timestamp("created_at", { withTimezone: true }).notNull().defaultNow(),
});
