import type { LimitName, RateBucket, Scope } from "@parley/contracts";

/** Of a tRPC procedure. */
export type Kind = "query" | "mutation" | "subscription";
type Method = "GET" | "POST" | "PATCH" | "DELETE";

/** One route of the plain HTTP doors; parameters as Express writes them. */
export interface RestRoute {
  method: Method;
  path: string;
}

/** A window of its own, besides the bucket's: so many calls as that limit says. */
export interface CallWindow {
  name: string;
  limit: LimitName;
  /** The calls, in words. */
  what: string;
}

interface RouteFacts {
  /** The tRPC procedure's kind; null where only plain HTTP offers the route. */
  kind: Kind | null;
  /** A list: any one of them. `authenticated`: any valid credential. `admin_secret`: the operator's own secret, no organization's key. `signature`: that of what is delivered. `payment`: whoever pays, with a key or without. */
  scope: Scope | readonly Scope[] | "authenticated" | "public" | "admin_secret" | "signature" | "payment";
  /** The thing named by the caller that must belong to their organization, and to an agent their key may use. */
  tenant: "agent" | "conversation" | "execution" | "organization" | "none";
  /** `turn`: it may start model calls, which are metered. `direct`: it is one, or a turn, as the model that it names says. */
  metering: "turn" | "direct" | "none";
  /** The bucket that the route's calls count against. */
  rateLimit: RateBucket | "none";
  /** What its calls count against besides. */
  window?: CallWindow;
  /** It follows a conversation for as long as it is open; one connection may hold many such, so they are counted by caller. */
  attaches?: true;
  /** A `GET` that may be let in by `?ticket=`, because who asks for it can set no header; what attaches may in any case. */
  takesTicket?: true;
  rest?: readonly RestRoute[];
}

/**
 * Whatever changes something takes an idempotency key: repeated under one key, a call gets the first answer. What comes by a webhook is told
 * by the name that its sender gave the delivery; what comes over A2A by what the protocol itself has for it.
 */
export type Repeating = { mutating: true; idempotency: "key" | "delivery" | "own" } | { mutating: false; idempotency: "natural" };

/** What must be known of a route before any door may offer it. */
export type RouteRow = RouteFacts & Repeating;
