import { encodeBase58 } from "./base58.ts";
import { keyPairOf } from "./ed25519.ts";
import { keyId } from "./key-id.ts";

/** Who this gateway is to its peers. */
export interface DidIdentity {
  /** `did:bindu:<author>:<name>:<key id>`. */
  did: string;
  /** Base58. */
  publicKey: string;
  /** The DID document as JSON: the same bytes on every replica and at every start. */
  document: string;
  /** Base58 of an Ed25519 signature over the text's UTF-8. */
  sign(text: string): string;
}

export interface DidFacts {
  /** 32 bytes. */
  seed: Uint8Array;
  /** Often an e-mail address. */
  author: string;
  name: string;
}

/** The identity that a seed stands for. Nothing of it is kept anywhere: the seed is all of it. */
export function createDidIdentity({ seed, author, name }: DidFacts): DidIdentity {
  const pair = keyPairOf(seed);
  const publicKey = encodeBase58(pair.publicKey);
  const did = `did:bindu:${author.replaceAll("@", "_at_").replaceAll(".", "_")}:${name}:${keyId(pair.publicKey)}`;
  const key = { id: `${did}#key-1`, type: "Ed25519VerificationKey2020", controller: did, publicKeyBase58: publicKey };
  const context = ["https://www.w3.org/ns/did/v1", "https://getbindu.com/ns/v1"];
  return {
    did,
    publicKey,
    document: JSON.stringify({ "@context": context, id: did, authentication: [key] }),
    sign: (text) => encodeBase58(pair.sign(text)),
  };
}
