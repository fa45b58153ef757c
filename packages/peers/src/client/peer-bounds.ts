import type { Limits } from "@parley/contracts";

/** What a peer may cost us. */
export type PeerBounds = Pick<Limits, "peerBytesMax" | "peerArtifactsMax" | "peerResultCharsMax" | "peerSkillsMax" | "peerAwayMs">;
