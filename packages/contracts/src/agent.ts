import { z } from "zod";
import { agentId, peerId } from "./ids.ts";
import { BOUNDS } from "./limits.ts";
import { memoryConfig } from "./memory-config.ts";
import { queried, rowNumber } from "./row-number.ts";

/** `sync`: the turn waits for the child. `async`: the id at once, the result later. `auto`: the model chooses. */
export const dispatchMode = z.enum(["sync", "async", "auto"]);
export type DispatchMode = z.infer<typeof dispatchMode>;

export const subAgent = z.object({
  agentId,
  mode: dispatchMode.default("auto"),
  /** Each call waits for a person's approval. */
  needsApproval: z.boolean().default(false),
  /** Needs an approval, too, once the turn has read something that its user did not write. */
  sensitive: z.boolean().default(false),
});

/** A peer that an agent may hand work to: each of its skills is a tool. */
export const agentPeer = z.object({
  peerId,
  /** Ids of the skills that are offered; all of them when absent. */
  skills: z.array(z.string().min(1).max(200)).min(1).max(256).optional(),
  mode: z.enum(["sync", "async"]).default("sync"),
  needsApproval: z.boolean().default(false),
  /** Needs an approval, too, once the turn has read something that its user did not write. */
  sensitive: z.boolean().default(false),
});
export type AgentPeer = z.infer<typeof agentPeer>;

/** How a credential is asked for that the operator has given the gateway for tools. */
export const toolSecretName = z.string().regex(/^[A-Za-z0-9_.-]{1,64}$/);

/**
 * A tool behind an address: its arguments are posted as JSON with an `Idempotency-Key` that names the turn, step and call. The body of
 * a 2xx is the result, any other answer is an error that the model reads.
 */
export const httpTool = z.object({
  name: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
  description: z.string().max(4_000).default(""),
  /** The arguments' JSON Schema, an object's. */
  parameters: z.record(z.string(), z.json()).default({ type: "object" }),
  url: z.url({ protocol: /^https?$/ }).max(2_048),
  /** A repeated call with the same key changes nothing more: it may be sent again when its outcome is unknown. */
  idempotent: z.boolean().default(false),
  needsApproval: z.boolean().default(false),
  /** Needs an approval, too, once the turn has read something that its user did not write. */
  sensitive: z.boolean().default(false),
  /** What it answers is the organization's own word: it stands without marks, and taints nothing. */
  resultTrusted: z.boolean().default(false),
  /** Its name: it is sent along if the organization may use it and it is bound to the address's host; else no call is made. */
  secret: toolSecretName.optional(),
  timeoutMs: z.int().min(100).max(600_000).default(60_000),
});
export type HttpTool = z.infer<typeof httpTool>;

export const recipePermission = z.enum(["allow", "deny", "ask"]);
export type RecipePermission = z.infer<typeof recipePermission>;
const RECIPE_RULES_MAX = 64;

/** Seconds that a card waits, or null for as long as it takes. */
const cardExpiry = z.int().positive().max(31_536_000).nullable().default(null);

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
  peers: z.array(agentPeer).max(BOUNDS.peersPerAgentMax.ceiling).default([]),
  /** All that it is asked goes to this peer as it is, and what the peer says is its answer: no model of ours is asked. */
  relayTo: peerId.optional(),
  tools: z.array(httpTool).max(BOUNDS.toolsMax.ceiling).default([]),
  questionsExpireAfterSeconds: cardExpiry,
  approvalsExpireAfterSeconds: cardExpiry,
  /** Whether the model may ask the user with `ask_user_questions`. */
  mayAsk: z.boolean().default(true),
  /** Whether an async child's result starts a turn of its own once it is there. */
  wakeOnAsyncResult: z.boolean().default(false),
  /** Which recipes it may load, by patterns of their names with `*`; the last that fits counts. `ask`: each time a person approves it. */
  recipes: z
    .record(z.string().min(1).max(120), recipePermission)
    .refine((rules) => Object.keys(rules).length <= RECIPE_RULES_MAX, { message: `At most ${RECIPE_RULES_MAX} patterns.` })
    .default({}),
  memory: memoryConfig.prefault({}),
  /** Steps that it takes at most; never more than `stepsPerTurnMax`. */
  stepsMax: z.int().positive().max(BOUNDS.stepsPerTurnMax.ceiling).default(20),
});
export type AgentConfig = z.infer<typeof agentConfig>;
/** The same as callers write it: what is left out has its default. */
export type AgentConfigInput = z.input<typeof agentConfig>;

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
export const agentVersion = z.union([z.literal("draft"), queried(rowNumber)]);
export type AgentVersion = z.infer<typeof agentVersion>;

/** `suspended`: it takes nothing new. `deleted`: only turns under way still know it. */
export type AgentState = "active" | "suspended" | "deleted";

export interface Agent {
  id: string;
  organizationId: string;
  name: string;
  description: string;
  /** The deployed version's number, counting from 1. */
  version: number;
  state: AgentState;
  config: AgentConfig;
  createdAt: string;
}
