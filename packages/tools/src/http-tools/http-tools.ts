import type { Limits } from "@parley/contracts";
import type { AgentTool, FindTools } from "@parley/domain";
import type { EgressFetch } from "@parley/egress";
import type { ToolSecret } from "../tool-secrets.ts";
import { runHttpTool } from "./run-http-tool.ts";

interface HttpToolsOptions {
  limits: Pick<Limits, "toolsMax" | "toolResultCharsMax">;
  /** The egress's, which has the secrets, too. */
  fetch: EgressFetch;
  secrets: ToolSecret[];
}

/** The tools that an agent's configuration names by their addresses. Nothing is asked of them before they are run. */
export const createHttpTools =
  ({ fetch, limits, secrets }: HttpToolsOptions): FindTools =>
  async (agent) =>
    agent.config.tools.slice(0, limits.toolsMax).map(
      (tool): AgentTool => ({
        definition: { name: tool.name, description: tool.description, parameters: tool.parameters },
        idempotent: tool.idempotent,
        needsApproval: tool.needsApproval,
        sensitive: tool.sensitive,
        run: (call) => runHttpTool(tool, call, { fetch, secrets, resultCharsMax: limits.toolResultCharsMax }),
      }),
    );
