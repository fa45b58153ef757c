import type { IncomingMessage, ServerResponse } from "node:http";
import type { BlockList } from "node:net";
import { GatewayError, isGatewayError, type Limits, RATE_BUCKETS, type RateBucket } from "@parley/contracts";
import type { Caller } from "@parley/domain";
import { addressKey, type Counted, clientAddress, type RateLimiter, type Tickets } from "@parley/identity";
import type { Visitor } from "@parley/router";

/** A visitor as the front's own routes need it. */
interface FrontVisitor extends Visitor {
  /** Changes a socket's ticket for its credential; nothing where there is none, or where it is used up. */
  redeem(): Promise<void>;
  /** Throws `too_many_requests` where the address was refused too often. */
  checkLock(): void;
  /** Notes that the address came with a bad credential. */
  noteBadCredential(): Promise<void>;
}

/** The visitor of a request; `named` is a credential that came in another way than by header. */
export type VisitorOf = (request: IncomingMessage, response?: ServerResponse, named?: string) => FrontVisitor;

export interface VisitorDependencies {
  authenticate(credential: string): Promise<Caller>;
  /** Whether the credential has been good not long ago. */
  knows(credential: string): boolean;
  /** The credential of a request; null where it has none. */
  credentialOf(headers: IncomingMessage["headers"]): string | null;
  tickets: Pick<Tickets, "redeem">;
  /** Whether `?token=` is a credential where `?ticket=` is. */
  queryTokens: boolean;
  limiter: RateLimiter;
  limits: Limits;
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

const tooMany = (lastsMs: number): GatewayError => new GatewayError("too_many_requests", { retryAfterSeconds: seconds(lastsMs) });

/**
 * Who stands at a door. Calls with a good credential are counted by it, all others by their address. An address that has sent too many
 * bad credentials is refused for a while, but for credentials that are known to be good: others may share the address.
 */
export function createVisitors(dependencies: VisitorDependencies): VisitorOf {
  const { authenticate, knows, credentialOf, tickets, queryTokens, limiter, limits, trustedProxies } = dependencies;

  function settle(counted: Counted, response: ServerResponse | undefined): void {
    if (response) tellLimit(response, counted);
    if (!counted.allowed) throw tooMany(counted.lastsMs);
  }

  return (request, response, named) => {
    let credential = credentialOf(named === undefined ? request.headers : { "x-api-key": named });
    // Most calls need no address: it is looked up where one is asked for.
    const address = (): string =>
      addressKey(clientAddress({ peer: request.socket.remoteAddress, forwardedFor: request.headers["x-forwarded-for"] }, trustedProxies));

    function count(bucket: RateBucket, caller: Caller | null): Promise<void> | void {
      const key = caller ? `${bucket}:${caller.organizationId}:${caller.principalId}` : `${bucket}:${address()}`;
      const counted = limiter.take({ key, max: limits[RATE_BUCKETS[bucket]], windowMs: limits.rateWindowMs });
      if (counted instanceof Promise) return counted.then((later) => settle(later, response));
      settle(counted, response);
    }

    function checkLock(): void {
      const lockedForMs = limiter.spentForMs(`bad:${address()}`);
      if (lockedForMs > 0) throw tooMany(lockedForMs);
    }

    async function noteBadCredential(): Promise<void> {
      await limiter.take({ key: `bad:${address()}`, max: limits.badCredentialsMax, windowMs: limits.credentialLockMs });
    }

    /** What stands in the address, which only a plain GET and a socket may have there. */
    async function redeem(): Promise<void> {
      if (credential !== null || request.method !== "GET" || !request.url?.includes("?")) return;
      const { searchParams } = new URL(request.url, "http://parley");
      const ticket = searchParams.get("ticket");
      const token = queryTokens ? searchParams.get("token") : null;
      if (ticket !== null) credential = await tickets.redeem(ticket);
      else if (token !== null) credential = credentialOf({ "x-api-key": token });
    }

    return {
      get credential() {
        return credential;
      },
      redeem,
      count,
      checkLock,
      noteBadCredential,
      async authenticate({ attaches, takesTicket }) {
        // Only a socket has no answer of its own.
        if (attaches || takesTicket || !response) await redeem();
        if (credential === null) {
          await count("anonymous", null);
          throw new GatewayError("unauthenticated");
        }
        if (!knows(credential)) checkLock();
        try {
          return await authenticate(credential);
        } catch (error) {
          if (isGatewayError(error, "unauthenticated")) await noteBadCredential();
          throw error;
        }
      },
    };
  };
}
