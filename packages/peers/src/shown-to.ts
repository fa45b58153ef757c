import type { PeerTarget } from "@parley/domain";
import { Scrubber } from "@parley/egress";

const shown = new WeakMap<PeerTarget, Scrubber>();

/** What a peer has been shown for this call: kept for as long as its target is, and to be taken out of whatever it says. */
export function shownTo(target: PeerTarget): Scrubber {
  const known = shown.get(target) ?? new Scrubber();
  shown.set(target, known);
  return known;
}
