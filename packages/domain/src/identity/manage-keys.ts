import {
  type CreateKey,
  EVERY_SCOPE,
  GatewayError,
  grants,
  MCP_SCOPE,
  type NewApiKey,
  newId,
  newKeyId,
  type OrganizationId,
  type RotatedKey,
  type RotateKey,
  type Scope,
} from "@parley/contracts";
import { checkPage } from "../check-page.ts";
import type { Gateway } from "../gateway.ts";
import type { GatewayContext } from "../gateway-ports.ts";
import { runOnce } from "../idempotency/run-once.ts";
import { type Caller, mayUseAgent } from "./caller.ts";
import { checkOrganization } from "./check-organization.ts";

type ManageKeys = Pick<Gateway, "createKey" | "listKeys" | "rotateKey" | "revokeKey" | "createOrganization">;

/** Where the operator's own repeated calls are known: no organization has this id. */
const NO_ORGANIZATION = "00000000-0000-0000-0000-000000000000";

const repeaterOf = (organizationId: string, caller: Caller | null) => ({ organizationId, principalId: caller?.principalId ?? "operator" });

/** Organizations and their keys. Whether the caller may is the route's scope; the organization is always named. */
export const manageKeys = (context: GatewayContext): ManageKeys => ({
  createOrganization: (input, once) =>
    runOnce(context, repeaterOf(NO_ORGANIZATION, null), once, { input, run: (bound) => createOrganization(bound, input) }),
  createKey: (organizationId, input, maker, once) =>
    runOnce(context, repeaterOf(organizationId, maker), once, {
      input,
      run: (bound) => createKey(bound, organizationId, input, maker),
      keep: (key) => ({ ...key, apiKey: null }),
    }),
  async listKeys(organizationId, page) {
    checkPage(page, context.limits);
    await checkOrganization(context, organizationId);
    return context.keys.list(organizationId, page);
  },
  rotateKey: (organizationId, input, maker, once) =>
    runOnce(context, repeaterOf(organizationId, maker), once, {
      input,
      run: (bound) => rotateKey(bound, organizationId, input, maker),
      keep: (key) => ({ ...key, apiKey: null }),
    }),
  async revokeKey(organizationId, keyId, revoker, once) {
    await runOnce(context, repeaterOf(organizationId, revoker), once, {
      input: keyId,
      run: (bound) => revokeKey(bound, organizationId, keyId),
    });
  },
});

async function createOrganization({ organizations }: GatewayContext, { name }: { name: string }): Promise<{ id: string; name: string }> {
  const id = newId<OrganizationId>();
  await organizations.create({ id, name });
  return { id, name };
}

async function createKey(context: GatewayContext, organizationId: string, input: CreateKey, maker: Caller | null): Promise<NewApiKey> {
  const { name, scopes, agentIds, expiresAt, mcp } = input;
  if (scopes.includes(MCP_SCOPE) && scopes.length > 1) {
    throw new GatewayError("invalid_input", { issues: [{ path: ["scopes"], code: "custom", message: `${MCP_SCOPE} stands alone.` }] });
  }
  if (mcp !== undefined && !scopes.includes(MCP_SCOPE)) {
    throw new GatewayError("invalid_input", { issues: [{ path: ["mcp"], code: "custom", message: `Needs the scope ${MCP_SCOPE}.` }] });
  }
  if (maker !== null && isWider(input, maker)) throw new GatewayError("missing_scope");
  await checkOrganization(context, organizationId);
  const { apiKey, prefix, hash } = context.makeKey();
  const key = await context.keys.create({
    id: newKeyId(),
    organizationId,
    name,
    prefix,
    hash,
    scopes,
    agentIds: agentIds ?? null,
    mcp: mcp ?? null,
    expiresAt: expiresAt?.toISOString() ?? null,
  });
  return { ...key, apiKey };
}

/** Whoever rotates a key gets to know it, so that it may do no more than they may. */
async function rotateKey(
  { keys, makeKey }: GatewayContext,
  organizationId: string,
  { keyId, overlapSeconds }: RotateKey,
  maker: Caller | null,
): Promise<RotatedKey> {
  const key = await keys.find(organizationId, keyId);
  if (key === null) throw new GatewayError("not_found");
  if (maker !== null && isWider(key, maker)) throw new GatewayError("missing_scope");
  const { apiKey, prefix, hash } = makeKey();
  const rotated = await keys.rotate(organizationId, { keyId, hash, prefix, overlapSeconds });
  if (rotated === null) throw new GatewayError("not_found");
  return { ...rotated.key, apiKey, previousUntil: rotated.previousUntil };
}

async function revokeKey({ keys }: GatewayContext, organizationId: string, keyId: string): Promise<object> {
  if ((await keys.revoke(organizationId, keyId)) === null) throw new GatewayError("not_found");
  return {};
}

interface Rights {
  scopes: readonly Scope[];
  agentIds?: readonly string[] | null | undefined;
}

function isWider({ scopes, agentIds }: Rights, maker: Caller): boolean {
  // No key that makes keys can have the MCP scope, which stands alone; who may do all may give it.
  const mayGive = (scope: Scope): boolean => grants(maker.scopes, scope === MCP_SCOPE ? EVERY_SCOPE : scope);
  if (!scopes.every(mayGive)) return true;
  return maker.agentIds !== null && (!agentIds || agentIds.some((id) => !mayUseAgent(maker, id)));
}
