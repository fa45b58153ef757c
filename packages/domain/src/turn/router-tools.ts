import { type Agent, ASK_USER_QUESTIONS_SCHEMA, type DispatchMode } from "@parley/contracts";
import type { ToolDefinition } from "../model/model.ts";
import type { PeerTool } from "../peer/peer-tools.ts";
import type { AgentTool } from "./agent-tool.ts";

export const ASK_TOOL = "ask_user_questions";

/** A downstream agent behind a tool. `mode` is `auto` where the model may choose. */
export interface DispatchTool {
  agent: Agent;
  mode: DispatchMode;
  needsApproval: boolean;
  sensitive: boolean;
}

export interface RouterTools {
  definitions: ToolDefinition[];
  /** By tool name; names are looked up here, never taken apart. */
  dispatch: Map<string, DispatchTool>;
  /** The agent's own tools, by name. */
  own: Map<string, AgentTool>;
  /** Skills of peers, by tool name. */
  peers: Map<string, PeerTool>;
}

const ASK_DEFINITION: ToolDefinition = {
  name: ASK_TOOL,
  description: "Ask the user questions and wait for the answers. Use it only when you cannot go on without them.",
  parameters: ASK_USER_QUESTIONS_SCHEMA,
};

/** The agent's own tools, one tool per downstream agent and per skill of a peer, and the one that asks the user. */
export function routerTools(agents: DispatchTool[], tools: AgentTool[], mayAsk: boolean, skills: PeerTool[] = []): RouterTools {
  const own = new Map<string, AgentTool>();
  // The first of two tools with one name is the one; no tool takes the place of the question.
  for (const tool of tools) if (tool.definition.name !== ASK_TOOL && !own.has(tool.definition.name)) own.set(tool.definition.name, tool);
  const dispatch = new Map<string, DispatchTool>();
  for (const target of agents)
    dispatch.set(
      freeName(target.agent.name, (name) => own.has(name) || dispatch.has(name)),
      target,
    );
  const peers = new Map<string, PeerTool>();
  for (const tool of skills)
    peers.set(
      freeName(skillName(tool), (name) => own.has(name) || dispatch.has(name) || peers.has(name)),
      tool,
    );
  const definitions = [
    ...[...own.values()].map((tool) => tool.definition),
    ...[...dispatch].map(([name, target]) => dispatchDefinition(name, target)),
    ...[...peers].map(([name, { definition }]) => ({ name, ...definition })),
  ];
  return { definitions: mayAsk ? [...definitions, ASK_DEFINITION] : definitions, dispatch, own, peers };
}

/** Only a name to choose from: what it stands for is looked up. */
const skillName = ({ target, skill }: PeerTool): string => `call ${target.name.slice(0, 24)} ${skill?.id ?? ""}`;

function dispatchDefinition(name: string, { agent, mode }: DispatchTool): ToolDefinition {
  const query = { type: "string", description: `What ${agent.name} should do, with all that it needs to know.` };
  const background = { type: "boolean", description: "True: do not wait; the result comes later." };
  return {
    name,
    description: agent.description === "" ? `Hands work to the agent ${agent.name}.` : `${agent.name}: ${agent.description}`,
    parameters: {
      type: "object",
      properties: mode === "auto" ? { query, background } : { query },
      required: ["query"],
      additionalProperties: false,
    },
  };
}

/** Providers take names of letters, digits, `_` and `-`, up to 64 characters. */
function freeName(name: string, isTaken: (name: string) => boolean): string {
  const base =
    name
      .normalize("NFKD")
      .replace(/\p{M}+/gu, "")
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "_")
      .replace(/^_+|_+$/g, "")
      .slice(0, 56) || "agent";
  const first = base === ASK_TOOL ? `agent_${base}` : base;
  let candidate = first;
  for (let number = 2; isTaken(candidate); number += 1) candidate = `${first}_${number}`;
  return candidate;
}
