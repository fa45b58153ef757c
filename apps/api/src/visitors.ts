import type { IncomingMessage, ServerResponse } from "node:http";
import type { BlockList } from "node:net";
import { GatewayError, isGatewayError, type Limits, RATE_BUCKETS, type RateBucket } from "@parley/contracts";
import type { Caller } from "@parley/domain";
import { addressKey, type Counted, clientAddress, credentialFrom, isCsrfToken, type RateLimiter, type Tickets } from "@parley/identity";
import type { Visitor } from "@parley/router";
import type { Authentication } from "./authentication.ts";
import { cameOverTls } from "./identity/came-over-tls.ts";
import { sessionInCookie } from "./identity/session-cookie.ts";
import { comesFromOurs, type OriginLists } from "./origins.ts";

/** A visitor as the front's own routes need it. */
export interface FrontVisitor extends Visitor {
  /** The session whose cookie it came with, where that is what lets it in. */
  readonly session: string | null;
  /** Whether it came over TLS, to us or to a proxy of ours. */
  isSecure(): boolean;
  /** Changes a socket's ticket for its credential; nothing where there is none, or where it is used up. */
  redeem(): Promise<void>;
  /** Throws `too_many_requests` where the address was refused too often. */
  checkLock(): void;
  /** Counts one call of the caller's in a window of its own, of so many calls. Answers 0, or in how many ms that window ends. */
  countWithin(window: { name: string; max: number }, caller: Caller): Promise<number>;
  /** Notes that the address came with a bad credential. */
  noteBadCredential(): Promise<void>;
}

/** The visitor of a request; `named` is a credential that came in another way than by header. */
export type VisitorOf = (request: IncomingMessage, response?: ServerResponse, named?: string) => FrontVisitor;

export interface VisitorDependencies {
  authentication: Pick<Authentication, "authenticate" | "knows" | "ambientOf">;
  tickets: Pick<Tickets, "redeem">;
  /** Whether `?token=` is a credential where `?ticket=` is. */
  queryTokens: boolean;
  limiter: RateLimiter;
  limits: Limits;
  origins: OriginLists;
  /** Whose `X-Forwarded-For` is believed; null: nobody's. */
  trustedProxies: BlockList | null;
}

const seconds = (ms: number): number => Math.max(1, Math.ceil(ms / 1_000));

/** The headers of the IETF's draft 6. */
function tellLimit(response: ServerResponse, { max, left, lastsMs, windowMs }: Counted): void {
  if (response.headersSent) return;
  response.setHeader("ratelimit-policy", `${max};w=${seconds(windowMs)}`);
  response.setHeader("ratelimit-limit", max);
  response.setHeader("ratelimit-remaining", left);
  response.setHeader("ratelimit-reset", seconds(lastsMs));
}

const tooMany = (lastsMs: number, text?: string): GatewayError =>
  new GatewayError("too_many_requests", { retryAfterSeconds: seconds(lastsMs), ...(text !== undefined && { text }) });

/**
 * Who stands at a door. Calls with a good credential are counted by it, all others by their address. An address that has sent too many
 * bad credentials is refused for a while, but for credentials that are known to be good: others may share the address.
 */
export function createVisitors(dependencies: VisitorDependencies): VisitorOf {
  const { authentication, tickets, queryTokens, limiter, limits, origins, trustedProxies } = dependencies;

  function settle(counted: Counted, response: ServerResponse | undefined, text?: string): void {
    if (response) tellLimit(response, counted);
    if (!counted.allowed) throw tooMany(counted.lastsMs, text);
  }

  return (request, response, named) => {
    const { headers, socket } = request;
    let credential = credentialFrom(named === undefined ? headers : { "x-api-key": named });
    const isSecure = (): boolean => cameOverTls(request, trustedProxies);
    let session: string | null = null;
    // What a browser adds by itself, whichever page asks.
    let isAmbient = false;
    if (credential === null) {
      session = headers.cookie === undefined ? null : sessionInCookie(request, isSecure());
      credential = session ?? authentication.ambientOf(request);
      isAmbient = credential !== null;
    }
    // Most calls need no address: it is looked up where one is asked for.
    const address = (): string =>
      addressKey(clientAddress({ peer: socket.remoteAddress, forwardedFor: headers["x-forwarded-for"] }, trustedProxies));

    function count(bucket: RateBucket, caller: Caller | null): Promise<void> | void {
      const key = caller ? `${bucket}:${caller.organizationId}:${caller.principalId}` : `${bucket}:${address()}`;
      const counted = limiter.take({ key, max: limits[RATE_BUCKETS[bucket]], windowMs: limits.rateWindowMs });
      if (counted instanceof Promise) return counted.then((later) => settle(later, response));
      settle(counted, response);
    }

    const takeWithin = ({ name, max }: { name: string; max: number }, { organizationId, principalId }: Caller) =>
      limiter.take({ key: `${name}:${organizationId}:${principalId}`, max, windowMs: limits.rateWindowMs });

    function checkLock(): void {
      const lockedForMs = limiter.spentForMs(`bad:${address()}`);
      if (lockedForMs > 0) throw tooMany(lockedForMs);
    }

    async function noteBadCredential(): Promise<void> {
      await limiter.take({ key: `bad:${address()}`, max: limits.badCredentialsMax, windowMs: limits.credentialLockMs });
    }

    /** What stands in the address, which only a plain GET and a socket may have there. */
    async function redeem(): Promise<void> {
      if ((credential !== null && !isAmbient) || request.method !== "GET" || !request.url?.includes("?")) return;
      // Whatever stands before it may be no address at all.
      const query = new URLSearchParams(request.url.slice(request.url.indexOf("?")));
      const ticket = query.get("ticket");
      const token = queryTokens ? query.get("token") : null;
      if (ticket === null && token === null) return;
      credential = ticket === null ? credentialFrom({ "x-api-key": token ?? "" }) : await tickets.redeem(ticket);
      session = null;
      isAmbient = false;
    }

    /**
     * Refuses what another's page may have asked of a browser. A session's own pages show its CSRF token with all that changes something;
     * only an event source cannot, and there the browser itself says whose page it is.
     */
    function checkPage(mutating: boolean): void {
      if (!response) {
        if (!comesFromOurs(request, origins.sockets)) throw new GatewayError("csrf_refused");
        return;
      }
      if (!mutating) return;
      if (!comesFromOurs(request, origins.cors)) throw new GatewayError("csrf_refused");
      if (session === null) return;
      const sent = headers["x-csrf-token"];
      if (typeof sent === "string" && isCsrfToken(sent, session)) return;
      if (request.method === "GET" && headers["sec-fetch-site"] === "same-origin") return;
      throw new GatewayError("csrf_refused");
    }

    return {
      get credential() {
        return credential;
      },
      get session() {
        return session;
      },
      isSecure,
      redeem,
      count,
      checkLock,
      noteBadCredential,
      async countWithin(window, caller) {
        const { allowed, lastsMs } = await takeWithin(window, caller);
        return allowed ? 0 : Math.max(1, lastsMs);
      },
      async countIn({ name, limit, what }, caller) {
        const max = limits[limit];
        settle(
          await takeWithin({ name, max }, caller),
          response,
          `At most ${max} ${what} with this key within ${seconds(limits.rateWindowMs)} s.`,
        );
      },
      async authenticate({ mutating, attaches, takesTicket }) {
        // Only a socket has no answer of its own.
        if (attaches || takesTicket || !response) await redeem();
        if (credential === null) {
          await count("anonymous", null);
          throw new GatewayError("unauthenticated");
        }
        if (isAmbient) checkPage(mutating);
        if (!authentication.knows(credential)) checkLock();
        try {
          return await authentication.authenticate(credential);
        } catch (error) {
          if (isGatewayError(error, "unauthenticated")) await noteBadCredential();
          throw error;
        }
      },
    };
  };
}
