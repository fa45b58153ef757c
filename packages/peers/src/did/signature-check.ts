import type { PeerSignatures, PeerTrust } from "@parley/contracts";
import type { PeerKeyStore } from "@parley/domain";
import { decodeBase58, encodeBase58 } from "./base58.ts";
import { KEY_BYTES } from "./ed25519.ts";
import { isMadeFrom } from "./key-id.ts";
import type { ResolveDid } from "./resolve-did.ts";
import { type SignedArtifact, verifyArtifacts } from "./verify-artifacts.ts";

export interface VerifyFacts {
  organizationId: string;
  endpoint: string;
  /** The pinned DID, else the one that the peer's card shows; null where there is none. */
  did: string | null;
  /**
   * Whose word counts. `strict`: a key that the DID is made from, and what is not signed, or cannot be checked, is not good. `lenient`: the first key that has signed
   * for this DID at this endpoint, and what is not signed is only said to be so. A pinned key is the only one, and nobody is asked for it.
   */
  trust: Pick<PeerTrust, "policy" | "pinnedKey">;
  artifacts: readonly SignedArtifact[];
}

/** Null where there is nothing to look at: no artifact, or, where that is `lenient`, no DID and no pinned key, or no key that could be had. */
export type VerifySignatures = (facts: VerifyFacts) => Promise<PeerSignatures | null>;

interface SignatureCheckPorts {
  resolve: ResolveDid;
  keys: PeerKeyStore;
  /** Keys that one organization may pin by first use. */
  keysMax: number;
}

/**
 * Looks at the signatures of what a peer gave. The key comes from the very peer that is checked, so it is only believed where the DID is made from it, where it was
 * pinned by hand, or where it is the one that was seen first; signed by any other key, all signatures are wrong.
 */
export function createSignatureCheck({ resolve, keys, keysMax }: SignatureCheckPorts): VerifySignatures {
  return async (facts) => {
    const { artifacts, trust } = facts;
    if (artifacts.length === 0) return null;
    const found = await lookedAt(facts);
    if (trust.policy === "lenient") return found;
    // Whoever may leave a signature out, or hide who it is, would need no key to be believed.
    const signatures = found ?? verifyArtifacts(artifacts, null);
    return { ...signatures, ok: signatures.ok && signatures.unsigned === 0 };
  };

  async function lookedAt({ organizationId, endpoint, did, trust, artifacts }: VerifyFacts): Promise<PeerSignatures | null> {
    // Also of a peer that shows no DID: to hide it would be the way around the key.
    if (trust.pinnedKey !== undefined) return verifyArtifacts(artifacts, decodeBase58(trust.pinnedKey, KEY_BYTES));
    if (did === null) return null;
    const resolved = await resolve(endpoint, did);
    if (resolved.kind === "unavailable") return null;
    if (resolved.kind === "none") return verifyArtifacts(artifacts, null);
    const { publicKey } = resolved;
    if (trust.policy === "strict") return verifyArtifacts(artifacts, isMadeFrom(did, publicKey) ? publicKey : null);
    const signatures = verifyArtifacts(artifacts, publicKey);
    // Nothing is pinned by what has signed nothing, or has signed wrongly.
    if (!signatures.ok || signatures.signed === 0) return signatures;
    const key = encodeBase58(publicKey);
    const pinned = await keys.pin(organizationId, { endpoint, did, publicKey: key }, keysMax);
    return pinned === key ? signatures : verifyArtifacts(artifacts, null);
  }
}
