import type { PeerClient, PeerTarget } from "@parley/domain";

/** Each peer in the words that it speaks. Only A2A has cards. */
export function peersByProtocol(a2a: PeerClient, openclaw: Omit<PeerClient, "card">): PeerClient {
  const of = ({ protocol }: PeerTarget): Omit<PeerClient, "card"> => (protocol === "openclaw" ? openclaw : a2a);
  return {
    send: (call, hearing) => of(call.target).send(call, hearing),
    reconcile: (call, hearing) => of(call.target).reconcile(call, hearing),
    find: (message) => of(message.target).find(message),
    cancel: (task) => of(task.target).cancel(task),
    card: (target) => a2a.card(target),
  };
}
