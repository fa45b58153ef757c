import { GatewayError } from "@parley/contracts";
import type { GatewayContext } from "../gateway-ports.ts";
import { checkA2aPush, storeA2aPush } from "./a2a-pushes.ts";
import { getA2aTask, ownerOf, toA2aTask } from "./a2a-tasks.ts";
import type { A2aUseCases } from "./a2a-use-cases.ts";
import { cancelA2aTask } from "./cancel-a2a-task.ts";
import { sendA2aMessage } from "./send-a2a-message.ts";

export const serveA2a = (context: GatewayContext): A2aUseCases => ({
  sendA2aMessage: (caller, send) => sendA2aMessage(context, caller, send),
  getA2aTask: (caller, wanted) => getA2aTask(context, caller, wanted),
  cancelA2aTask: (caller, wanted) => cancelA2aTask(context, caller, wanted),

  async listA2aTasks(caller, { agentId, ...filter }) {
    const { items, ...page } = await context.a2a.list(ownerOf(caller, agentId), filter);
    return { ...page, items: items.map(toA2aTask) };
  },

  async saveA2aPush(caller, { push, ...wanted }) {
    const { organizationId, id: taskId } = await getA2aTask(context, caller, wanted);
    await checkA2aPush(context, push);
    return storeA2aPush(context, organizationId, { taskId, push, tellsNow: false });
  },

  async getA2aPush(caller, { id, ...wanted }) {
    const { organizationId, id: taskId } = await getA2aTask(context, caller, wanted);
    const [push] = await context.a2a.pushes({ organizationId, taskId, id });
    if (push === undefined) throw new GatewayError("not_found");
    return push;
  },

  async listA2aPushes(caller, wanted) {
    const { organizationId, id: taskId } = await getA2aTask(context, caller, wanted);
    return context.a2a.pushes({ organizationId, taskId });
  },

  async deleteA2aPush(caller, { id, ...wanted }) {
    const { organizationId, id: taskId } = await getA2aTask(context, caller, wanted);
    await context.a2a.deletePush({ organizationId, taskId, id });
  },

  async readA2aCard(agentId) {
    const card = await context.a2a.card(agentId);
    const agent = card === null ? null : await context.catalog.find(card.organizationId, card.id, null);
    if (card === null || agent === null || agent.state === "deleted") throw new GatewayError("not_found");
    return card;
  },
});
