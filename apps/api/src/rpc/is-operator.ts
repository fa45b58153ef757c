import type { IncomingMessage } from "node:http";
import { GatewayError } from "@parley/contracts";
import { hasAdminSecret } from "@parley/identity";
import type { FrontVisitor } from "../visitors.ts";
import type { RpcDoor } from "./method.ts";

/** Whether a connection was opened with the operator's secret, beside its credential. Throws `unauthenticated` for a wrong one, which is counted as such. */
export async function isOperator({ adminSecret }: RpcDoor, { headers }: IncomingMessage, visitor: FrontVisitor): Promise<boolean> {
  if (headers["x-admin-secret"] === undefined) return false;
  visitor.checkLock();
  if (adminSecret !== null && hasAdminSecret({ "x-admin-secret": headers["x-admin-secret"] }, adminSecret)) return true;
  await visitor.noteBadCredential();
  throw new GatewayError("unauthenticated");
}
