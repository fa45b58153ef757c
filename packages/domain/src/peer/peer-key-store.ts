/** A key that has signed for a DID at an endpoint, in base58. */
export interface PeerKey {
  endpoint: string;
  did: string;
  publicKey: string;
}

export interface PeerKeyStore {
  /** The key that was seen first for this DID at this endpoint: from now on this one, where there was none. Null where the organization may pin no more. */
  pin(organizationId: string, key: PeerKey, max: number): Promise<string | null>;
}
