import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import type { AgentName } from "../../../chaos/arena/open-slot.ts";
import { type Crowd, emptyCrowd, joinCrowd, sayFor, tokensFor } from "./crowd.ts";
import type { Stage } from "./open-stage.ts";

interface Kind {
  count: number;
  agent?: AgentName;
  /** What its messages have the model do; the first runs for about that long, the others wait behind it. */
  messages(ms: number): string[];
}

const KINDS: Record<string, Kind> = {
  plain: { count: 24, messages: (ms) => [sayFor(ms)] },
  queue: { count: 10, messages: (ms) => [sayFor(ms), sayFor(300), sayFor(300)] },
  wait: { count: 6, messages: (ms) => [`call:helper,helper:${tokensFor(ms, "x")}; ${sayFor(300)}`] },
  wake: { count: 5, agent: "waker", messages: (ms) => [`call:background,background:${tokensFor(ms, "x")}; ${sayFor(ms)}`] },
  tools: { count: 3, messages: (ms) => [`use:charge:late use:lookup:slow; ${sayFor(ms)}`] },
  ask: { count: 2, messages: () => [`ask; ${sayFor(300)}`] },
};
const LOOK_MS = 10;
const LIVE = Object.values(KINDS).reduce((sum, { count }) => sum + count, 0);
/** Beyond so many that came too late this machine is too busy for any crowd. */
const LIVE_TRIED_MAX = 10 * LIVE;

export interface CrowdOptions {
  /** How long the first turns run: the shortest and the longest. */
  fromMs: number;
  toMs: number;
}

/**
 * Begins fifty conversations and resolves when fifty turns are under way: they run, or wait for their users. On a busy machine some have
 * ended before the last has begun; others come in their place.
 */
export async function beginCrowd(stage: Stage, { fromMs, toMs }: CrowdOptions): Promise<Crowd> {
  const crowd = emptyCrowd(stage);
  const kinds = Object.entries(KINDS).flatMap(([name, kind]) =>
    Array.from({ length: kind.count }, (_, index) => ({ ...kind, name: `${name}${index}` })),
  );
  await Promise.all(
    kinds.map(({ messages, ...kind }, index) =>
      joinCrowd(stage, crowd, { ...kind, messages: messages(fromMs + ((toMs - fromMs) * index) / kinds.length) }),
    ),
  );
  let live = await untilAllAreAtWork(stage, crowd);
  while (live < LIVE) {
    expect(crowd.talks.length).toBeLessThan(LIVE_TRIED_MAX);
    const names = Array.from({ length: LIVE - live }, (_, index) => `plain${crowd.talks.length + index}`);
    await Promise.all(names.map((name) => joinCrowd(stage, crowd, { name, messages: [sayFor(toMs)] })));
    live = await untilAllAreAtWork(stage, crowd);
  }
  return crowd;
}

/** Gives how many there are that have something to do still. */
async function untilAllAreAtWork({ sql }: Stage, { talks }: Crowd): Promise<number> {
  const ids = talks.map(({ conversationId }) => conversationId ?? "");
  for (;;) {
    const states = await sql<{ state: string }[]>`select state from conversations where id in ${sql(ids)} and state <> 'idle'`;
    if (states.every(({ state }) => state !== "ready")) return states.length;
    await sleep(LOOK_MS);
  }
}
