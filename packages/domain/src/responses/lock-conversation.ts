import type { GatewayContext } from "../gateway-ports.ts";
import { claimCall } from "../idempotency/claim-call.ts";
import type { ResponseRequest } from "./response-request.ts";

export type LockPorts = Pick<GatewayContext, "repeats" | "clock" | "limits" | "log">;

/** Nobody calls under this name: it only makes room beside the routes' keys. */
const ROUTE = "conversation.lock";

/**
 * One response at a time goes on in a conversation of items: the others wait, and see what it added. Returns what lets the next one go on. Throws
 * `call_under_way` where it takes longer than a caller is kept waiting.
 */
export async function lockConversation(
  ports: LockPorts,
  organizationId: string,
  { conversation }: Pick<ResponseRequest, "conversation">,
  signal: AbortSignal,
): Promise<() => Promise<void>> {
  if (conversation === null) return async () => {};
  const owner = { organizationId, principalId: ROUTE, route: ROUTE, key: conversation };
  const claim = await claimCall({ ...ports, hashBody: () => "00" }, { ...owner, input: null, signal });
  return () => claim.free();
}
