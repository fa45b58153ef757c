import { z } from "zod";
import { agentId } from "./ids.ts";
import { BOUNDS } from "./limits.ts";

/** `sync`: the turn waits for the child. `async`: the id at once, the result later. `auto`: the model chooses. */
export const dispatchMode = z.enum(["sync", "async", "auto"]);
export type DispatchMode = z.infer<typeof dispatchMode>;

export const subAgent = z.object({ agentId, mode: dispatchMode.default("auto") });

/**
 * What an agent is, one version of it. A model is named `<provider>/<model>`, for example `local/chat`. Lists and texts
 * are held to the limits where an agent is saved; here only to their ceilings.
 */
export const agentConfig = z.object({
  instructions: z.string().max(BOUNDS.messageCharsMax.ceiling).default(""),
  model: z.string().min(1).max(200).default("local/chat"),
  fallbackModels: z.array(z.string().min(1).max(200)).max(BOUNDS.fallbackModelsMax.ceiling).default([]),
  temperature: z.number().min(0).max(2).optional(),
  maxOutputTokens: z.int().positive().max(1_000_000).optional(),
  reasoningEffort: z.enum(["low", "medium", "high", "xhigh"]).optional(),
  subAgents: z.array(subAgent).max(BOUNDS.subAgentsMax.ceiling).default([]),
  /** Whether the model may ask the user with `ask_user_questions`. */
  mayAsk: z.boolean().default(true),
  /** Whether an async child's result starts a turn of its own once it is there. */
  wakeOnAsyncResult: z.boolean().default(false),
  /** Steps that it takes at most; never more than `stepsPerTurnMax`. */
  stepsMax: z.int().positive().max(BOUNDS.stepsPerTurnMax.ceiling).default(20),
});
export type AgentConfig = z.infer<typeof agentConfig>;

export const agentName = z.string().trim().min(1).max(120);

export const createAgentInput = z.object({
  name: agentName,
  description: z.string().max(2_000).default(""),
  config: agentConfig.prefault({}),
});
export const updateAgentInput = z.object({
  agentId,
  name: agentName.optional(),
  description: z.string().max(2_000).optional(),
  config: agentConfig.optional(),
});

/** `latest` is the newest deployed version, `draft` what was saved but not deployed yet. */
export const agentVersion = z.union([z.literal("draft"), z.coerce.number().int().positive()]);
export type AgentVersion = z.infer<typeof agentVersion>;

export interface Agent {
  id: string;
  organizationId: string;
  name: string;
  description: string;
  /** The deployed version's number, counting from 1. */
  version: number;
  config: AgentConfig;
  createdAt: string;
}
