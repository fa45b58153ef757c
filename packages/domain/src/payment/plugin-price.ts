import type { GatewayContext } from "../gateway-ports.ts";

const PICO_PER_MICRO = 1_000_000;

/** Micro-units of one call, half up, and one at the least where it costs anything; null where it has no price: nothing is sold for nothing by mistake. */
export async function priceOfPlugin(
  { billing }: Pick<GatewayContext, "billing">,
  organizationId: string,
  name: string,
): Promise<number | null> {
  const price = await billing.findPrice(organizationId, { kind: "plugin", name });
  if (price === null || price.withdrawn) return null;
  // Only a price of 0 is 0.
  return price.unitPico === 0 ? 0 : Math.max(1, Math.floor((price.unitPico + PICO_PER_MICRO / 2) / PICO_PER_MICRO));
}
