import type { Peer, PeerSkill, PeerTrust, ShownPeerAuth } from "@parley/contracts";

const authRow = (auth: ShownPeerAuth) => {
  if (auth.type !== "oauth") return auth;
  const { type, tokenUrl, clientId, scope } = auth;
  return { type, token_url: tokenUrl, client_id: clientId, scope };
};

const trustRow = ({ verifyDid, pinnedDid, pinnedKey, policy, onBadSignature }: PeerTrust) => ({
  ...{ verify_did: verifyDid, pinned_did: pinnedDid ?? null, pinned_key: pinnedKey ?? null },
  ...{ policy, on_bad_signature: onBadSignature },
});

const skillRow = ({ id, name, description, inputSchema, tags, outputModes }: PeerSkill) => ({
  ...{ id, name: name ?? null, description: description ?? null, input_schema: inputSchema ?? null, tags, output_modes: outputModes },
});

/** A peer as this wire has it. Of its credentials it says which kind they are. */
export const peerRow = (peer: Peer) => ({
  id: peer.id,
  name: peer.name,
  protocol: peer.protocol,
  endpoint: peer.endpoint,
  auth: authRow(peer.auth),
  trust: trustRow(peer.trust),
  skills: peer.skills?.map(skillRow) ?? null,
  price_micros: peer.priceMicros,
  timeout_ms: peer.timeoutMs,
  deduplicates: peer.deduplicates,
  created_at: peer.createdAt,
  updated_at: peer.updatedAt,
});
