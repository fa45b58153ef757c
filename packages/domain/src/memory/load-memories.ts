import type { Memory } from "@parley/contracts";
import type { EmbeddingUse } from "../billing/meter-embedding.ts";
import type { TurnAgent } from "../turn/turn-store.ts";
import { embedTexts } from "./embed-texts.ts";
import { memoryPlaces } from "./memory-places.ts";
import type { MemoryPorts } from "./memory-ports.ts";
import { searchWords } from "./search-words.ts";

interface LoadFacts {
  organizationId: string;
  agent: TurnAgent;
  userEmail: string | null;
  /** What the user says now. */
  text: string;
  signal: AbortSignal;
  use: EmbeddingUse;
}

const LOADED_MAX = 12;
/** Of a message, to find what belongs to it. */
const QUERY_CHARS_MAX = 2_000;

/** What an agent is told of its memory in this turn: all of it while it is small, else what fits the message best. */
export async function loadMemories(
  ports: MemoryPorts,
  { organizationId, agent, userEmail, text, signal, use }: LoadFacts,
): Promise<Memory[]> {
  const { memory } = agent.config;
  if (!memory.remember && !memory.learn) return [];
  const places = memoryPlaces(memory.scopes, { organizationId, agentId: agent.id, userEmail });
  const found = await ports.memories.count(organizationId, places, LOADED_MAX + 1);
  if (found === 0) return [];
  const query = text.slice(0, QUERY_CHARS_MAX);
  const [embedding = null] = found > LOADED_MAX && query !== "" ? await embedTexts(ports, { texts: [query], signal, use }) : [];
  const memories = await ports.memories.search(organizationId, { places, words: searchWords(query), embedding, max: LOADED_MAX });
  return fitting(memories, ports.limits.memoryPromptCharsMax);
}

function fitting(memories: Memory[], charsMax: number): Memory[] {
  let chars = 0;
  return memories.filter(({ text }) => {
    if (chars + text.length > charsMax) return false;
    chars += text.length;
    return true;
  });
}
