import { createRequire } from "node:module";
import type * as Core from "drizzle-orm";
import type * as Postgres from "drizzle-orm/pg-core";
import type * as Driver from "drizzle-orm/postgres-js";

/**
 * drizzle, loaded as CommonJS. Node reads a package's package.json again for each of its ES modules, and drizzle's is
 * 180 kB: its ES modules cost every process 480 ms and 230 MB at its start, its CommonJS ones 120 ms and 25 MB.
 */
const require = createRequire(import.meta.url);

export const { and, asc, count, desc, eq, gte, inArray, isNull, lte, ne, sql }: typeof Core = require("drizzle-orm");
export const { customType, integer, jsonb, pgTable, primaryKey, text, timestamp, uuid }: typeof Postgres = require("drizzle-orm/pg-core");
export const { drizzle }: typeof Driver = require("drizzle-orm/postgres-js");
