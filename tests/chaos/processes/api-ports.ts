import type { ConversationStore, GatewayPorts, RepeatStore } from "@parley/domain";
import type { PointName } from "../plan/points.ts";
import { at } from "./at.ts";
import type { Control } from "./control.ts";
import { failingQueue } from "./worker-ports.ts";

/** The front door's ports, failing where the driver says. */
export const failingGatewayPorts = (control: Control, ports: GatewayPorts): GatewayPorts => ({
  ...ports,
  conversations: failingConversations(control, ports.conversations),
  queue: failingQueue(control, ports.queue),
  repeats: failingRepeats(control, ports.repeats),
});

/** Calls with a key are one transaction around the store, which is another one then. */
const KEYED: Record<string, PointName> = {
  "conversation.stop": "stop",
  "conversation.cancelMessage": "cancel",
  "conversation.changeMessage": "change",
  "conversation.clearQueue": "clear",
  "conversation.drain": "drain",
  "card.answer": "card",
  "card.decide": "card",
};

const failingRepeats = (control: Control, repeats: RepeatStore): RepeatStore => ({
  ...repeats,
  once(...given) {
    const [{ route, organizationId }] = given;
    const point = KEYED[route];
    return point === undefined
      ? repeats.once(...given)
      : at(control, { points: [point], organizationIds: [organizationId] }, () => repeats.once(...given));
  },
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
    change: (...given) => at(control, about("change", given[0]), () => store.change(...given)),
    answerCard: (...given) => at(control, about("card", given[0]), () => store.answerCard(...given)),
    decideCard: (...given) => at(control, about("card", given[0]), () => store.decideCard(...given)),
    orderDrain: (...given) => at(control, about("drain", given[0]), () => store.orderDrain(...given)),
  };
}
