import type { Limits } from "@parley/contracts";
import { agentId, GatewayError } from "@parley/contracts";
import type { Caller, Gateway } from "@parley/domain";
import type { Response } from "express";
import { sendJson } from "../send-json.ts";
import type { Door } from "./call.ts";

/** Pages of agents that a list shows at most. */
const PAGES_MAX = 20;
const AGENT = "agent/";

const modelRow = (id: string, createdAt?: string) => ({
  id,
  object: "model",
  created: createdAt === undefined ? 0 : Math.floor(Date.parse(createdAt) / 1_000),
  owned_by: id.includes("/") ? id.slice(0, id.indexOf("/")) : "parley",
});

type Row = ReturnType<typeof modelRow>;

async function agentRows(gateway: Gateway, caller: Caller, { pageMax }: Limits): Promise<Row[]> {
  const rows: Row[] = [];
  for (let page = 1; page <= PAGES_MAX; page += 1) {
    const { items, total } = await gateway.listAgents(caller, { page, perPage: pageMax });
    rows.push(...items.map(({ id, createdAt }) => modelRow(`${AGENT}${id}`, createdAt)));
    if (page * pageMax >= total) break;
  }
  return rows;
}

/** All names that a request may have as its model. Whoever has no credential sees no agents. */
export async function listModels({ gateway, limits }: Door, response: Response, caller: Caller | null): Promise<void> {
  const [names, agents] = await Promise.all([gateway.listModels(), caller === null ? [] : agentRows(gateway, caller, limits)]);
  sendJson(response, 200, { object: "list", data: [...names.map((name) => modelRow(name)), ...agents] });
}

/** One of them, also where it is not listed, but would be passed on. Throws `model_not_found`. */
export async function getModel(
  { gateway }: Door,
  response: Response,
  { name, caller }: { name: string; caller: Caller | null },
): Promise<void> {
  const resolved = gateway.resolveModel(name);
  if (resolved.kind === "direct") return sendJson(response, 200, modelRow(name));
  if (caller === null) throw new GatewayError("model_not_found");
  const agent = await gateway.getAgent(caller, agentId.parse(resolved.agentId));
  sendJson(response, 200, modelRow(name, agent.createdAt));
}
