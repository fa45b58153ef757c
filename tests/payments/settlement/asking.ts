import { setTimeout as sleep } from "node:timers/promises";
import { at, createRestClient, type RestAnswer, type RestRequest } from "@parley/testkit";
import type { Market } from "./market.ts";

const PATIENCE_MS = 20_000;
const TRIES_MAX = 120;
const PAUSE_MS = 40;

/** Another try may end otherwise: nothing was decided. */
const OPEN: ReadonlySet<number> = new Set([409, 500, 502, 503]);

/** One request over the wire; null where nobody answered. */
export async function askOnce({ links }: Market, apiKey: string | null, path: string, request: RestRequest): Promise<RestAnswer | null> {
  try {
    return await createRestClient(links.client.url, apiKey).call(path, { ...request, signal: AbortSignal.timeout(PATIENCE_MS) });
  } catch {
    return null;
  }
}

/** The same request again and again, as a careful client does, until it is decided. Throws where it never is. */
export async function askUntilDecided(market: Market, apiKey: string | null, path: string, request: RestRequest): Promise<RestAnswer> {
  let last: RestAnswer | null = null;
  for (let tried = 0; tried < TRIES_MAX; tried++) {
    const answer = await askOnce(market, apiKey, path, request);
    if (answer !== null && !OPEN.has(answer.status)) return answer;
    last = answer ?? last;
    await sleep(PAUSE_MS);
  }
  throw new Error(`${path} was not decided: ${last?.status} ${last?.text}`);
}

/** Whether that is the work that was paid for. */
export const isDelivered = ({ status, body }: RestAnswer, work: string): boolean => status === 200 && at(body, "data", "work") === work;
