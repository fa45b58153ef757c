import type { ConversationStore, GatewayPorts } from "@parley/domain";
import type { PointName } from "../plan/points.ts";
import { at } from "./at.ts";
import type { Control } from "./control.ts";
import { failingQueue } from "./worker-ports.ts";

/** The front door's ports, failing where the driver says. */
export const failingGatewayPorts = (control: Control, ports: GatewayPorts): GatewayPorts => ({
  ...ports,
  conversations: failingConversations(control, ports.conversations),
  queue: failingQueue(control, ports.queue),
});

function failingConversations(control: Control, store: ConversationStore): ConversationStore {
  const about = (point: PointName, { organizationId }: { organizationId: string }) => ({
    points: [point],
    organizationIds: [organizationId],
  });
  return {
    ...store,
    submit: (...given) => at(control, about("admission", given[0]), () => store.submit(...given)),
    stop: (...given) => at(control, about("stop", given[0]), () => store.stop(...given)),
    cancel: (...given) => at(control, about("cancel", given[0]), () => store.cancel(...given)),
    clear: (...given) => at(control, about("clear", given[0]), () => store.clear(...given)),
    orderDrain: (...given) => at(control, about("drain", given[0]), () => store.orderDrain(...given)),
  };
}
