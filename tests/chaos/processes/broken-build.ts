import type { ClaimedTurn, EnginePorts, GatewayPorts, JobQueue } from "@parley/domain";

/** A guard that is switched off, to see that the checker notices. The fence is one of the database, and broken there. */
export type BrokenPart = "journal" | "outbox" | "ledger";

export const isBrokenPart = (name: string | undefined): name is BrokenPart => name === "journal" || name === "outbox" || name === "ledger";

const withoutOrders = (queue: JobQueue): JobQueue => ({ ...queue, enqueue: async () => undefined });
const withoutJournal = (claim: ClaimedTurn | null): ClaimedTurn | null => (claim === null ? null : { ...claim, journal: [] });

export function breakEngine(ports: EnginePorts, part: BrokenPart | null): EnginePorts {
  const { turns, sweep, queue, peers, peerOutbox } = ports;
  if (part === "journal") {
    return { ...ports, turns: { ...turns, claim: async (...given) => withoutJournal(await turns.claim(...given)) } };
  }
  if (part === "outbox") {
    const blind = sweep === undefined ? {} : { sweep: { ...sweep, takeRepairs: async () => [], findReady: async () => [] } };
    return { ...ports, queue: withoutOrders(queue), ...blind };
  }
  if (part === "ledger") {
    // As if no call of a peer had ever been begun before, and nothing were owed to any.
    const begin: typeof peers.calls.begin = async (...given) => {
      const begun = await peers.calls.begin(...given);
      return begun.outcome === "ok" ? { ...begun, fresh: true } : begun;
    };
    const forgetful = peerOutbox === undefined ? {} : { peerOutbox: { ...peerOutbox, take: async () => [] } };
    return { ...ports, peers: { ...peers, calls: { ...peers.calls, begin } }, ...forgetful };
  }
  return ports;
}

export const breakGateway = (ports: GatewayPorts, part: BrokenPart | null): GatewayPorts =>
  part === "outbox" ? { ...ports, queue: withoutOrders(ports.queue) } : ports;
