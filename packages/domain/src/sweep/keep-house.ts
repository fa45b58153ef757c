import { isGatewayError, type Limits } from "@parley/contracts";
import type { Clock } from "../clock.ts";
import type { Log } from "../logger.ts";
import type { BlobStore } from "../media/blob-store.ts";
import type { MediaStore } from "../media/media-store.ts";
import { discardMedia } from "../media/upload-media.ts";
import type { ConversationKey, TurnStore } from "../turn/turn-store.ts";
import type { SweepStore } from "./sweep-store.ts";

const OFFICE = "house";
/** Longer than any batch takes; another worker goes on when its holder is silent this long. */
const OFFICE_MS = 60_000;
const ROUND_MS = 600_000;
/** Between two batches, so that what callers wait for goes first. */
const PAUSE_MS = 100;
const ROWS_MAX = 5_000;
const CONVERSATIONS_MAX = 100;
const MEDIA_MAX = 100;
/** Far longer than the server waits for a body. What was not finished by then never will be. */
const UPLOAD_MS = 3_600_000;

interface HousePorts {
  sweep: SweepStore;
  turns: TurnStore;
  clock: Clock;
  log: Log;
  workerId: string;
  limits: Limits;
  media: Pick<MediaStore, "forget">;
  blobs: Pick<BlobStore, "remove">;
}

/**
 * Every ten minutes the elected worker removes what is past its time, in batches, and prepares the coming months.
 * What fails is tried again in the next round. Ends when the signal aborts.
 */
export async function keepHouse(ports: HousePorts, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const chores = [prepareMonths, forgetRows, removeMedia, retainConversations];
    for (const chore of chores) {
      await chore(ports, signal).catch((error: unknown) => ports.log.warn({ err: error, chore: chore.name }, "housekeeping failed"));
    }
    await ports.clock.sleep(ROUND_MS, signal);
  }
}

const isElected = async ({ sweep, workerId }: HousePorts, signal: AbortSignal): Promise<boolean> =>
  !signal.aborted && (await sweep.holdOffice(OFFICE, workerId, OFFICE_MS));

async function prepareMonths(ports: HousePorts, signal: AbortSignal): Promise<void> {
  if (await isElected(ports, signal)) await ports.sweep.prepareMonths();
}

async function forgetRows(ports: HousePorts, signal: AbortSignal): Promise<void> {
  while (await isElected(ports, signal)) {
    if (!(await ports.sweep.forget(ports.limits, ROWS_MAX))) return;
    await ports.clock.sleep(PAUSE_MS, signal);
  }
}

async function removeMedia(ports: HousePorts, signal: AbortSignal): Promise<void> {
  while (await isElected(ports, signal)) {
    const keys = await ports.sweep.takeGoneMedia({ unfinishedAfterMs: UPLOAD_MS, rowsMax: MEDIA_MAX });
    let removed = 0;
    for (const key of keys) if (await discardMedia(ports, key)) removed += 1;
    // Those that cannot be removed are found again: they end the round only where there is nothing else.
    if (keys.length < MEDIA_MAX || removed === 0) return;
    await ports.clock.sleep(PAUSE_MS, signal);
  }
}

/** Each conversation is looked at ten times in the shortest time that is set, so that it is kept a tenth longer at most. */
async function retainConversations(ports: HousePorts, signal: AbortSignal): Promise<void> {
  const { conversationsKeptDays, eventsKeptDays } = ports.limits;
  const days = [conversationsKeptDays, eventsKeptDays].filter((kept) => kept > 0);
  if (days.length === 0) return;
  const hours = Math.max(1, Math.floor((Math.min(...days) * 24) / 10));
  while (await isElected(ports, signal)) {
    const keys = await ports.sweep.takeUnlooked({ hours, conversationsMax: CONVERSATIONS_MAX });
    if (keys.length === 0) return;
    for (const key of keys) await retain(ports, key, signal);
    await ports.clock.sleep(PAUSE_MS, signal);
  }
}

async function retain({ turns, limits, clock, log }: HousePorts, key: ConversationKey, signal: AbortSignal): Promise<void> {
  try {
    while (!signal.aborted && (await turns.retain(key, limits, ROWS_MAX))) await clock.sleep(PAUSE_MS, signal);
  } catch (error) {
    const facts = { err: error, conversationId: key.conversationId };
    if (isGatewayError(error, "storage_unavailable")) log.debug(facts, "conversation is in use; it is looked at again later");
    else log.warn(facts, "conversation cannot be retained as it is set; it is looked at again later");
  }
}
