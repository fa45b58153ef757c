import { GatewayError } from "@parley/contracts";
import { isLive, type RedisClient } from "@parley/redis";
import { isTicket, makeTicket, seal, ticketName, unseal } from "./seal.ts";

/** How long a ticket waits to be used. */
export const TICKET_SECONDS = 60;

export interface Tickets {
  /** A ticket for this credential. Throws `storage_unavailable`. */
  create(credential: string): Promise<string>;
  /** The ticket's credential, the first time; null for any other text, and ever after. Throws `storage_unavailable`. */
  redeem(ticket: string): Promise<string | null>;
}

interface TicketOptions {
  client: RedisClient;
  /** Starts every key. */
  prefix: string;
}

const unavailable = (cause: unknown): GatewayError =>
  new GatewayError("storage_unavailable", { cause, detail: "Redis: tickets", retryAfterSeconds: 1 });

/**
 * Tickets stand in for a credential where it would end up in an address: each is good for one use, over all processes, as the same command
 * that reads it takes it away. What it leads to is authenticated like any credential, so that a ticket outlives no revocation.
 */
export function createTickets({ client, prefix }: TicketOptions): Tickets {
  const keyOf = (ticket: string): string => `${prefix}:ticket:${ticketName(ticket)}`;

  async function asked<Answer>(command: () => Promise<Answer>): Promise<Answer> {
    if (!isLive(client)) throw unavailable(new Error("Redis is away."));
    return command().catch((error: unknown) => {
      throw unavailable(error);
    });
  }

  return {
    async create(credential) {
      const ticket = makeTicket();
      await asked(() => client.set(keyOf(ticket), seal(ticket, credential), "EX", TICKET_SECONDS));
      return ticket;
    },
    async redeem(ticket) {
      if (!isTicket(ticket)) return null;
      const sealed = await asked(() => client.getdel(keyOf(ticket)));
      return sealed === null ? null : unseal(ticket, sealed);
    },
  };
}
