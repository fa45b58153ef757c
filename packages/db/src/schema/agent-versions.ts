import type { AgentConfig } from "@parley/contracts";
import { integer, jsonb, pgTable, primaryKey, text, timestamp, uuid } from "../drizzle.ts";

export const agentVersions = pgTable(
  "agent_versions",
  {
    organizationId: uuid("organization_id").notNull(),
    agentId: uuid("agent_id").notNull(),
    version: integer().notNull(),
    name: text().notNull(),
    description: text().notNull(),
    config: jsonb().$type<AgentConfig>().notNull(),
    createdAt: timestamp("created_at", { withTimezone: true }).notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.agentId, table.version] })],
);
