import { GatewayError } from "@parley/contracts";
import type { MediaUseCases } from "@parley/domain";

/** There is nothing of the kind here. */
const refuse = () => Promise.reject(new GatewayError("not_found"));

/** What gateways in memory have none of. */
export const refusedUseCases: MediaUseCases = {
  uploadMedia: refuse,
  openMedia: refuse,
  getMedia: refuse,
  deleteMedia: refuse,
};
