import { uuidV7 } from "./uuid-v7.ts";

export interface SpikeTurn {
  organizationId: string;
  conversationId: string;
  agentId: string;
  messageId: string;
  turnId: string;
}

/** The parts of a turn that touch Postgres, in order. Each resolves when its commit is done. */
export interface Variant {
  name: string;
  roundTrips: number;
  commits: number;
  admit(turn: SpikeTurn): Promise<void>;
  /** Null where the parts before and after are all there is. */
  claim: ((turn: SpikeTurn) => Promise<number>) | null;
  finish(turn: SpikeTurn, epoch: number): Promise<void>;
}

export const QUESTION = { text: "Tell me something about the sea, and keep it short, please." };
export const ANSWER = Array.from({ length: 64 }, (_, index) => `token-${index} `).join("");
export const LEASE_MS = 10_000;

const ORGANIZATIONS = Array.from({ length: 8 }, () => uuidV7());
const AGENT = uuidV7();

export const newTurn = (index: number): SpikeTurn => ({
  organizationId: ORGANIZATIONS[index % ORGANIZATIONS.length] ?? AGENT,
  conversationId: uuidV7(),
  agentId: AGENT,
  messageId: uuidV7(),
  turnId: uuidV7(),
});
