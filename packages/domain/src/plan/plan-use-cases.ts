import type { Agent, RecipePermission } from "@parley/contracts";
import type { Caller } from "../identity/caller.ts";

/** What the operator says of the built-in planner. */
export interface PlannerSettings {
  /** `<provider>/<model>`, the first and its fallbacks. */
  models: readonly [string, ...string[]];
  stepsMax: number;
  /** Which recipes it may load. */
  recipes: Record<string, RecipePermission>;
}

export interface PlanUseCases {
  /**
   * The agent that plans for the caller: the organization's built-in one, made where there is none yet and kept in step with the settings; for a
   * key of a single agent, that one. Throws `missing_scope` for a key of several others.
   */
  findPlanner(caller: Caller): Promise<Agent>;
  /**
   * The conversation behind a session's id: one of this agent's that has it as its own id, else the one that the id stands for with this principal. A
   * new one gets an id, and begins with its first message.
   */
  openSession(caller: Caller, session: { agentId: string; sessionId: string }): Promise<string>;
}
