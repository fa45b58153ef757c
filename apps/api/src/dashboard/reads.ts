import { type Agent, GatewayError, listMemoriesInput } from "@parley/contracts";
import { memoryEntry, memoryFigures } from "../memory-rows.ts";
import { sendJson } from "../send-json.ts";
import type { Call, Door, Handler } from "./call.ts";
import { limitIn, textIn } from "./query.ts";

/** Agents of one answer. */
const AGENTS_MAX = 1_000;

const agentRow = ({ id, name, state, config: { model } }: Agent) => ({
  id,
  name,
  provider: model.includes("/") ? model.slice(0, model.indexOf("/")) : "unknown",
  model: model.slice(model.indexOf("/") + 1) || "unknown",
  status: state,
});

async function agentsOf({ gateway, limits }: Door, { caller }: Call): Promise<Agent[]> {
  const agents: Agent[] = [];
  for (let page = 1; agents.length < AGENTS_MAX; page += 1) {
    const { items, total } = await gateway.listAgents(caller, { page, perPage: limits.pageMax });
    agents.push(...items);
    if (items.length === 0 || agents.length >= total) break;
  }
  return agents.slice(0, AGENTS_MAX);
}

export const listAgents: Handler = async (door, call) =>
  sendJson(call.response, 200, { agents: (await agentsOf(door, call)).map(agentRow) });

/** There are none: nothing here speaks to anybody but through its own doors. */
export const listChannels: Handler = async (_door, { response }) => sendJson(response, 200, { channels: [] });

export const listActivity: Handler = async ({ gateway }, { request, response, caller }) => {
  const events = await gateway.listActivity(caller, limitIn(request, { standard: 50, max: 100 }));
  const entries = events.map(({ id, type, payload, at }) => ({ id, event: type, payload, timestamp: Date.parse(at) }));
  sendJson(response, 200, { entries, count: entries.length });
};

export const searchMemory: Handler = async ({ gateway, limits }, { request, response, caller }) => {
  const query = textIn(request, "q");
  if (query === undefined) throw new GatewayError("bad_request", { text: "Missing required query parameter: q" });
  const perPage = Math.min(limitIn(request, { standard: 10, max: 100 }), limits.pageMax);
  const wanted = listMemoriesInput.safeParse({ query, perPage });
  if (!wanted.success) throw new GatewayError("bad_request", { text: "The query parameter q is too long" });
  const { items } = await gateway.listMemories(caller, wanted.data);
  // Best first; their order is all that is known of how well they fit.
  sendJson(response, 200, { results: items.map((memory, index) => ({ ...memoryEntry(memory), score: 1 / (index + 1) })) });
};

export const memoryStats: Handler = async ({ administration }, { response, caller }) =>
  sendJson(response, 200, { stats: memoryFigures(await administration.memoryFigures(caller, {})) });
