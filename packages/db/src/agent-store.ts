import { type Agent, agentConfig, GatewayError, type PageQuery } from "@parley/contracts";
import type { AgentStore } from "@parley/domain";
import { first } from "./call.ts";
import type { InOrganization, Transaction } from "./database.ts";
import { and, asc, count, eq, inArray, ne, sql } from "./drizzle.ts";
import { agentVersions } from "./schema/agent-versions.ts";
import { agents } from "./schema/agents.ts";

/** The version number under which what is not deployed yet is kept. */
const DRAFT = 0;

const ONE: PageQuery = { page: 1, perPage: 1 };

/** What holds where a configuration was kept before a setting existed. */
const DEFAULTS = agentConfig.parse({});

export function createAgentStore(inOrganization: InOrganization): AgentStore {
  return {
    find: (organizationId, agentId, version) =>
      inOrganization(organizationId, async (tx) => {
        const found = await select(tx, and(eq(agents.id, agentId), eq(agentVersions.version, version ?? agents.version)));
        if (found.length > 0 || version !== DRAFT) return found[0] ?? null;
        const [deployed] = await select(tx, and(eq(agents.id, agentId), eq(agentVersions.version, agents.version)));
        return deployed ?? null;
      }),

    list: (organizationId, { page, perPage, agentIds }) =>
      inOrganization(organizationId, async (tx) => {
        const mine = and(ne(agents.state, "deleted"), agentIds === null ? undefined : inArray(agents.id, agentIds));
        const items = await select(tx, and(eq(agentVersions.version, agents.version), mine), { page, perPage });
        const { total } = first(await tx.select({ total: count() }).from(agents).where(mine));
        return { items, total, page, perPage };
      }),

    create: (organizationId, { id, name, description, config }) =>
      inOrganization(organizationId, async (tx) => {
        const made = await tx.insert(agents).values({ id, organizationId }).onConflictDoNothing().returning();
        if (made.length === 0) {
          const [there] = await select(tx, and(eq(agents.id, id), eq(agentVersions.version, agents.version)));
          return there ?? refuse();
        }
        const [row] = await tx
          .insert(agentVersions)
          .values({ organizationId, agentId: id, version: 1, name, description, config })
          .returning();
        const createdAt = (row?.createdAt ?? new Date()).toISOString();
        return { id, organizationId, name, description, version: 1, state: "active", config, createdAt };
      }),

    saveDraft: (organizationId, agentId, agent) =>
      inOrganization(organizationId, async (tx) => {
        await tx
          .insert(agentVersions)
          .values({ organizationId, agentId, version: DRAFT, ...agent })
          .onConflictDoUpdate({ target: [agentVersions.agentId, agentVersions.version], set: { ...agent, createdAt: sql`now()` } });
      }),

    deploy: (organizationId, agentId) =>
      inOrganization(organizationId, async (tx) => {
        const [agent] = await tx.select({ version: agents.version }).from(agents).where(eq(agents.id, agentId)).for("update");
        if (agent === undefined) return false;
        const next = agent.version + 1;
        const moved = await tx
          .update(agentVersions)
          .set({ version: next })
          .where(and(eq(agentVersions.agentId, agentId), eq(agentVersions.version, DRAFT)))
          .returning({ version: agentVersions.version });
        if (moved.length === 0) return false;
        await tx.update(agents).set({ version: next }).where(eq(agents.id, agentId));
        return true;
      }),

    setState: (organizationId, agentId, { from, to }) =>
      inOrganization(organizationId, async (tx) => {
        const changed = await tx
          .update(agents)
          .set({ state: to })
          .where(and(eq(agents.id, agentId), inArray(agents.state, from)))
          .returning({ id: agents.id });
        return changed.length > 0;
      }),
  };
}

/** Another organization's, which nobody may learn of. */
function refuse(): never {
  throw new GatewayError("not_found");
}

async function select(
  tx: Transaction,
  where: Parameters<ReturnType<typeof from>["where"]>[0],
  { page, perPage }: PageQuery = ONE,
): Promise<Agent[]> {
  const rows = await from(tx)
    .where(where)
    .orderBy(asc(agents.createdAt), asc(agents.id))
    .limit(perPage)
    .offset((page - 1) * perPage);
  return rows.map((row) => ({ ...row, config: { ...DEFAULTS, ...row.config }, createdAt: row.createdAt.toISOString() }));
}

const from = (tx: Transaction) =>
  tx
    .select({
      id: agents.id,
      organizationId: agents.organizationId,
      name: agentVersions.name,
      description: agentVersions.description,
      version: agentVersions.version,
      state: agents.state,
      config: agentVersions.config,
      createdAt: agents.createdAt,
    })
    .from(agents)
    .innerJoin(agentVersions, eq(agentVersions.agentId, agents.id));
