import type { Pool } from "undici";
import { openStream } from "../harness/open-stream.ts";
import { type Ours, readEvent } from "../targets/ours.ts";
import type { Script } from "../upstream/script.ts";

const POLL_MS = 100;
const SUMMARISED_MS = 300_000;
/** More than this many turns behind the newest summary are about to be summarised. */
const TAIL_TURNS_MAX = 30;

/** Makes a conversation of so many turns, and waits until its old ones are summarised. Answers its id. */
export async function growThread(
  pool: Pool,
  { owner, organizationId, target, continued }: Ours,
  turns: number,
  script: Script,
): Promise<string> {
  let id = "";
  await openStream(pool, target.streamed(script), (data) => {
    const event = readEvent(data);
    if (event.type === "task_created") id = event.task_id;
  }).ended;
  await owner`
    insert into turns (id, organization_id, conversation_id, number, message_id, agent_version, status, text, files, options, result,
      finished_at)
    select uuidv7(), ${organizationId}, ${id}, number, uuidv7(), 1, 'completed', 'Tell me about topic ' || number || '.', '[]', '{}',
      'About topic ' || number || ' there is this: ' || repeat('so much and more ', 12), now()
    from generate_series(2, ${turns}::int) number`;
  await owner`update conversations set turn_number = ${turns} where id = ${id}`;
  await openStream(pool, continued(script, id), () => undefined).ended;
  const startedAt = performance.now();
  for (;;) {
    const [row] = await owner<{ through: number }[]>`select summarised_through(c) as through from conversations c where id = ${id}`;
    if ((row?.through ?? 0) >= turns - TAIL_TURNS_MAX) return id;
    if (performance.now() - startedAt > SUMMARISED_MS) throw new Error(`The thread is summarised through turn ${row?.through} only.`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
