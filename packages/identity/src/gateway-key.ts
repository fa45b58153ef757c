import { createHash, timingSafeEqual } from "node:crypto";
import { GatewayError, type OrganizationId, SCOPES, type Scope } from "@parley/contracts";
import type { Caller } from "@parley/domain";
import type { Authenticator } from "./authenticator.ts";

/** Where the key leads when no organization is named. */
const ORGANIZATION_ID = "00000000-0000-4000-8000-000000000001" as OrganizationId;

interface GatewayKey {
  key: string;
  /** Null: one of its own. */
  organizationId: string | null;
  /** Makes the organization where there is none with its id. */
  ensureOrganization(organization: { id: string; name: string }): Promise<void>;
}

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/** One key that stands in the settings: every right in one organization but that to manage its keys. Compared in a time that says nothing about it. */
export function createGatewayKeyAuthenticator({ key, organizationId, ensureOrganization }: GatewayKey): Authenticator & {
  isOurs(credential: string): boolean;
} {
  const wanted = digest(key);
  const scopes = new Set<Scope>(SCOPES.filter((scope) => scope !== "admin"));
  const caller: Caller = { organizationId: organizationId ?? ORGANIZATION_ID, principalId: "gateway-key", scopes, agentIds: null };
  const isOurs = (credential: string): boolean => timingSafeEqual(digest(credential), wanted);
  let ensured: Promise<void> | undefined;

  return {
    isOurs,
    async authenticate(credential) {
      if (!isOurs(credential)) throw new GatewayError("unauthenticated");
      ensured ??= ensureOrganization({ id: caller.organizationId, name: "Gateway" });
      await ensured.catch((error: unknown) => {
        ensured = undefined;
        throw error;
      });
      return caller;
    },
    knows: isOurs,
  };
}
