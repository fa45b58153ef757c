import { z } from "zod";
import { toolSecretName } from "./agent.ts";
import { peerId } from "./ids.ts";
import { BOUNDS } from "./limits.ts";
import { webAddress } from "./web-address.ts";

/** What may stand in a header. */
const credential = z.string().regex(/^[\x21-\x7e]{1,4096}$/, "must be 1 to 4096 visible ASCII characters");

/** What a peer speaks: A2A, or the WebSocket protocol of OpenClaw gateways, whose `endpoint` is their HTTP address. */
export const peerProtocol = z.enum(["a2a", "openclaw"]);
export type PeerProtocol = z.infer<typeof peerProtocol>;

/** A decentralised identifier. */
export const did = z
  .string()
  .max(500)
  .regex(/^did:[a-z0-9]+:[A-Za-z0-9._:%-]+$/, "is no DID");

/**
 * How the gateway shows who it is. `secret` names a credential of the operator's, which only its own hosts are sent. `did_signed` signs each
 * request with the gateway's key, beside the named credential, the given token, or else the gateway's own OAuth token. What is written here is
 * sealed where it is kept and never read again by a caller.
 */
export const peerAuth = z.discriminatedUnion("type", [
  z.object({ type: z.literal("none") }),
  z.object({ type: z.literal("bearer"), token: credential }),
  z.object({ type: z.literal("secret"), name: toolSecretName }),
  z.object({ type: z.literal("did_signed"), token: credential.optional(), secret: toolSecretName.optional() }),
  z.object({
    type: z.literal("oauth"),
    tokenUrl: webAddress,
    clientId: z.string().min(1).max(500),
    clientSecret: credential,
    scope: z.string().max(1_000).optional(),
  }),
]);
export type PeerAuth = z.infer<typeof peerAuth>;
export type PeerAuthType = PeerAuth["type"];

/** What is shown of it. */
export type ShownPeerAuth =
  | { type: "none" | "bearer" }
  | { type: "secret"; name: string }
  | { type: "did_signed"; secret?: string | undefined }
  | { type: "oauth"; tokenUrl: string; clientId: string; scope?: string | undefined };

export const peerTrust = z.object({
  /** Artifacts' signatures are checked. */
  verifyDid: z.boolean().default(false),
  /** The peer is this one; whatever another one signs is not its own. */
  pinnedDid: did.optional(),
  /** Its Ed25519 public key in base58: no document is asked for another. */
  pinnedKey: z
    .string()
    .regex(/^[1-9A-HJ-NP-Za-km-z]{40,50}$/, "is no base58 public key")
    .optional(),
  /** `strict`: all must be signed, by the pinned key or the one that the DID is made of. `lenient`: the key that was seen first is kept, and what is not signed is let through. */
  policy: z.enum(["strict", "lenient"]).default("lenient"),
  /** `fail`: what is not signed as it must be is withheld, and the call has failed. `report`: it is passed on and said to be so. */
  onBadSignature: z.enum(["fail", "report"]).default("fail"),
});
export type PeerTrust = z.infer<typeof peerTrust>;

export const peerSkill = z.object({
  id: z.string().min(1).max(200),
  name: z.string().max(200).optional(),
  description: z.string().max(4_000).optional(),
  /** JSON Schema of its input, an object's. Without one it takes `{input}`, a text. */
  inputSchema: z.record(z.string(), z.json()).optional(),
  tags: z.array(z.string().max(100)).max(50).default([]),
  outputModes: z.array(z.string().max(200)).max(50).default([]),
});
export type PeerSkill = z.infer<typeof peerSkill>;

export const peerName = z.string().trim().min(1).max(120);

const peerFields = {
  name: peerName,
  endpoint: webAddress,
  auth: peerAuth,
  trust: peerTrust,
  /** Null: those of its agent card. */
  skills: z.array(peerSkill).max(BOUNDS.peerSkillsMax.ceiling).nullable(),
  /** What one call costs, in millionths; null where nothing is charged. */
  priceMicros: z.int().nonnegative().max(1_000_000_000_000).nullable(),
  /** For a call as a whole, and never more than the limit. */
  timeoutMs: z.int().min(1_000).max(21_600_000).nullable(),
  /** The peer promises: a message that it is sent twice under one id is one task. */
  deduplicates: z.boolean(),
};

export const createPeerInput = z.object({
  name: peerFields.name,
  /** Absent: `a2a`. It stays what it is. */
  protocol: peerProtocol.optional(),
  endpoint: peerFields.endpoint,
  auth: peerFields.auth.default({ type: "none" }),
  trust: peerFields.trust.prefault({}),
  skills: peerFields.skills.default(null),
  priceMicros: peerFields.priceMicros.default(null),
  timeoutMs: peerFields.timeoutMs.default(null),
  deduplicates: peerFields.deduplicates.default(false),
});
export type CreatePeer = z.infer<typeof createPeerInput>;

/** What is left out stays as it is. Credentials do not move: with another endpoint `auth` is needed, too, unless it holds none. */
export const updatePeerInput = z.object({ peerId, ...z.object(peerFields).partial().shape });
export type UpdatePeer = z.infer<typeof updatePeerInput>;

export const peerInput = z.object({ peerId });

/** A peer that a caller brings along for one turn. Its credentials are sealed, and gone when the turn ends. */
export const inlinePeer = z.object({
  name: peerFields.name,
  endpoint: peerFields.endpoint,
  auth: peerFields.auth.default({ type: "none" }),
  trust: peerFields.trust.prefault({}),
  skills: z.array(peerSkill).max(BOUNDS.peerSkillsMax.ceiling).default([]),
  /** Each of its skills needs an approval once the turn has read what its user did not write. */
  sensitive: z.boolean().optional(),
  /** The task of an earlier call that this one is about. */
  priorTaskId: z.string().min(1).max(500).optional(),
});
export type InlinePeer = z.infer<typeof inlinePeer>;

/** A downstream agent of an organization's registry. */
export interface Peer {
  id: string;
  organizationId: string;
  name: string;
  protocol: PeerProtocol;
  endpoint: string;
  auth: ShownPeerAuth;
  trust: PeerTrust;
  skills: PeerSkill[] | null;
  priceMicros: number | null;
  timeoutMs: number | null;
  deduplicates: boolean;
  createdAt: string;
  updatedAt: string;
}

/** Where a task of a peer's stands. `unknown`: nobody can say whether it was taken up at all. */
export const PEER_STATES = [
  "submitted",
  "working",
  "completed",
  "failed",
  "canceled",
  "rejected",
  "input-required",
  "auth-required",
  "payment-required",
  "trust-verification-required",
  "unknown",
] as const;
export type PeerState = (typeof PEER_STATES)[number];

/** What a peer has used for a call, as it says, or as it is guessed from what was said. */
export interface PeerTokens {
  inputTokens: number;
  outputTokens: number;
  estimated: boolean;
}

/** What came of the signatures of a task's artifacts. */
export interface PeerSignatures {
  ok: boolean;
  signed: number;
  verified: number;
  unsigned: number;
}

/** What a call asks of a peer, as the log tells it. */
export interface PeerRequest {
  /** Null: the caller has brought the peer along. */
  peerId: string | null;
  name: string;
  did: string | null;
  didSource: "pinned" | "observed" | null;
  skill: string | null;
  /** The model's call that it belongs to, and its arguments. */
  callId: string;
  input: Record<string, unknown>;
}

/** What came of it. */
export interface PeerReport {
  state: PeerState;
  /** The task's id at the peer. */
  taskId: string | null;
  /** Null: nothing was checked. */
  signatures: PeerSignatures | null;
  did: string | null;
  didSource: "pinned" | "observed" | null;
  /** Why there is no result, in the gateway's own words. */
  error: string | null;
  tokens?: PeerTokens | undefined;
}
