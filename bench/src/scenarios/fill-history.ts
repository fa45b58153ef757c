import type { Ours } from "../targets/ours.ts";
import type { Script } from "../upstream/script.ts";

const TURNS_EACH = 10;
/** Conversations per statement: half a million events. */
const BATCH = 500;

/** Writes so many conversations at rest, with so many events each, as the engine leaves them; and has Postgres take stock of them. */
export async function fillHistory(
  { owner, organizationId, agentOf }: Ours,
  { conversations, eventsEach, script }: { conversations: number; eventsEach: number; script: Script },
): Promise<void> {
  await owner`set synchronous_commit = off`;
  for (let made = 0; made < conversations; made += BATCH) {
    await owner`
      with made as (
        insert into conversations (id, organization_id, agent_id, month, turn_number, head_epoch, head_n)
        select uuidv7(), ${organizationId}, ${agentOf(script)}, date_trunc('month', now())::date, ${TURNS_EACH}, 1, ${eventsEach}
        from generate_series(1, ${Math.min(BATCH, conversations - made)})
        returning *
      ), executed as (
        insert into executions (id, organization_id, conversation_id, agent_id, agent_version, mode, status, input, result, turn_number)
        select id, organization_id, id, agent_id, 1, 'root', 'completed', '{"text": "Count for me, please."}', 't0 t1 t2', turn_number from made
      ), turned as (
        insert into turns (id, organization_id, conversation_id, number, message_id, agent_version, status, text, files, options, result,
          finished_at)
        select uuidv7(), organization_id, id, number, uuidv7(), 1, 'completed', 'Count for me, please.', '[]', '{}', 't0 t1 t2', now()
        from made, generate_series(1, turn_number) number
        returning *
      ), said as (
        insert into messages (id, organization_id, conversation_id, turn_id, seq, mode, state, text, files, options, agent_version, principal_id)
        select message_id, organization_id, conversation_id, id, number, 'auto', 'done', text, files, options, agent_version, 'key' from turned
      )
      insert into events (organization_id, conversation_id, month, epoch, n, type, execution_id, data, at)
      select organization_id, id, month, 1, n, 'tool.returned', id,
        jsonb_build_object('step', n, 'callId', 'call-' || n, 'tool', 'look', 'result', repeat('so much ', 12), 'isError', false), now()
      from made, generate_series(1, ${eventsEach}::int) n`;
  }
  // What Postgres does by itself after so many rows is not to happen beside the measurement.
  await owner`vacuum (analyze) events`;
  await owner`vacuum (analyze)`;
  await owner`checkpoint`;
}
