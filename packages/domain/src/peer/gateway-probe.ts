import type { GatewayStatus } from "@parley/contracts";
import type { PeerTarget } from "./peer-client.ts";

/** Looks at OpenClaw gateways. What cannot be had is said in its part; only the signal's reason is thrown. */
export interface GatewayProbe {
  status(target: PeerTarget, signal: AbortSignal): Promise<GatewayStatus>;
}
