import { type AgentConfig, type ErrorIssue, GatewayError, type Limits } from "@parley/contracts";

/**
 * Holds an agent's configuration against the limits. Throws `invalid_input` with every member that is beyond them.
 * Steps need no check: a turn takes the smaller of the two bounds.
 */
export function checkConfig({ instructions, fallbackModels, subAgents }: AgentConfig, limits: Limits): void {
  const { messageCharsMax, fallbackModelsMax, subAgentsMax } = limits;
  const issues = [
    beyond("instructions", instructions.length, messageCharsMax, "characters"),
    beyond("fallbackModels", fallbackModels.length, fallbackModelsMax, "models"),
    beyond("subAgents", subAgents.length, subAgentsMax, "agents"),
  ].flat();
  if (issues.length > 0) throw new GatewayError("invalid_input", { issues });
}

const beyond = (member: keyof AgentConfig, size: number, max: number, unit: string): ErrorIssue[] =>
  size > max ? [{ path: ["config", member], code: "too_big", message: `At most ${max} ${unit}.` }] : [];
