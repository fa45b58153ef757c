import { randomBytes } from "node:crypto";
import Stripe from "stripe";

/** An event as Stripe would send it: bytes, and the header that signs them. */
export interface SignedEvent {
  id: string;
  body: string;
  signature: string;
}

export interface ToldEvents {
  /** Any event, signed as of so many seconds ago, and kept. */
  event(type: string, object: object, agoSeconds?: number): SignedEvent;
  /** A page of those that are kept, newest first; null where it begins behind one that is not. */
  list(query: URLSearchParams): { object: "list"; data: unknown[]; has_more: boolean } | null;
  find(id: string): object | null;
  /** Keeps one no more, as after 30 days. */
  forget(id: string): void;
}

interface KeptEvent {
  id: string;
  type: string;
  created: number;
  body: string;
}

export function createToldEvents(key: string, secret: string): ToldEvents {
  const signer = new Stripe(key).webhooks;
  const kept: KeptEvent[] = [];
  return {
    event(type, object, agoSeconds = 0) {
      const id = `evt_${randomBytes(8).toString("hex")}`;
      const created = Math.floor(Date.now() / 1_000) - agoSeconds;
      const body = JSON.stringify({ id, object: "event", type, created, livemode: false, data: { object } });
      kept.push({ id, type, created, body });
      return { id, body, signature: signer.generateTestHeaderString({ payload: body, secret, timestamp: created }) };
    },

    list(query) {
      const numberOf = (name: string, standard: number) => Number(query.get(name) ?? standard);
      const types = [...query].filter(([name]) => /^types\[\d*\]$/.test(name)).map(([, type]) => type);
      const listed = kept
        .filter(
          ({ type, created }) =>
            types.includes(type) && created >= numberOf("created[gte]", 0) && created <= numberOf("created[lte]", Infinity),
        )
        .toReversed()
        .sort((one, other) => other.created - one.created);
      const after = query.get("starting_after");
      const from = after === null ? 0 : listed.findIndex(({ id }) => id === after) + 1;
      if (after !== null && from === 0) return null;
      const until = from + numberOf("limit", 10);
      return { object: "list", data: listed.slice(from, until).map(({ body }) => JSON.parse(body)), has_more: until < listed.length };
    },

    find(id) {
      const found = kept.find((one) => one.id === id);
      return found === undefined ? null : JSON.parse(found.body);
    },

    forget(id) {
      const place = kept.findIndex((one) => one.id === id);
      if (place >= 0) kept.splice(place, 1);
    },
  };
}
