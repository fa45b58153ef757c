import type { PeerClient, PeerTarget } from "@parley/domain";
import { withoutEchoes } from "./without-echoes.ts";

/** Each peer in the words that it speaks. Only A2A has cards. None of them tells of what it was shown. */
export function peersByProtocol(a2a: PeerClient, openclaw: Omit<PeerClient, "card">): PeerClient {
  const of = ({ protocol }: PeerTarget): Omit<PeerClient, "card"> => (protocol === "openclaw" ? openclaw : a2a);
  const spoken = withoutEchoes({
    send: (call, hearing) => of(call.target).send(call, hearing),
    reconcile: (call, hearing) => of(call.target).reconcile(call, hearing),
    find: (message) => of(message.target).find(message),
    cancel: (task) => of(task.target).cancel(task),
  });
  return { ...spoken, card: (target) => a2a.card(target) };
}
