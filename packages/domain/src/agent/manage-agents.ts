import { type Agent, type AgentConfig, type AgentId, GatewayError, newId } from "@parley/contracts";
import { checkPage } from "../check-page.ts";
import type { Gateway } from "../gateway.ts";
import type { GatewayContext } from "../gateway-ports.ts";
import { runOnce } from "../idempotency/run-once.ts";
import type { Caller } from "../identity/caller.ts";
import { checkConfig } from "./check-config.ts";
import { findAgent } from "./find-agent.ts";

type ManageAgents = Pick<
  Gateway,
  "createAgent" | "updateAgent" | "deployAgent" | "suspendAgent" | "resumeAgent" | "deleteAgent" | "getAgent" | "listAgents"
>;

export const manageAgents = (context: GatewayContext): ManageAgents => ({
  createAgent: (caller, input, once) => runOnce(context, caller, once, { input, run: (bound) => createAgent(bound, caller, input) }),
  updateAgent: (caller, input, once) => runOnce(context, caller, once, { input, run: (bound) => updateAgent(bound, caller, input) }),
  deployAgent: (caller, input, once) => runOnce(context, caller, once, { input, run: (bound) => deployAgent(bound, caller, input) }),
  suspendAgent: (caller, input, once) =>
    runOnce(context, caller, once, { input, run: (bound) => moveAgent(bound, caller, input, "suspended") }),
  resumeAgent: (caller, input, once) =>
    runOnce(context, caller, once, { input, run: (bound) => moveAgent(bound, caller, input, "active") }),
  async deleteAgent(caller, input, once) {
    await runOnce(context, caller, once, { input, run: (bound) => deleteAgent(bound, caller, input) });
  },
  getAgent: (caller, agentId, version) => findAgent(context, caller, agentId, version),
  async listAgents(caller, page) {
    checkPage(page, context.limits);
    return context.agents.list(caller.organizationId, { ...page, agentIds: caller.agentIds === null ? null : [...caller.agentIds] });
  },
});

async function check(context: GatewayContext, caller: Caller, config: AgentConfig): Promise<void> {
  checkConfig(config, context.limits);
  for (const { agentId } of config.subAgents) await findAgent(context, caller, agentId);
  const named = [...new Set([...config.peers.map(({ peerId }) => peerId), ...(config.relayTo === undefined ? [] : [config.relayTo])])];
  const found = await context.peers.find(caller.organizationId, named);
  // One that is another organization's is as little there as one that nobody has.
  if (found.length < named.length) throw new GatewayError("not_found");
}

async function changed(context: GatewayContext, caller: Caller, agentId: string, version?: "draft"): Promise<Agent> {
  context.catalog.forget(agentId);
  return findAgent(context, caller, agentId, version);
}

async function createAgent(
  context: GatewayContext,
  caller: Caller,
  { name, description, config }: Parameters<Gateway["createAgent"]>[1],
): Promise<Agent> {
  // A key for some agents only could not use the one it makes.
  if (caller.agentIds !== null) throw new GatewayError("missing_scope");
  await check(context, caller, config);
  return context.agents.create(caller.organizationId, { id: newId<AgentId>(), name, description, config });
}

async function updateAgent(
  context: GatewayContext,
  caller: Caller,
  { agentId, name, description, config }: Parameters<Gateway["updateAgent"]>[1],
): Promise<Agent> {
  context.catalog.forget(agentId);
  const draft = await findAgent(context, caller, agentId, "draft");
  if (config !== undefined) await check(context, caller, config);
  await context.agents.saveDraft(caller.organizationId, agentId, {
    name: name ?? draft.name,
    description: description ?? draft.description,
    config: config ?? draft.config,
  });
  return changed(context, caller, agentId, "draft");
}

async function deployAgent(context: GatewayContext, caller: Caller, agentId: string): Promise<Agent> {
  await findAgent(context, caller, agentId);
  await context.agents.deploy(caller.organizationId, agentId);
  return changed(context, caller, agentId);
}

/** Asked for twice, it stays as it is. */
async function moveAgent(context: GatewayContext, caller: Caller, agentId: string, to: "active" | "suspended"): Promise<Agent> {
  await findAgent(context, caller, agentId);
  await context.agents.setState(caller.organizationId, agentId, { from: ["active", "suspended"], to });
  return changed(context, caller, agentId);
}

/** Its turns under way end by themselves, and what was said with it stays. */
async function deleteAgent(context: GatewayContext, caller: Caller, agentId: string): Promise<{ deleted: true }> {
  await findAgent(context, caller, agentId);
  const deleted = await context.agents.setState(caller.organizationId, agentId, { from: ["active", "suspended"], to: "deleted" });
  context.catalog.forget(agentId);
  if (!deleted) throw new GatewayError("not_found");
  return { deleted };
}
