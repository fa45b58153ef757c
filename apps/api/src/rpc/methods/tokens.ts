import { type ApiKey, createKeyInput, keyId, pageInput, rotateKeyInput } from "@parley/contracts";
import { type MethodsOf, method } from "../method.ts";

const token = ({ id, name, prefix, scopes, agentIds, expiresAt, revokedAt, createdAt }: ApiKey) => ({
  ...{ id, name, prefix, scopes, agentIds, expiresAt, revokedAt },
  createdAt: Date.parse(createdAt),
});

/** The organization's keys. A secret is shown once, and never again. */
export const tokens = {
  "tokens.list": method(pageInput.shape, async ({ gateway, caller }, page) => {
    const { items, total } = await gateway.listKeys(caller.organizationId, page);
    return { tokens: items.map(token), total };
  }),

  "tokens.create": method(
    { ...createKeyInput.shape, scopes: createKeyInput.shape.scopes.min(1), name: createKeyInput.shape.name.default("token") },
    async ({ gateway, caller, once }, input) => {
      const { apiKey, ...key } = await gateway.createKey(caller.organizationId, input, caller, once);
      return { ...token(key), secret: apiKey, message: "The secret is shown once: keep it now." };
    },
  ),

  /** The id stays; the old secret is good for as long as is asked for. */
  "tokens.rotate": method({ id: keyId, overlapSeconds: rotateKeyInput.shape.overlapSeconds }, async (call, { id, overlapSeconds }) => {
    const { gateway, caller, once } = call;
    const { apiKey, previousUntil, ...key } = await gateway.rotateKey(caller.organizationId, { keyId: id, overlapSeconds }, caller, once);
    return {
      ...token(key),
      ...{ oldId: id, newId: key.id, secret: apiKey, newSecret: apiKey, previousUntil },
      message: "The secret is shown once: keep it now.",
    };
  }),

  "tokens.revoke": method({ id: keyId }, async ({ gateway, caller, once }, { id }) => {
    await gateway.revokeKey(caller.organizationId, id, caller, once);
    return { id, revoked: true, message: "Connections that it has open are closed within seconds." };
  }),
} satisfies MethodsOf<"tokens">;
