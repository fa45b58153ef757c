import { type ListExecutions, NO_USAGE, type Usage } from "@parley/contracts";
import type { ExecutionStore } from "@parley/domain";
import type { SQL } from "drizzle-orm";
import { first } from "./call.ts";
import { guarded, type Sql } from "./connect.ts";
import type { InOrganization } from "./database.ts";
import { and, count, desc, eq, gte, inArray, isNull, lte, sql } from "./drizzle.ts";
import { type StoredExecution, toExecution } from "./execution-json.ts";
import { executions } from "./schema/executions.ts";

const json = sql<StoredExecution>`execution_json(executions)`;

export function createExecutionStore(client: Sql, inOrganization: InOrganization): ExecutionStore {
  return {
    async findTurn(organizationId, conversationId, turnId) {
      const rows = await guarded(
        client<{ answer: StoredExecution | null }[]>`select read_turn(${organizationId}, ${conversationId}, ${turnId}) as answer`,
      );
      const { answer } = first(rows);
      return answer === null ? null : toExecution(answer);
    },

    find: (organizationId, executionId) =>
      inOrganization(organizationId, async (tx) => {
        const [row] = await tx.select({ json }).from(executions).where(eq(executions.id, executionId));
        return row === undefined ? null : toExecution(row.json);
      }),

    async below(organizationId, executionId, { turnIds, childrenMax }) {
      if (turnIds.length === 0) return { children: [], leftOut: 0 };
      const turns = sql.join(
        turnIds.map((id) => sql`${id}::uuid`),
        sql`, `,
      );
      return inOrganization(organizationId, async (tx) => {
        const rows = await tx.execute<{ json: StoredExecution; total: number }>(sql`
          with recursive below as (
            select id, 1 as level from executions where parent_id = ${executionId} and turn_id in (${turns})
            union all select child.id, level + 1 from executions child join below on child.parent_id = below.id
          ), shown as (select id, count(*) over ()::int as total from below order by level, id limit ${childrenMax})
          select execution_json(executions) as json, total from executions join shown using (id) order by created_at, id`);
        return { children: rows.map((row) => toExecution(row.json)), leftOut: (rows[0]?.total ?? 0) - rows.length };
      });
    },

    async usage(organizationId, conversationId) {
      const rows = await guarded(
        client<{ answer: { root?: Usage; below?: Usage } }[]>`select read_usage(${organizationId}, ${conversationId}) as answer`,
      );
      return { root: NO_USAGE, below: NO_USAGE, ...first(rows).answer };
    },

    async usedTools(organizationId, executionId) {
      const rows = await guarded(client<{ answer: string[] }[]>`select read_used_tools(${organizationId}, ${executionId}) as answer`);
      return first(rows).answer;
    },

    list: (organizationId, filter) =>
      inOrganization(organizationId, async (tx) => {
        const where = and(...conditions(filter));
        const { page, perPage } = filter;
        const rows = await tx
          .select({ json })
          .from(executions)
          .where(where)
          .orderBy(desc(executions.createdAt), desc(executions.id))
          .limit(perPage)
          .offset((page - 1) * perPage);
        const { total } = first(await tx.select({ total: count() }).from(executions).where(where));
        return { items: rows.map((row) => toExecution(row.json)), total, page, perPage };
      }),

    delete: (organizationId, conversationId, memories) =>
      inOrganization(organizationId, async (tx) => {
        const answer = await tx.execute<{ deleted: boolean }>(
          sql`select delete_conversation(${conversationId}, ${memories === "forget"}) as deleted`,
        );
        return first(answer).deleted;
      }),
  };
}

function conditions(filter: ListExecutions & { agentIds: string[] | null }): (SQL | undefined)[] {
  const { agentId, agentIds, parentId, status, userId, triggeringAgentId, internalStatus, from, to } = filter;
  return [
    // Without a parent the list is of conversations; children are found below theirs.
    parentId === undefined ? isNull(executions.parentId) : eq(executions.parentId, parentId),
    agentId === undefined ? undefined : eq(executions.agentId, agentId),
    agentIds === null ? undefined : inArray(executions.agentId, agentIds),
    status === undefined ? undefined : eq(sql`${executions.status}`, status),
    userId === undefined ? undefined : eq(sql`${executions.endUser}->>'id'`, userId),
    triggeringAgentId === undefined ? undefined : eq(sql`${executions.options}->>'triggeringAgentId'`, triggeringAgentId),
    internalStatus === undefined ? undefined : eq(sql`${executions.options}->>'internalStatus'`, internalStatus),
    from === undefined ? undefined : gte(executions.createdAt, from),
    to === undefined ? undefined : lte(executions.createdAt, to),
  ];
}
