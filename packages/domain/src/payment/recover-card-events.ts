import { ERRORS, isGatewayError, type Limits } from "@parley/contracts";
import type { Log } from "../logger.ts";
import { type BookPorts, bookCardEvent } from "./book-card-event.ts";
import type { CardLookStore } from "./card-look-store.ts";
import type { CardPayments, ToldEvent } from "./card-payments.ts";

/** The service keeps its events for 30 days. */
const KEPT_MS = 30 * 86_400_000;
/** More than clocks differ, and than an event takes to be listed. */
const OVERLAP_MS = 600_000;
/** Longer than a page takes, of which each event may have the service asked several times; another process goes on when this one has died. */
const LEASE_MS = 900_000;
const OWED_MAX = 10;

export type RecoveredPayments = BookPorts["payments"] & CardLookStore;

export interface RecoverPorts {
  payments: RecoveredPayments;
  /** Null: nobody pays by card. */
  cards: (BookPorts["cards"] & Pick<CardPayments, "listEvents" | "fetchEvent">) | null;
  limits: Pick<Limits, "cardLookMs" | "cardLookPagesMax">;
  log: Log;
}

/** Whether the same event may be booked later. */
const mayBeBooked = (error: unknown): boolean => !isGatewayError(error) || ERRORS[error.code].retry;

/**
 * Looks through what the card service has told since the last look, and books what no webhook has brought. One process at a time, a page at a time: whoever goes on after a
 * death begins with the page that was not noted. What cannot be booked yet is kept and looked at again.
 */
export async function recoverCardEvents({ payments, cards, limits, log }: RecoverPorts, signal: AbortSignal): Promise<void> {
  if (cards === null) return;
  const look = await payments.takeCardLook({ leaseMs: LEASE_MS, keptMs: KEPT_MS, overlapMs: OVERLAP_MS });
  if (look === null) return;

  /** False: it may be booked later. */
  async function book(told: ToldEvent): Promise<boolean> {
    try {
      await bookCardEvent({ cards: ports, payments }, told.read());
      return true;
    } catch (error) {
      log.warn({ err: error, eventId: told.id }, "what the card service has told cannot be booked");
      return !mayBeBooked(error);
    }
  }
  const ports = cards;

  for (const id of await payments.takeOwedCardEvents({ rowsMax: OWED_MAX, keptMs: KEPT_MS })) {
    // It was put off: one that the service fails to tell of is in no other's way.
    const told = await cards
      .fetchEvent(id)
      .catch((error: unknown) => log.warn({ err: error, eventId: id }, "the card service does not tell of an event"));
    if (told === undefined) continue;
    if (told === null || (await book(told))) await payments.settleOwedCardEvent(id);
  }

  const { epoch, fromMs, untilMs } = look;
  let { afterId } = look;
  for (let page = 1; !signal.aborted; page++) {
    const { events, nextId } = await cards.listEvents({ fromMs, untilMs, afterId });
    // Newest first is how they are listed; a payment is better known before what becomes of it.
    for (const told of events.toReversed())
      if (!(await book(told))) await payments.oweCardEvent({ id: told.id, createdAt: told.createdAt });
    const isLast = page >= limits.cardLookPagesMax;
    const waitMs = nextId === null ? limits.cardLookMs : isLast ? limits.cardLookMs / 10 : LEASE_MS;
    const isHeard = await payments.noteCardLook({ epoch, afterId: nextId, waitMs });
    if (nextId === null || isLast || !isHeard) return;
    afterId = nextId;
  }
}
