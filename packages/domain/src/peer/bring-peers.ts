import { GatewayError, type InlinePeer, type SubmitInput } from "@parley/contracts";
import type { GatewayContext } from "../gateway-ports.ts";
import { checkSkills } from "./manage-peers.ts";
import type { BroughtPeer } from "./peer-store.ts";
import { broughtPlace, sealAuth } from "./seal-auth.ts";

interface Message {
  organizationId: string;
  turnId: string;
  mode: SubmitInput["mode"];
}

/**
 * The peers that a message brings along, as they are kept: credentials sealed for its turn alone. Throws `invalid_input` for more than may be or
 * skills that cannot be used, `bad_request` for a message that has no turn of its own, `secrets_not_configured`.
 */
export function bringPeers(
  { vault, limits }: Pick<GatewayContext, "vault" | "limits">,
  peers: InlinePeer[],
  { organizationId, turnId, mode }: Message,
): BroughtPeer[] {
  if (peers.length === 0) return [];
  if (mode === "steer" || mode === "collect")
    throw new GatewayError("bad_request", { text: `A message of mode ${mode} cannot bring peers.` });
  if (peers.length > limits.peersPerAgentMax) {
    const message = `At most ${limits.peersPerAgentMax} peers.`;
    throw new GatewayError("invalid_input", { issues: [{ path: ["peers"], code: "too_big", message }] });
  }
  return peers.map(({ auth: given, ...peer }, place) => {
    checkSkills(peer.skills, ["peers", place, "skills"], limits.peerSkillsMax);
    const { auth, sealed } = sealAuth(vault, given, broughtPlace(organizationId, turnId, place));
    return { peer: { ...peer, auth }, sealed };
  });
}
