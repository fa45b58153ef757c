import type { Agent, AgentConfig, AgentState, Page, PageQuery } from "@parley/contracts";

export interface AgentStore {
  /** `version` null: the deployed one; 0: the draft, or the deployed one where nothing was drafted since. Deleted agents are found, too. */
  find(organizationId: string, agentId: string, version: number | null): Promise<Agent | null>;
  /** Those that are not deleted, oldest first. `agentIds` null: all of them. */
  list(organizationId: string, filter: PageQuery & { agentIds: string[] | null }): Promise<Page<Agent>>;
  /** One that is there already stays as it is, and is the answer. */
  create(organizationId: string, agent: { id: string; name: string; description: string; config: AgentConfig }): Promise<Agent>;
  saveDraft(organizationId: string, agentId: string, agent: { name: string; description: string; config: AgentConfig }): Promise<void>;
  /** Makes the draft the next version. False when there is none. */
  deploy(organizationId: string, agentId: string): Promise<boolean>;
  /** False where it is in none of the states `from`. */
  setState(organizationId: string, agentId: string, change: { from: AgentState[]; to: AgentState }): Promise<boolean>;
}
