import { setTimeout as sleep } from "node:timers/promises";
import type { EnginePorts, PeerHearing, PeerOutbox } from "@parley/domain";
import type { PointName } from "../plan/points.ts";
import { at } from "./at.ts";
import type { Control, Question } from "./control.ts";

/** By then a message is on the wire, on a busy machine, too; the answer of a late peer, after 300 ms, is not. */
const ON_ITS_WAY_MS = 150;

const about = (point: PointName, { organizationId }: { organizationId: string }): Question => ({
  points: [point],
  organizationIds: [organizationId],
});

/** What a worker calls peers with, failing at the steps of the dispatch ledger. */
export function failingPeers(control: Control, ports: EnginePorts["peers"]): EnginePorts["peers"] {
  const { calls, client } = ports;
  const heard = (hearing: PeerHearing, facts: { organizationId: string }): PeerHearing => ({
    ...hearing,
    onTask: (task) => at(control, about("named", facts), () => hearing.onTask(task)),
  });
  return {
    ...ports,
    calls: {
      ...calls,
      begin: (...given) => at(control, about("begin", given[0]), () => calls.begin(...given)),
      endCancel: (...given) => at(control, about("told", given[0]), () => calls.endCancel(...given)),
    },
    client: {
      ...client,
      async send(call, hearing) {
        const order = await control.ask(about("send", call.target));
        if (order?.phase === "before") await control.obey(order);
        const sent = client.send(call, heard(hearing, call.target));
        sent.catch(() => undefined);
        if (order?.phase === "during") {
          await sleep(ON_ITS_WAY_MS);
          await control.obey(order);
        }
        const outcome = await sent;
        if (order?.phase === "after") await control.obey(order);
        return outcome;
      },
      reconcile: (call, hearing) => at(control, about("reconcile", call.target), () => client.reconcile(call, heard(hearing, call.target))),
      cancel: (task) => at(control, about("withdraw", task.target), () => client.cancel(task)),
    },
  };
}

/** Found calls are many organizations', so the point is asked for once they are known. */
export const failingOutbox = (control: Control, outbox: PeerOutbox): PeerOutbox => ({
  ...outbox,
  async take(...given) {
    const found = await outbox.take(...given);
    if (found.length === 0) return found;
    const organizationIds = [...new Set(found.map(({ organizationId }) => organizationId))];
    return at(control, { points: ["owed"], organizationIds }, async () => found);
  },
});
