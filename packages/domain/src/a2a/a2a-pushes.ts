import type { A2aPush, A2aPushInput } from "@parley/contracts";
import type { GatewayContext } from "../gateway-ports.ts";
import { vaultOf } from "../hook/manage-hooks.ts";

/** Where what proves a push to its receiver opens. */
export const pushPlace = (organizationId: string, taskId: string, id: string): string => `a2a push ${organizationId} ${taskId} ${id}`;

/** What is sealed with a push. */
export interface PushSecret {
  token: string | null;
  credentials: string | null;
}

/** Refuses before anything is written what could never be told: an address that may not be called, a secret that cannot be kept. */
export async function checkA2aPush(context: Pick<GatewayContext, "checkAddress" | "vault">, push: A2aPushInput): Promise<void> {
  if (push.token !== null || push.credentials !== null) vaultOf(context);
  await context.checkAddress(push.url);
}

interface Stored {
  taskId: string;
  push: A2aPushInput;
  /** Whether the task is told as it stands, too. */
  tellsNow: boolean;
}

export function storeA2aPush(
  context: Pick<GatewayContext, "a2a" | "vault" | "limits">,
  organizationId: string,
  { taskId, push, tellsNow }: Stored,
): Promise<A2aPush> {
  const { url, token, scheme, credentials, version } = push;
  const id = push.id ?? taskId;
  const known: PushSecret = { token, credentials };
  const isSecret = token !== null || credentials !== null;
  const secret = isSecret ? vaultOf(context).seal(JSON.stringify(known), pushPlace(organizationId, taskId, id)) : null;
  return context.a2a.savePush({
    organizationId,
    taskId,
    id,
    url,
    secret,
    scheme,
    version,
    max: context.limits.a2aPushesPerTaskMax,
    tellsNow,
  });
}
