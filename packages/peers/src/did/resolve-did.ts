import type { EgressFetch } from "@parley/egress";
import { parseJson } from "../json-shape.ts";
import { readBounded } from "../read-bounded.ts";
import { documentKey } from "./did-document.ts";

interface ResolverOptions {
  fetch: EgressFetch;
  /** Never goes backwards. */
  nowMs?: () => number;
}

/** `unavailable`: nobody could be asked. `none`: what came is not this DID's document, or has no key that could be used. */
export type ResolvedKey = { kind: "key"; publicKey: Uint8Array } | { kind: "none" } | { kind: "unavailable" };

export type ResolveDid = (endpoint: string, did: string) => Promise<ResolvedKey>;

/** How long an answer is believed, and how long one that could not be had is not asked for again. */
const KEPT_MS = 300_000;
const FAILURE_KEPT_MS = 10_000;
const RESOLVE_MS = 5_000;
const DOCUMENT_BYTES_MAX = 65_536;
const ENTRIES_MAX = 10_000;

/**
 * Keys of DIDs, as the peer at an endpoint tells them: kept by both, so that what one peer says of a DID is never believed of another. Who asks at the same
 * time waits for the same answer; no caller's credential goes along, and no caller's abort ends it for the others.
 */
export function createDidResolver({ fetch, nowMs = () => performance.now() }: ResolverOptions): ResolveDid {
  const entries = new Map<string, { answer: Promise<ResolvedKey>; freshUntilMs: number }>();

  async function ask(endpoint: string, did: string): Promise<ResolvedKey> {
    try {
      const response = await fetch(`${endpoint.replace(/\/+$/, "")}/did/resolve`, {
        method: "POST",
        headers: { "content-type": "application/json", accept: "application/json" },
        body: JSON.stringify({ did }),
        redirect: "error",
        signal: AbortSignal.timeout(RESOLVE_MS),
      });
      if (!response.ok) {
        await response.body?.cancel();
        return { kind: "unavailable" };
      }
      const document = parseJson(await readBounded(response, DOCUMENT_BYTES_MAX));
      if (document === undefined) return { kind: "unavailable" };
      const publicKey = documentKey(document, did);
      return publicKey === null ? { kind: "none" } : { kind: "key", publicKey };
    } catch {
      return { kind: "unavailable" };
    }
  }

  return (endpoint, did) => {
    const name = JSON.stringify([endpoint, did]);
    const known = entries.get(name);
    if (known !== undefined && known.freshUntilMs > nowMs()) return known.answer;
    const answer = ask(endpoint, did);
    const entry = { answer, freshUntilMs: nowMs() + KEPT_MS };
    entries.delete(name);
    entries.set(name, entry);
    const oldest = entries.size > ENTRIES_MAX ? entries.keys().next().value : undefined;
    if (oldest !== undefined) entries.delete(oldest);
    void answer.then(({ kind }) => {
      if (kind === "unavailable") entry.freshUntilMs = nowMs() + FAILURE_KEPT_MS;
    });
    return answer;
  };
}
