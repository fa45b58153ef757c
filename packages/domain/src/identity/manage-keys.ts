import { type CreateKey, GatewayError, newId, newKeyId, type OrganizationId } from "@parley/contracts";
import type { Gateway } from "../gateway.ts";
import type { GatewayContext } from "../gateway-ports.ts";
import { type Caller, mayUseAgent } from "./caller.ts";

type ManageKeys = Pick<Gateway, "createKey" | "listKeys" | "revokeKey" | "createOrganization">;

/** Organizations and their keys. Whether the caller may is the route's scope; the organization is always named. */
export function manageKeys({ keys, organizations, makeKey }: GatewayContext): ManageKeys {
  async function checkOrganization(organizationId: string): Promise<void> {
    if (!(await organizations.exists(organizationId))) throw new GatewayError("not_found");
  }

  return {
    async createOrganization({ name }) {
      const id = newId<OrganizationId>();
      await organizations.create({ id, name });
      return { id, name };
    },
    async createKey(organizationId, input, maker) {
      const { name, scopes, agentIds, expiresAt } = input;
      if (maker !== undefined && isWider(input, maker)) throw new GatewayError("missing_scope");
      await checkOrganization(organizationId);
      const { apiKey, prefix, hash } = makeKey();
      const key = await keys.create({
        id: newKeyId(),
        organizationId,
        name,
        prefix,
        hash,
        scopes,
        agentIds: agentIds ?? null,
        expiresAt: expiresAt?.toISOString() ?? null,
      });
      return { ...key, apiKey };
    },
    async listKeys(organizationId) {
      await checkOrganization(organizationId);
      return keys.list(organizationId);
    },
    async revokeKey(organizationId, keyId) {
      if ((await keys.revoke(organizationId, keyId)) === null) throw new GatewayError("not_found");
    },
  };
}

function isWider({ scopes, agentIds }: CreateKey, maker: Caller): boolean {
  if (scopes.some((scope) => !maker.scopes.has(scope))) return true;
  return maker.agentIds !== null && (agentIds === undefined || agentIds.some((id) => !mayUseAgent(maker, id)));
}
