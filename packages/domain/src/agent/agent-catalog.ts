import type { Agent } from "@parley/contracts";
import type { Clock } from "../clock.ts";
import type { AgentStore } from "./agent-store.ts";

/** How long a change of an agent may take to be seen by every process. */
const FRESH_MS = 5_000;
const ENTRIES_MAX = 10_000;

/** Finds agents; asks the store at most once per `FRESH_MS` for each, and never remembers that one is missing. */
export type FindAgent = (organizationId: string, agentId: string, version: number | null) => Promise<Agent | null>;

export interface AgentCatalog {
  find: FindAgent;
  /** This process has changed the agent: the next look is a fresh one. */
  forget(agentId: string): void;
}

export function createAgentCatalog(store: AgentStore, clock: Clock): AgentCatalog {
  const known = new Map<string, { agent: Promise<Agent | null>; until: number }>();

  return {
    find(organizationId, agentId, version) {
      const key = `${agentId} ${organizationId} ${version ?? "latest"}`;
      const entry = known.get(key);
      if (entry !== undefined && entry.until > clock.monotonicMs()) return entry.agent;
      const agent = store.find(organizationId, agentId, version);
      known.delete(key);
      known.set(key, { agent, until: clock.monotonicMs() + FRESH_MS });
      const oldest = known.keys().next().value;
      if (known.size > ENTRIES_MAX && oldest !== undefined) known.delete(oldest);
      const forget = () => known.get(key)?.agent === agent && known.delete(key);
      agent.then((found) => found ?? forget(), forget);
      return agent;
    },
    forget(agentId) {
      for (const key of known.keys()) if (key.startsWith(agentId)) known.delete(key);
    },
  };
}
