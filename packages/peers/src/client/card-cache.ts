import type { PeerTarget } from "@parley/domain";
import type { EgressFetch } from "@parley/egress";
import { parseJson } from "../json-shape.ts";
import { readBounded } from "../read-bounded.ts";
import { type ReadCard, readCard } from "./read-card.ts";

/** For all places that a card may be at, together. */
const FETCH_MS = 2_000;
const FRESH_MS = 300_000;
/** A peer that has no card now may have one soon. */
const MISSING_MS = 10_000;
const CARD_BYTES_MAX = 262_144;
const ENTRIES_MAX = 1_000;

export type FindCard = (target: Pick<PeerTarget, "id" | "endpoint" | "changedAt">) => Promise<ReadCard | null>;

/** Agent cards, each asked for once at a time and kept for a while; that there is none, for a short while; whoever changes the peer's entry has it asked for anew. No credential is shown for one. */
export function createCardCache(fetch: EgressFetch, skillsMax: number, nowMs: () => number = () => performance.now()): FindCard {
  const known = new Map<string, { card: Promise<ReadCard | null>; untilMs: number }>();

  return ({ id, endpoint, changedAt }) => {
    const key = `${id} ${endpoint} ${changedAt ?? ""}`;
    const entry = known.get(key);
    if (entry !== undefined && entry.untilMs > nowMs()) return entry.card;
    const fresh = { card: fetchCard(fetch, endpoint, skillsMax), untilMs: Number.POSITIVE_INFINITY };
    known.delete(key);
    known.set(key, fresh);
    const oldest = known.keys().next().value;
    if (known.size > ENTRIES_MAX && oldest !== undefined) known.delete(oldest);
    void fresh.card.then((card) => {
      fresh.untilMs = nowMs() + (card === null ? MISSING_MS : FRESH_MS);
    });
    return fresh.card;
  };
}

async function fetchCard(fetch: EgressFetch, endpoint: string, skillsMax: number): Promise<ReadCard | null> {
  const signal = AbortSignal.timeout(FETCH_MS);
  for (const url of placesOf(endpoint)) {
    // What cannot be read is no card: nobody waits for it who could take a failure.
    const read = await readAt(fetch, url, { skillsMax, signal }).catch(() => null);
    if (read !== null || signal.aborted) return read;
  }
  return null;
}

async function readAt(
  fetch: EgressFetch,
  url: string,
  { skillsMax, signal }: { skillsMax: number; signal: AbortSignal },
): Promise<ReadCard | null> {
  const response = await fetch(url, { headers: { accept: "application/json", "a2a-version": "1.0" }, signal });
  const text = await readBounded(response, CARD_BYTES_MAX);
  return response.ok ? readCard(parseJson(text), skillsMax) : null;
}

/** Below the endpoint first: several agents may share a host. */
function placesOf(endpoint: string): string[] {
  const base = `${endpoint.replace(/[?#].*$/, "").replace(/\/+$/, "")}/`;
  const bases = [...new Set([base, `${new URL(endpoint).origin}/`])];
  return ["agent-card.json", "agent.json"].flatMap((name) => bases.map((one) => `${one}.well-known/${name}`));
}
