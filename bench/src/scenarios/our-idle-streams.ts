import type { Pool } from "undici";
import { openStream } from "../harness/open-stream.ts";
import { SCRIPTS } from "../harness/scripts.ts";
import { runConcurrently } from "../measure/run-concurrently.ts";
import { type Ours, readEvent } from "../targets/ours.ts";

const AWAKENED = 60;
const FIRST_EVENT_MS = 10_000;

/** Runs one turn in each of `count` new conversations to its end; answers their ids. */
export async function startConversations(pool: Pool, ours: Ours, count: number): Promise<string[]> {
  const ids: string[] = [];
  await runConcurrently(count, 32, async () => {
    let id: string | null = null;
    await openStream(pool, ours.target.streamed(SCRIPTS.short), (data) => {
      const event = readEvent(data);
      if (event.type === "task_created") id = event.task_id;
    }).ended;
    if (id === null) throw new Error("A stream never named its conversation.");
    ids.push(id);
  });
  return ids;
}

/**
 * Runs another turn in conversations spread over the list, one after the other, through a connection of its own; answers
 * the ms from each request to the first event on the attached stream. Rejects when one stays silent.
 */
export async function awakenStreams(
  pool: Pool,
  ours: Ours,
  conversations: readonly string[],
  listeners: Map<number, (data: string) => void>,
): Promise<number[]> {
  const times: number[] = [];
  const step = Math.max(1, Math.floor(conversations.length / AWAKENED));
  for (let index = 0; index < conversations.length; index += step) {
    const conversationId = conversations[index] ?? "";
    const startedAt = performance.now();
    const heard = new Promise<number>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`Attached stream ${index} heard nothing.`)), FIRST_EVENT_MS);
      listeners.set(index, (data) => {
        if (readEvent(data).type !== "task_created") return;
        clearTimeout(timer);
        resolve(performance.now() - startedAt);
      });
    });
    const { ended } = openStream(pool, ours.continued(SCRIPTS.short, conversationId), () => undefined);
    times.push(await heard);
    await ended;
    listeners.delete(index);
  }
  return times;
}
