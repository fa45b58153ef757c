import type { AgentName } from "../../../chaos/arena/open-slot.ts";
import { emptyLedger, type Ledger } from "../../../chaos/trial/ledger.ts";
import { openTalk, type Talk } from "../../../chaos/trial/talk.ts";
import { type Door, followAlong, type Reading } from "./follow-along.ts";
import type { Stage } from "./open-stage.ts";

/** Conversations of one trial, and what their readers were told. */
export interface Crowd {
  /** Starts the text of each of their messages; no other crowd's does. */
  marker: string;
  talks: Talk[];
  readings: Reading[];
  ledger: Ledger;
  /** Where the crowd begins in the model's journal. */
  callsFrom: number;
}

const DOORS: readonly Door[] = ["rest", "sse", "websocket"];
const TOKEN_MS = 40;
/** So few that no conversation grows long enough for a summary. */
const TOKENS_MAX = 75;
let crowds = 0;

/** So much text in small pieces, `<tokens><between><ms between>`, that it takes about as long. */
export function tokensFor(ms: number, between: string): string {
  const tokens = Math.min(TOKENS_MAX, Math.ceil(ms / TOKEN_MS));
  return `${tokens}${between}${Math.ceil(ms / tokens)}`;
}
export const sayFor = (ms: number): string => `say:${tokensFor(ms, ":")}`;

export const emptyCrowd = ({ system }: Stage): Crowd => ({
  marker: `t${++crowds}.`,
  talks: [],
  readings: [],
  ledger: emptyLedger(),
  callsFrom: system.model.journal.length,
});

interface Joining {
  /** Of the conversation: its messages are `<name>m0`, `<name>m1` and so on. */
  name: string;
  /** What its messages have the model do. */
  messages: string[];
  /** Default `router`. */
  agent?: AgentName;
}

/** Begins a conversation: says all of it at once, with a reader from the first message on. */
export async function joinCrowd(stage: Stage, crowd: Crowd, { name, messages, agent = "router" }: Joining): Promise<Talk> {
  const { slot, caller } = stage;
  const talk = openTalk({ slot, agent, caller, ledger: crowd.ledger });
  crowd.talks.push(talk);
  for (const [index, steps] of messages.entries()) {
    await sayNext(crowd, talk, { name: `${name}m${index}`, steps });
    const { conversationId } = talk;
    if (index > 0 || conversationId === null) continue;
    const door = DOORS[crowd.readings.length % DOORS.length] ?? "rest";
    crowd.readings.push(followAlong(stage, { conversationId, agentId: slot.agents[agent], door }));
  }
  return talk;
}

/** Says one more thing in a conversation of the crowd. */
export function sayNext({ marker }: Crowd, talk: Talk, { name, steps }: { name: string; steps: string }): Promise<void> {
  return talk.say({ text: `${marker}${name} ${steps}`, mode: "auto", key: `${marker}${name}` });
}
