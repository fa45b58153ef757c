import { GatewayError } from "@parley/contracts";
import type { ActivityUseCases, ChatUseCases, HookUseCases, MediaUseCases, PlanUseCases, WebhookUseCases } from "@parley/domain";

/** There is nothing of the kind here. */
const refuse = () => Promise.reject(new GatewayError("not_found"));

/** What gateways in memory have none of. */
export const refusedUseCases: ActivityUseCases & ChatUseCases & HookUseCases & MediaUseCases & PlanUseCases & WebhookUseCases = {
  findPlanner: refuse,
  openSession: refuse,
  uploadMedia: refuse,
  openMedia: refuse,
  getMedia: refuse,
  deleteMedia: refuse,
  createHook: refuse,
  listHooks: refuse,
  changeHook: refuse,
  rotateHook: refuse,
  deleteHook: refuse,
  receiveHook: refuse,
  createEndpoint: refuse,
  listEndpoints: refuse,
  changeEndpoint: refuse,
  rotateEndpoint: refuse,
  deleteEndpoint: refuse,
  listDeliveries: refuse,
  replayDelivery: refuse,
  followActivity: refuse,
  listActivity: refuse,
  openChat: refuse,
  findChat: refuse,
  renewChat: refuse,
};
