import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { agentConfig, newId } from "@parley/contracts";
import type { Database } from "@parley/db";
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
interface Kept {
  model: string;
  /** Joker's, then Parley's. */
  agentIds: string[];
}

/** What is there before the gateway starts, so that its settings may name it. */
export interface Seed extends Kept {
  organizationId: string;
  /** The default agent. */
  agentId: string;
  isNew: boolean;
}

interface Seeded {
  local: Local;
  /** What the example agents are called, by id. */
  names: Record<string, string>;
}

/** The organization and example agents of earlier starts where the database still knows them, else new ones. */
export async function planted(database: Database, { state, model }: { state: string; model: string }): Promise<Seed> {
  const seedFile = join(state, "seed.json");
  const former = read<Kept>(seedFile);
  const agentId = former?.agentIds[1] ?? read<Local>(join(state, "local.json"))?.agentId;
  const organizationId = agentId === undefined ? null : await ownerOf(database, agentId);
  if (agentId !== undefined && organizationId !== null)
    return { organizationId, agentId, isNew: false, ...(former ?? { model, agentIds: [] }) };
  const seed = await plant(database, model);
  write(seedFile, { model, agentIds: seed.agentIds });
  return seed;
}

/** Whose agent it is; null where there is none. */
async function ownerOf({ a2a, agents }: Database, agentId: string): Promise<string | null> {
  const card = await a2a.card(agentId);
  const agent = card === null ? null : await agents.find(card.organizationId, agentId, null);
  return agent === null || agent.state === "deleted" ? null : agent.organizationId;
}

async function plant({ organizations, agents }: Database, model: string): Promise<Seed> {
  const organizationId = newId<string>();
  await organizations.create({ id: organizationId, name: "Local" });
  const create = async ({ instructions, ...agent }: typeof JOKER, subAgents: { agentId: string; mode: "sync" }[]) => {
    const config = agentConfig.parse({ instructions, model, subAgents });
    return (await agents.create(organizationId, { id: newId<string>(), ...agent, config })).id;
  };
  const jokerId = await create(JOKER, []);
  const agentId = await create(PARLEY, [{ agentId: jokerId, mode: "sync" }]);
  return { organizationId, agentId, model, agentIds: [jokerId, agentId], isNew: true };
}

/** The key of earlier starts where it still opens the default agent, else a new one; and what the gateway has to know besides. */
export async function seeded(options: {
  state: string;
  url: string;
  adminSecret: string;
  model: string;
  seed: Seed;
  peers: ExamplePeer[];
}): Promise<Seeded> {
  const { state, url, adminSecret, model, seed, peers } = options;
  const { agentId, organizationId } = seed;
  const localFile = join(state, "local.json");
  const api = createGatewayApi(url, adminSecret);

  const former = read<Local>(localFile);
  const isKnown = former !== null && former.agentId === agentId && (await opens(api, former));
  const apiKey = isKnown ? former.apiKey : await newKey(api, organizationId);
  write(join(state, "seed.json"), await inStep(api, { apiKey, seed, model }));
  await registered(api, apiKey, peers);
  const local: Local = { url, apiKey, adminSecret, agentId };
  write(localFile, local);
  return { local, names: { [seed.agentIds[0] ?? ""]: JOKER.name, [agentId]: PARLEY.name } };
}

async function newKey(api: GatewayApi, organizationId: string): Promise<string> {
  const key = await api.admin("/admin/api-keys", { organization_id: organizationId, name: "npm start", scopes: SCOPES });
  return String(key["api_key"]);
}

async function opens(api: GatewayApi, { apiKey, agentId }: Local): Promise<boolean> {
  try {
    await api.query("agent.get", { agentId }, apiKey);
    return true;
  } catch (error) {
    if (error instanceof ApiRefusal && error.status < 500) return false;
    throw error;
  }
}

/** An agent whose model was changed by hand keeps it. */
async function inStep(api: GatewayApi, { apiKey, seed, model }: { apiKey: string; seed: Seed; model: string }): Promise<Kept> {
  const { agentIds, model: former } = seed;
  if (former === model) return { model, agentIds };
  for (const agentId of agentIds) {
    const agent = await api.query("agent.get", { agentId }, apiKey);
    const config = agent["config"] as Record<string, unknown>;
    if (config["model"] !== former) continue;
    await api.mutate("agent.update", { agentId, config: { ...config, model } }, apiKey);
    await api.mutate("agent.deploy", { agentId }, apiKey);
  }
  return { model, agentIds };
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
