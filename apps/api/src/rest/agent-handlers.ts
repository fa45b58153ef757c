import type { Agent } from "@parley/contracts";
import { sendJson } from "../send-json.ts";
import { type Handler, onAgent, onceOf } from "./call.ts";

const agentRow = ({ id, name, description, version, state, createdAt }: Agent) => ({
  ...{ id, name, description, version, state, created_at: createdAt },
});

/** It takes nothing new from now on; its turns under way end. */
export const suspendAgent: Handler = async ({ gateway }, call) => {
  const { agentId, caller } = onAgent(call);
  sendJson(call.response, 200, agentRow(await gateway.suspendAgent(caller, agentId, onceOf(call))));
};

export const resumeAgent: Handler = async ({ gateway }, call) => {
  const { agentId, caller } = onAgent(call);
  sendJson(call.response, 200, agentRow(await gateway.resumeAgent(caller, agentId, onceOf(call))));
};

/** What was said with it stays. */
export const deleteAgent: Handler = async ({ gateway }, call) => {
  const { agentId, caller } = onAgent(call);
  await gateway.deleteAgent(caller, agentId, onceOf(call));
  sendJson(call.response, 200, { id: agentId, deleted: true });
};
