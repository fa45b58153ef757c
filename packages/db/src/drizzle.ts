import { createRequire } from "node:module";

/**
 * drizzle, loaded as CommonJS. Node reads a package's package.json again for each of its ES modules, and drizzle's is
 * 180 kB: its ES modules cost every process 480 ms and 230 MB at its start, its CommonJS ones 120 ms and 25 MB.
 */
const require = createRequire(import.meta.url);

export const { and, asc, count, desc, eq, gte, inArray, isNull, lte, sql }: typeof import("drizzle-orm") = require("drizzle-orm");
export const {
  customType,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  timestamp,
  uuid,
}: typeof import("drizzle-orm/pg-core") = require("drizzle-orm/pg-core");
export const { drizzle }: typeof import("drizzle-orm/postgres-js") = require("drizzle-orm/postgres-js");
