import { GatewayError, isGatewayError } from "@parley/contracts";
import type { PluginCall } from "./plugins/plugin.ts";
import type { Sale } from "./sale.ts";

/** Has the plugin look at what is asked for. Where the body could not be read, what is missing is missing for that reason: a refusal says it first. */
export async function prepareCall({ plugin, trouble }: Pick<Sale, "plugin" | "trouble">, call: PluginCall) {
  try {
    return await plugin.prepare(call);
  } catch (error) {
    if (trouble === null || !isGatewayError(error, "bad_request")) throw error;
    throw new GatewayError("bad_request", { text: `${trouble} ${error.message}`, cause: error });
  }
}
