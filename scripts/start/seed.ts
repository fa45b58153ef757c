import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { JOKER, PARLEY } from "./example-agents.ts";
import { type ExamplePeer, registered } from "./example-peers.ts";
import { ApiRefusal, createGatewayApi, type GatewayApi } from "./gateway-api.ts";

const SCOPES = ["conversations:read", "conversations:write", "agents:read", "agents:write", "approvals", "admin", "api", "rpc"];

/** What scripts and the command line need to talk to this checkout's gateway: `.parley/local.json`. */
export interface Local {
  url: string;
  apiKey: string;
  adminSecret: string;
  /** The default agent. */
  agentId: string;
}

/** What the example agents were given, so that a key set later can give them a better model. */
interface Seed {
  model: string;
  /** Joker's, then Parley's. */
  agentIds: string[];
}

interface Seeded {
  local: Local;
  /** What the example agents are called, by id. */
  names: Record<string, string>;
  isNew: boolean;
}

/** The organization, key and example agents of earlier starts where the database still knows them, else new ones. */
export async function seeded(options: {
  state: string;
  url: string;
  adminSecret: string;
  model: string;
  peers: ExamplePeer[];
}): Promise<Seeded> {
  const { state, url, adminSecret, model, peers } = options;
  const localFile = join(state, "local.json");
  const seedFile = join(state, "seed.json");
  const api = createGatewayApi(url, adminSecret);

  const former = read<Local>(localFile);
  const isKnown = former !== null && (await knows(api, former));
  const { local, seed } = isKnown ? await kept(api, former, read<Seed>(seedFile), model) : await planted(api, model);
  await registered(api, local.apiKey, peers);
  const whole: Local = { url, apiKey: local.apiKey, adminSecret, agentId: local.agentId };
  write(localFile, whole);
  write(seedFile, seed);
  return { local: whole, names: { [seed.agentIds[0] ?? ""]: JOKER.name, [whole.agentId]: PARLEY.name }, isNew: !isKnown };
}

async function knows(api: GatewayApi, { apiKey, agentId }: Local): Promise<boolean> {
  try {
    await api.query("agent.get", { agentId }, apiKey);
    return true;
  } catch (error) {
    if (error instanceof ApiRefusal && error.status < 500) return false;
    throw error;
  }
}

async function planted(api: GatewayApi, model: string): Promise<{ local: Pick<Local, "apiKey" | "agentId">; seed: Seed }> {
  const organization = await api.admin("/admin/organizations", { name: "Local" });
  const key = await api.admin("/admin/api-keys", { organization_id: organization["id"], name: "npm start", scopes: SCOPES });
  const apiKey = String(key["api_key"]);
  const create = async ({ instructions, ...agent }: typeof JOKER, subAgents: object[]) => {
    const created = await api.mutate("agent.create", { ...agent, config: { instructions, model, subAgents } }, apiKey);
    return String(created["id"]);
  };
  const jokerId = await create(JOKER, []);
  const agentId = await create(PARLEY, [{ agentId: jokerId, mode: "sync" }]);
  return { local: { apiKey, agentId }, seed: { model, agentIds: [jokerId, agentId] } };
}

/** An agent whose model was changed by hand keeps it. */
async function kept(api: GatewayApi, local: Local, former: Seed | null, model: string): Promise<{ local: Local; seed: Seed }> {
  if (former === null || former.model === model) return { local, seed: former ?? { model, agentIds: [] } };
  for (const agentId of former.agentIds) {
    const agent = await api.query("agent.get", { agentId }, local.apiKey);
    const config = agent["config"] as Record<string, unknown>;
    if (config["model"] !== former.model) continue;
    await api.mutate("agent.update", { agentId, config: { ...config, model } }, local.apiKey);
    await api.mutate("agent.deploy", { agentId }, local.apiKey);
  }
  return { local, seed: { ...former, model } };
}

function read<Content>(file: string): Content | null {
  if (!existsSync(file)) return null;
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Content;
  } catch {
    return null;
  }
}

function write(file: string, content: object): void {
  writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  chmodSync(file, 0o600);
}
