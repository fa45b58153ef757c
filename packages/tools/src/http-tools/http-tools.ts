import type { AgentTool, FindTools } from "@parley/domain";
import type { EgressFetch } from "@parley/egress";
import { runHttpTool } from "./run-http-tool.ts";

interface HttpToolsOptions {
  /** The egress's. */
  fetch: EgressFetch;
}

/** The tools that an agent's configuration names by their addresses. Nothing is asked of them before they are run. */
export const createHttpTools =
  ({ fetch }: HttpToolsOptions): FindTools =>
  async (agent) =>
    agent.config.tools.map(
      (tool): AgentTool => ({
        definition: { name: tool.name, description: tool.description, parameters: tool.parameters },
        idempotent: tool.idempotent,
        needsApproval: tool.needsApproval,
        run: (call) => runHttpTool(tool, call, fetch),
      }),
    );
