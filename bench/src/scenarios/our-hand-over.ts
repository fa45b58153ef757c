import type { Pool } from "undici";
import { openStream } from "../harness/open-stream.ts";
import { SCRIPTS } from "../harness/scripts.ts";
import { type Ours, readEvent } from "../targets/ours.ts";

/** Queues `turns` messages behind a running turn; answers the ms from each turn's last frame to the next one's `turn_started`. */
export async function ourHandOver(pool: Pool, ours: Ours, turns: number): Promise<number[]> {
  const times: number[] = [];
  let endedAt = Number.NaN;
  let begun = (_conversationId: string) => {};
  const conversation = new Promise<string>((resolve) => {
    begun = resolve;
  });
  const { ended } = openStream(pool, ours.target.streamed(SCRIPTS.queued), (data) => {
    const { type, task_id } = readEvent(data);
    if (type === "task_finished") endedAt = performance.now();
    if (type !== "turn_started") return;
    if (times.length === 0 && Number.isNaN(endedAt)) begun(task_id);
    else times.push(performance.now() - endedAt);
  });
  const conversationId = await Promise.race([
    conversation,
    ended.then(() => Promise.reject(new Error("The stream ended before its turn started."))),
  ]);
  for (let turn = 0; turn < turns; turn++) {
    const { statusCode, body } = await pool.request(ours.message(SCRIPTS.queued, conversationId));
    const answer = await body.text();
    if (statusCode !== 200 || !answer.includes('"queued"'))
      throw new Error(`A message was not queued: ${statusCode} ${answer.slice(0, 300)}`);
  }
  await ended;
  if (times.length !== turns) throw new Error(`${times.length} of ${turns} queued turns ran on the stream.`);
  return times;
}
