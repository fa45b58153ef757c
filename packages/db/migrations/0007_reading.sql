-- Reads of the front door: one round trip each. Null where the caller's organization has no such thing.

-- The log after a cursor, its head, and the running turn's checkpoint.
create function read_log(organization uuid, conversation uuid, after_epoch bigint, after_n int, rows_max int) returns jsonb
language plpgsql as $$
declare
  c conversations;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  select * into c from conversations where id = conversation;
  if not found then return null; end if;
  return jsonb_build_object(
    'head', c.head_epoch || '-' || c.head_n, 'running', c.state = 'running', 'epoch', c.epoch,
    'events', (
      select coalesce(jsonb_agg(jsonb_build_object('cursor', e.epoch || '-' || e.n, 'type', e.type, 'executionId', e.execution_id,
        'turnId', e.turn_id, 'at', iso(e.at), 'data', e.data)
        || case when e.previous is null then '{}' else jsonb_build_object('previous', e.previous) end order by e.epoch, e.n), '[]')
      from (select * from events where conversation_id = conversation and month = c.month and (epoch, n) > (after_epoch, after_n)
        order by epoch, n limit rows_max) e),
    'checkpoint', (select jsonb_build_object('turnId', k.turn_id, 'cursor', k.epoch || '-' || k.n, 'texts', k.texts)
      from checkpoints k where k.turn_id = c.turn_id and k.epoch = c.epoch),
    'execution', (select execution_json(x) from executions x where x.id = c.id));
end $$;

-- The durable heads of conversations of many organizations: [{conversationId, head}].
create function read_heads(organizations uuid[], ids uuid[]) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', organizations::text, true);
  return (select coalesce(jsonb_agg(jsonb_build_object('conversationId', id, 'head', head_epoch || '-' || head_n)), '[]')
    from conversations where id = any (ids));
end $$;

create function read_run_state(organization uuid, conversation uuid) returns jsonb language plpgsql as $$
declare
  c conversations;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  select * into c from conversations where id = conversation;
  if not found then return null; end if;
  return jsonb_build_object('conversationId', c.id, 'agentId', c.agent_id, 'state', c.state, 'held', c.held, 'turnId', c.turn_id,
    'turnNumber', c.turn_number, 'queueDepth', c.queue_depth, 'cardsOpen', c.cards_open, 'cursor', c.head_epoch || '-' || c.head_n,
    'version', c.version,
    'status', (select status from executions where id = c.id),
    'activeChildId', (select id from executions where conversation_id = c.id and mode = 'sync' and status = 'executing' and turn_id = c.turn_id
      order by created_at, id limit 1),
    'queue', (select coalesce(jsonb_agg(jsonb_build_object('id', m.id, 'turnId', m.turn_id, 'text', m.text, 'files', m.files, 'user', m.end_user,
        'mode', m.mode, 'position', m.position, 'idempotencyKey', m.idempotency_key, 'enqueuedAt', iso(m.enqueued_at)) order by m.position), '[]')
      from (select *, row_number() over (order by seq) as position from messages
        where conversation_id = c.id and state = 'queued' order by seq limit 1000) m));
end $$;

-- Deletes a conversation and all below it. False while any of it runs or waits to run; nothing is deleted then.
-- Usage stays: what was used was used. Runs in a transaction that has named its organization.
create function delete_conversation(conversation uuid) returns boolean language plpgsql as $$
declare
  logs uuid[];
  doomed uuid[];
begin
  with recursive below as (
    select id from executions where id = conversation
    union all select child.id from executions child join below on child.parent_id = below.id
  )
  select array_agg(id) into doomed from below;
  perform from conversations where id = any (doomed) order by depth desc, id for update;
  select array_agg(id) into logs from conversations where id = any (doomed);
  if exists (select from conversations where id = any (logs) and state in ('ready', 'running')) then return false; end if;
  delete from events e using conversations c where c.id = any (logs) and e.conversation_id = c.id and e.month = c.month;
  delete from journal where turn_id in (select id from turns where conversation_id = any (logs));
  delete from checkpoints where turn_id in (select id from turns where conversation_id = any (logs));
  delete from cards where conversation_id = any (logs);
  delete from inbox where conversation_id = any (logs);
  delete from messages where conversation_id = any (logs);
  delete from turns where conversation_id = any (logs);
  delete from executions where id = any (doomed);
  delete from conversations where id = any (logs);
  return true;
end $$;

-- The root execution as it was in one of its turns. Null where the conversation has no such turn begun.
create function read_turn(organization uuid, conversation uuid, turn uuid) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  return (
    select execution_json(e) || jsonb_build_object('turnId', t.id, 'turnNumber', t.number, 'result', t.result, 'reason', t.reason,
      'usage', t.usage, 'attempt', t.attempt, 'input', jsonb_build_object('text', t.text, 'files', t.files), 'user', t.end_user,
      'options', t.options, 'startedAt', iso(t.started_at), 'finishedAt', iso(t.finished_at),
      'stoppedByUser', t.status = 'stopped' and t.reason = 'user_stop',
      'status', case t.status when 'running' then 'executing' else t.status end)
    from turns t join executions e on e.id = t.conversation_id
    where t.id = turn and t.conversation_id = conversation);
end $$;
