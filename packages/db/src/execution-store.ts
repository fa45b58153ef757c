import type { ListExecutions } from "@parley/contracts";
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

    descendants: (organizationId, executionId) =>
      inOrganization(organizationId, async (tx) => {
        const rows = await tx.execute<{ json: StoredExecution }>(sql`
          with recursive below as (
            select id from executions where parent_id = ${executionId}
            union all select child.id from executions child join below on child.parent_id = below.id
          )
          select execution_json(executions) as json from executions where id in (select id from below) order by created_at, id`);
        return rows.map((row) => toExecution(row.json));
      }),

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

    delete: (organizationId, conversationId) =>
      inOrganization(organizationId, async (tx) => {
        const answer = await tx.execute<{ deleted: boolean }>(sql`select delete_conversation(${conversationId}) as deleted`);
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
