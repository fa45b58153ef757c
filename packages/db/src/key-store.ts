import type { ApiKey } from "@parley/contracts";
import type { KeyRecord, KeyStore, OrganizationStore } from "@parley/domain";
import { first } from "./call.ts";
import { guarded, type Sql } from "./connect.ts";
import type { InOrganization } from "./database.ts";
import { and, asc, count, eq, isNull, sql } from "./drizzle.ts";
import { apiKeys } from "./schema/api-keys.ts";
import { organizations } from "./schema/organizations.ts";

export function createKeyStore(client: Sql, inOrganization: InOrganization): KeyStore {
  return {
    async findByHash(hash) {
      const rows = await guarded(client<{ answer: KeyRecord | null }[]>`select find_api_key(${Buffer.from(hash, "hex")}) as answer`);
      return first(rows).answer;
    },

    create: ({ hash, expiresAt, ...key }) =>
      inOrganization(key.organizationId, async (tx) => {
        const values = { ...key, hash, expiresAt: expiresAt === null ? null : new Date(expiresAt) };
        return shown(first(await tx.insert(apiKeys).values(values).returning()));
      }),

    list: (organizationId, { page, perPage }) =>
      inOrganization(organizationId, async (tx) => {
        const rows = await tx
          .select()
          .from(apiKeys)
          .orderBy(asc(apiKeys.createdAt), asc(apiKeys.id))
          .limit(perPage)
          .offset((page - 1) * perPage);
        const { total } = first(await tx.select({ total: count() }).from(apiKeys));
        return { items: rows.map(shown), total, page, perPage };
      }),

    find: (organizationId, keyId) =>
      inOrganization(organizationId, async (tx) => {
        const [row] = await tx.select().from(apiKeys).where(live(keyId));
        return row === undefined ? null : shown(row);
      }),

    rotate: (organizationId, { keyId, hash, prefix, overlapSeconds }) =>
      inOrganization(organizationId, async (tx) => {
        const [row] = await tx
          .update(apiKeys)
          .set({ hash, prefix, previousHash: sql`hash`, previousUntil: sql`now() + make_interval(secs => ${overlapSeconds})` })
          .where(live(keyId))
          .returning();
        if (!row?.previousHash || !row.previousUntil) return null;
        return { key: shown(row), previousHash: row.previousHash, previousUntil: row.previousUntil.toISOString() };
      }),

    revoke: (organizationId, keyId) =>
      inOrganization(organizationId, async (tx) => {
        const [row] = await tx.select({ hash: apiKeys.hash }).from(apiKeys).where(eq(apiKeys.id, keyId));
        if (row === undefined) return null;
        await tx.update(apiKeys).set({ revokedAt: sql`now()` }).where(live(keyId));
        return row.hash;
      }),
  };
}

const live = (keyId: string) => and(eq(apiKeys.id, keyId), isNull(apiKeys.revokedAt));

function shown({ hash: _hash, previousHash: _previousHash, previousUntil: _previousUntil, ...row }: typeof apiKeys.$inferSelect): ApiKey {
  return {
    ...row,
    expiresAt: row.expiresAt?.toISOString() ?? null,
    revokedAt: row.revokedAt?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
  };
}

export const createOrganizationStore = (inOrganization: InOrganization): OrganizationStore => ({
  create: (organization) =>
    inOrganization(organization.id, async (tx) => {
      await tx.insert(organizations).values(organization);
    }),
  ensure: (organization) =>
    inOrganization(organization.id, async (tx) => {
      await tx.insert(organizations).values(organization).onConflictDoNothing();
    }),
  exists: (organizationId) =>
    inOrganization(
      organizationId,
      async (tx) => (await tx.select({ id: organizations.id }).from(organizations).where(eq(organizations.id, organizationId))).length > 0,
    ),
});
