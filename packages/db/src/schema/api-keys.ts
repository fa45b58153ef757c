import type { McpAccess, Scope } from "@parley/contracts";
import { customType, jsonb, pgTable, text, timestamp, uuid } from "../drizzle.ts";

/** Bytes in the table, lower-case hex in the program. */
const hexBytes = customType<{ data: string; driverData: Buffer }>({
  dataType: () => "bytea",
  toDriver: (hex) => Buffer.from(hex, "hex"),
  fromDriver: (bytes) => bytes.toString("hex"),
});

export const apiKeys = pgTable("api_keys", {
  id: text().primaryKey(),
  organizationId: uuid("organization_id").notNull(),
  name: text().notNull(),
  prefix: text().notNull(),
  hash: hexBytes().notNull(),
  scopes: text().array().$type<Scope[]>().notNull(),
  agentIds: uuid("agent_ids").array(),
  mcp: jsonb().$type<McpAccess>(),
  expiresAt: timestamp("expires_at", { withTimezone: true }),
  revokedAt: timestamp("revoked_at", { withTimezone: true }),
  previousHash: hexBytes("previous_hash"),
  previousUntil: timestamp("previous_until", { withTimezone: true }),
  createdAt: timestamp("created_at", { withTimezone: true }).notNull().defaultNow(),
});
