import type { ToolDefinition } from "../model/model.ts";
import type { ResultRecord } from "./journal-line.ts";
import type { TurnAgent } from "./turn-store.ts";

/** One call of a tool, as the tool is given it. */
export interface ToolRun {
  /** Checked against the tool's schema. */
  arguments: Record<string, unknown>;
  /** Turn, step and call: the same on every attempt, so that whoever receives it can tell a repeat. */
  key: string;
  /** Where the call comes from. */
  organizationId: string;
  conversationId: string;
  turnId: string;
  executionId: string;
  /** The turn's attributed user, by e-mail address; null where there is none. */
  userEmail: string | null;
  agentId: string;
  /** Aborted when the turn must end; the tool's own time bound is its own affair. */
  signal: AbortSignal;
}

/** Something an agent may do itself, beyond handing work to others. */
export interface AgentTool {
  definition: ToolDefinition;
  /** A call repeated with the same key changes nothing more. Any other call whose outcome was lost is not made again. */
  idempotent: boolean;
  /** Each call waits for a person. */
  needsApproval: boolean;
  /** Whether this call does, where that depends on its arguments. */
  asks?(given: Record<string, unknown>): boolean;
  /** It does so, too, once its execution has read something that its user did not write. */
  sensitive: boolean;
  /** Its definition has words of somebody else's: whoever is offered it has read them. */
  describedByOthers?: true;
  /** Does it. What went wrong outside is a result with `isError`, which the model reads; throws only when the signal is aborted. */
  run(call: ToolRun): Promise<ResultRecord>;
}

/** What an agent may use in one execution. */
export type FindTools = (agent: TurnAgent, place: { organizationId: string; conversationId: string }) => Promise<AgentTool[]>;
