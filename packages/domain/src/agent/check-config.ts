import { type AgentConfig, type ErrorIssue, GatewayError, type HttpTool, type Limits, unreadableParameters } from "@parley/contracts";
import { ASK_TOOL } from "../turn/router-tools.ts";

/**
 * Holds an agent's configuration against the limits. Throws `invalid_input` with every member that is beyond them, and with every
 * tool that could never be called.
 * Steps need no check: a turn takes the smaller of the two bounds.
 */
export function checkConfig({ instructions, fallbackModels, subAgents, peers, tools }: AgentConfig, limits: Limits): void {
  const { messageCharsMax, fallbackModelsMax, subAgentsMax, peersPerAgentMax, toolsMax } = limits;
  const issues = [
    beyond("instructions", instructions.length, messageCharsMax, "characters"),
    beyond("fallbackModels", fallbackModels.length, fallbackModelsMax, "models"),
    beyond("subAgents", subAgents.length, subAgentsMax, "agents"),
    beyond("peers", peers.length, peersPerAgentMax, "peers"),
    beyond("tools", tools.length, toolsMax, "tools"),
    tools.flatMap(unusable),
  ].flat();
  if (issues.length > 0) throw new GatewayError("invalid_input", { issues });
}

const beyond = (member: keyof AgentConfig, size: number, max: number, unit: string): ErrorIssue[] =>
  size > max ? [{ path: ["config", member], code: "too_big", message: `At most ${max} ${unit}.` }] : [];

function unusable({ name, parameters }: HttpTool, index: number, tools: HttpTool[]): ErrorIssue[] {
  const issue = (member: keyof HttpTool, message: string) => ({ path: ["config", "tools", index, member], code: "custom", message });
  const isTaken = name === ASK_TOOL || tools.findIndex((tool) => tool.name === name) < index;
  const unreadable = unreadableParameters(parameters);
  return [isTaken ? [issue("name", "The name is taken.")] : [], unreadable === null ? [] : [issue("parameters", unreadable)]].flat();
}
