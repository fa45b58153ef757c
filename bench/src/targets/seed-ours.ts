import { FAN_OUT, SCRIPTS } from "../harness/scripts.ts";
import { type Script, scriptName } from "../upstream/script.ts";

const SCOPES = ["conversations:read", "conversations:write", "agents:read", "agents:write", "api"];

async function post(url: string, headers: Record<string, string>, body: object): Promise<unknown> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${text.slice(0, 300)}`);
  return JSON.parse(text);
}

/** Makes an organization, a key, one agent per script that does nothing but answer with it, and one that hands work on. */
export async function seedOurs(
  origin: string,
  adminSecret: string,
): Promise<{ organizationId: string; apiKey: string; agents: Map<string, string> }> {
  const operator = { "x-admin-secret": adminSecret };
  const organization = (await post(`${origin}/admin/organizations`, operator, { name: "Bench" })) as { id: string };
  const key = (await post(`${origin}/admin/api-keys`, operator, { organization_id: organization.id, name: "bench", scopes: SCOPES })) as {
    api_key: string;
  };
  const agents = new Map<string, string>();
  const create = async (script: Script, config: object = {}): Promise<void> => {
    const name = scriptName(script);
    const body = { name, config: { model: `custom/${name}`, mayAsk: false, ...config } };
    const created = await post(`${origin}/trpc/agent.create`, { "x-api-key": key.api_key }, body);
    agents.set(name, (created as { result: { data: { id: string } } }).result.data.id);
  };
  for (const script of Object.values(SCRIPTS)) await create(script);
  await create(FAN_OUT, { subAgents: [{ agentId: agents.get(scriptName(SCRIPTS.endless)), mode: "auto" }] });
  return { organizationId: organization.id, apiKey: key.api_key, agents };
}
