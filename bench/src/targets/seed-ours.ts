const SCOPES = ["conversations:read", "conversations:write", "agents:read", "agents:write"];

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

/** Makes an organization, a key, and one agent per script that does nothing but answer with it. */
export async function seedOurs(
  origin: string,
  adminSecret: string,
  scripts: readonly string[],
): Promise<{ apiKey: string; agents: Map<string, string> }> {
  const operator = { "x-admin-secret": adminSecret };
  const organization = (await post(`${origin}/admin/organizations`, operator, { name: "Bench" })) as { id: string };
  const key = (await post(`${origin}/admin/api-keys`, operator, { organization_id: organization.id, name: "bench", scopes: SCOPES })) as {
    api_key: string;
  };
  const agents = new Map<string, string>();
  for (const script of scripts) {
    const created = (await post(
      `${origin}/trpc/agent.create`,
      { "x-api-key": key.api_key },
      { name: script, config: { model: `custom/${script}`, mayAsk: false } },
    )) as {
      result: { data: { id: string } };
    };
    agents.set(script, created.result.data.id);
  }
  return { apiKey: key.api_key, agents };
}
