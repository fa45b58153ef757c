import type { ListExecutions, ListMemories, PageQuery } from "@parley/contracts";
import { agentId, EXECUTION_STATUSES, executionId, GatewayError, isMoment, listExecutionsInput, memoryScope } from "@parley/contracts";
import { z } from "zod";
import { parse } from "./parse.ts";

const { shape } = listExecutionsInput;

/** Names that some clients of this wire filter by, beside the statuses themselves. */
const ALIASES = { queued: "pending", running: "executing", cancelled: "stopped" } as const;
const status = z
  .enum([...EXECUTION_STATUSES, "queued", "running", "cancelled"])
  .transform((name) => (name in ALIASES ? ALIASES[name as keyof typeof ALIASES] : name));

/** Without a zone a time is UTC, as all times of this wire are. */
const time = z.union([z.iso.datetime({ offset: true }), z.iso.date(), z.iso.datetime({ local: true }).transform((at) => `${at}Z`)], {
  error: "Input should be a valid datetime",
});
const date = time.refine(isMoment, "Input should be a valid datetime").transform((at) => new Date(at));

/** An empty value, as forms send it, is an absent one. */
const orAbsent = <Schema extends z.ZodType>(schema: Schema) => z.preprocess((value) => (value === "" ? undefined : value), schema);
const optional = <Schema extends z.ZodType>(schema: Schema) => orAbsent(schema.optional());

export const listQuery = z.object({
  page: orAbsent(shape.page),
  per_page: orAbsent(shape.perPage),
  user_id: optional(z.string().max(200)),
  agent_id: optional(agentId),
  parent_task_id: optional(executionId),
  triggering_agent_id: optional(z.string().max(200)),
  status: optional(status),
  internal_status: optional(z.string().max(255)),
  from_date: optional(date),
  to_date: optional(date),
});

const listFilter = listQuery.transform(
  (query): ListExecutions => ({
    page: query.page,
    perPage: query.per_page,
    userId: query.user_id,
    agentId: query.agent_id,
    parentId: query.parent_task_id,
    triggeringAgentId: query.triggering_agent_id,
    status: query.status,
    internalStatus: query.internal_status,
    from: query.from_date,
    to: query.to_date,
  }),
);

export const memoryQuery = z.object({
  page: orAbsent(shape.page),
  per_page: orAbsent(shape.perPage),
  scope: optional(memoryScope),
  user_email: optional(z.string().max(320)),
  agent_id: optional(agentId),
  query: optional(z.string().max(1_000)),
});

const memoryFilter = memoryQuery.transform(
  (query): ListMemories => ({
    page: query.page,
    perPage: query.per_page,
    scope: query.scope,
    userEmail: query.user_email,
    agentId: query.agent_id,
    query: query.query,
  }),
);

export const pageQuery = z.object({ page: orAbsent(shape.page), per_page: orAbsent(shape.perPage) });

const wholePage = pageQuery.transform((query): PageQuery => ({ page: query.page, perPage: query.per_page }));

/** Which page of a list that has no filters. Throws `invalid_input`. */
export const readPage = (query: unknown, pageMax: number): PageQuery => bounded(parse(wholePage, query, "query"), pageMax);

/** The filters of a list of memories. Throws `invalid_input`. */
export const readMemoryFilter = (query: unknown, pageMax: number): ListMemories => bounded(parse(memoryFilter, query, "query"), pageMax);

/** The filters of a task list; pages count from 1. Throws `invalid_input`. */
export const readListFilter = (query: unknown, pageMax: number): ListExecutions => bounded(parse(listFilter, query, "query"), pageMax);

function bounded<Filter extends { perPage: number }>(filter: Filter, pageMax: number): Filter {
  if (filter.perPage <= pageMax) return filter;
  const message = `Input should be less than or equal to ${pageMax}`;
  throw new GatewayError("invalid_input", { issues: [{ path: ["query", "per_page"], code: "less_than_equal", message }] });
}
