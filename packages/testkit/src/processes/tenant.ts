import { type AgentConfigInput, SCOPES, type Scope } from "@parley/contracts";
import { createRestClient, type RestClient } from "./rest-client.ts";

/** An organization of a running system, with a key that may do everything in it. */
export interface Tenant {
  organizationId: string;
  apiKey: string;
  /** Another key of the organization. */
  newKey(key: { scopes: Scope[]; agentIds?: string[] }): Promise<string>;
  /** An agent on the scripted model. Gives its id. */
  newAgent(config?: AgentConfigInput & { name?: string; description?: string }): Promise<string>;
}

const answered = (answer: { status: number; text: string; body: unknown }): unknown => {
  if (answer.status >= 300) throw new Error(`The gateway answered ${answer.status}: ${answer.text}`);
  return answer.body;
};

/** Makes an organization and its first key through the operator's routes. */
export async function createTenant(url: string, adminSecret: string, name: string): Promise<Tenant> {
  const operator: RestClient = createRestClient(url, null);
  const headers = { "x-admin-secret": adminSecret };
  const organization = answered(await operator.call("/admin/organizations", { body: { name }, headers })) as { id: string };
  const newKey: Tenant["newKey"] = async ({ scopes, agentIds }) => {
    const body = { organization_id: organization.id, name: "test", scopes, agent_ids: agentIds ?? null };
    return (answered(await operator.call("/admin/api-keys", { body, headers })) as { api_key: string }).api_key;
  };
  const apiKey = await newKey({ scopes: [...SCOPES] });
  const rest = createRestClient(url, apiKey);
  return {
    organizationId: organization.id,
    apiKey,
    newKey,
    async newAgent({ name = "Agent", description = "", ...config } = {}) {
      const body = { name, description, config: { model: "custom/scripted", mayAsk: false, ...config } };
      return (answered(await rest.call("/trpc/agent.create", { body })) as { result: { data: { id: string } } }).result.data.id;
    },
  };
}
