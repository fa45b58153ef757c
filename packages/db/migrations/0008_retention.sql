-- How long things are kept, and reading a long log piece by piece.

-- Epochs start from the clock: every cursor of a conversation that was deleted is older than all of one that is made anew
-- under its id.
alter table conversations alter epoch set default (extract(epoch from clock_timestamp()) * 1000)::bigint;
alter table conversations
  -- The last event that is not kept any more; 0-0 where all are.
  add trimmed_epoch bigint not null default 0,
  add trimmed_n int not null default 0,
  -- When retention looked at it last. Nothing else changes it, so that the index costs a turn nothing.
  add looked_at timestamptz not null default now();
create index conversations_by_look on conversations (looked_at) where parent_conversation_id is null;

-- The journal is only ever appended to: an index over ranges of its pages is next to nothing, and finds what is old.
create index journal_by_age on journal using brin (created_at) with (pages_per_range = 32, autosummarize = on);

create function event_json(e events) returns jsonb language sql stable as $$
  select jsonb_build_object('cursor', e.epoch || '-' || e.n, 'type', e.type, 'executionId', e.execution_id, 'turnId', e.turn_id,
    'at', iso(e.at), 'data', e.data) || case when e.previous is null then '{}' else jsonb_build_object('previous', e.previous) end
$$;

-- The log after a cursor, its head, where it was trimmed, and the running turn's checkpoint.
create or replace function read_log(organization uuid, conversation uuid, after_epoch bigint, after_n int, rows_max int) returns jsonb
language plpgsql as $$
declare
  c conversations;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  select * into c from conversations where id = conversation;
  if not found then return null; end if;
  return jsonb_build_object(
    'head', c.head_epoch || '-' || c.head_n, 'trimmed', c.trimmed_epoch || '-' || c.trimmed_n, 'running', c.state = 'running',
    'epoch', c.epoch,
    'events', (
      select coalesce(jsonb_agg(event_json(e) order by e.epoch, e.n), '[]')
      from (select * from events where conversation_id = conversation and month = c.month and (epoch, n) > (after_epoch, after_n)
        order by epoch, n limit rows_max) e),
    'checkpoint', (select jsonb_build_object('turnId', k.turn_id, 'cursor', k.epoch || '-' || k.n, 'texts', k.texts)
      from checkpoints k where k.turn_id = c.turn_id and k.epoch = c.epoch),
    'execution', (select execution_json(x) from executions x where x.id = c.id));
end $$;

-- The newest whole turns before a cursor that fit the bounds, oldest first; the newest one is there whatever its size.
-- `older` is the cursor before which there is more, or null. Null where the organization has no such conversation.
create function read_log_back(organization uuid, conversation uuid, before_epoch bigint, before_n int, turns_max int, bytes_max int,
  children_max int) returns jsonb language plpgsql as $$
declare
  c conversations;
  e record;
  turns int := 0;
  children int := 0;
  bytes bigint := 0;
  from_epoch bigint := 0;
  from_n int := 0;
  more boolean := false;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  select * into c from conversations where id = conversation;
  if not found then return null; end if;
  for e in
    select epoch, n, type, octet_length(data::text) as size from events
    where conversation_id = conversation and month = c.month and (epoch, n) < (before_epoch, before_n) order by epoch desc, n desc
  loop
    bytes := bytes + e.size;
    if e.type = 'child.created' then children := children + 1; end if;
    if turns > 0 and (turns = turns_max or bytes > bytes_max or children > children_max) then
      more := true;
      exit;
    end if;
    if e.type = 'turn.created' then
      turns := turns + 1;
      from_epoch := e.epoch;
      from_n := e.n;
    end if;
  end loop;
  if not more then
    from_epoch := 0;
    from_n := 0;
  end if;
  return jsonb_build_object('older', case when more then from_epoch || '-' || from_n end, 'events', (
    select coalesce(jsonb_agg(event_json(x) order by x.epoch, x.n), '[]') from events x
    where conversation_id = conversation and month = c.month and (epoch, n) >= (from_epoch, from_n) and (epoch, n) < (before_epoch, before_n)));
end $$;

-- What one execution did in one turn, oldest first. A turn is written by those who claimed it, and a claim's epoch is at least
-- the clock's milliseconds: nothing before the turn's own time has to be looked at.
create function read_turn_events(organization uuid, conversation uuid, turn uuid, execution uuid) returns jsonb language plpgsql as $$
declare
  since timestamptz;
  c conversations;
  e events;
  lines jsonb[] := '{}';
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  select * into c from conversations where id = conversation;
  if not found then return null; end if;
  select created_at into since from turns where id = turn and conversation_id = conversation;
  if not found then return '[]'; end if;
  for e in
    select * from events where conversation_id = conversation and month = c.month and epoch >= (extract(epoch from since) * 1000)::bigint
    order by epoch, n
  loop
    continue when e.turn_id is distinct from turn;
    if e.execution_id = execution then lines := array_append(lines, event_json(e)); end if;
    exit when e.type in ('turn.completed', 'turn.failed', 'turn.stopped');
  end loop;
  return to_jsonb(lines);
end $$;

-- Tokens of all turns of a conversation as `root`, and of every execution below it as `below`: numbers only, however many.
create function read_usage(organization uuid, conversation uuid) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  return (
    with recursive below as (
      select id, usage from executions where parent_id = conversation
      union all select child.id, child.usage from executions child join below on child.parent_id = below.id
    ), used as (
      select 'root' as part, usage from turns where conversation_id = conversation
      union all select 'below', usage from below
    ), summed as (
      select part, jsonb_build_object('inputTokens', coalesce(sum((usage->>'inputTokens')::bigint), 0),
        'outputTokens', coalesce(sum((usage->>'outputTokens')::bigint), 0), 'cachedTokens', coalesce(sum((usage->>'cachedTokens')::bigint), 0),
        'reasoningTokens', coalesce(sum((usage->>'reasoningTokens')::bigint), 0), 'modelCalls', coalesce(sum((usage->>'modelCalls')::bigint), 0),
        'estimated', coalesce(bool_or((usage->>'estimated')::boolean), false)) as usage
      from used group by part
    )
    select coalesce(jsonb_object_agg(part, usage), '{}') from summed);
end $$;

-- The names of the tools that an execution called in its newest turn, each once.
create function read_used_tools(organization uuid, execution uuid) returns jsonb language plpgsql as $$
declare
  x executions;
  turn uuid;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  select * into x from executions where id = execution;
  if not found then return '[]'; end if;
  turn := x.turn_id;
  -- A background child's row names the turn that it was born in; what it did is in its own.
  if x.mode = 'async' then select id into turn from turns where conversation_id = x.id order by number desc limit 1; end if;
  return (select coalesce(jsonb_agg(distinct e->'data'->'tool'), '[]')
    from jsonb_array_elements(read_turn_events(organization, x.conversation_id, turn, execution)) e where e->>'type' = 'tool.called');
end $$;

-- Removes the oldest events up to a place, at most so many; what is gone is marked, so that no reader passes over it unknowing.
-- Returns how many it removed. The conversation is locked by the caller.
create function trim_log(c conversations, to_epoch bigint, to_n int, rows_max int) returns int language plpgsql as $$
declare
  last record;
  gone int;
begin
  select epoch, n into last from (
    select epoch, n from events where conversation_id = c.id and month = c.month and (epoch, n) <= (to_epoch, to_n)
    order by epoch, n limit rows_max) eldest
  order by epoch desc, n desc limit 1;
  if not found then return 0; end if;
  delete from events where conversation_id = c.id and month = c.month and (epoch, n) <= (last.epoch, last.n);
  get diagnostics gone = row_count;
  update conversations set trimmed_epoch = last.epoch, trimmed_n = last.n where id = c.id;
  return gone;
end $$;

-- Looks at one conversation with all that is below it: deletes it when nothing has happened in it for `conversation_days`, and
-- otherwise removes the events of turns that ended more than `event_days` ago. 0 days: for ever. Removes at most `rows_max`
-- events, children's first, and says whether there is more. What runs, waits or asks is left alone.
create function retain_conversation(organization uuid, conversation uuid, conversation_days int, event_days int, rows_max int)
returns jsonb language plpgsql as $$
declare
  logs uuid[];
  c conversations;
  place record;
  removed int := 0;
  deletes boolean;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  -- Whoever is at work on it goes first; it is looked at again.
  perform set_config('lock_timeout', '500ms', true);
  select array_agg(id) into logs from conversations where id = conversation or root_conversation_id = conversation;
  perform from conversations where id = any (logs) order by depth desc, id for update;
  deletes := conversation_days > 0
    and not exists (select from conversations where id = any (logs) and (state <> 'idle' or queue_depth > 0))
    and not exists (select from executions where id = any (logs) and updated_at > now() - make_interval(days => conversation_days));
  for c in select * from conversations where id = any (logs) order by depth desc, id loop
    exit when removed >= rows_max;
    if deletes then
      removed := removed + trim_log(c, c.head_epoch, c.head_n, rows_max - removed);
    elsif event_days > 0 then
      select epoch, n into place from events where conversation_id = c.id and month = c.month
        and type in ('turn.completed', 'turn.failed', 'turn.stopped') and at < now() - make_interval(days => event_days)
      order by epoch desc, n desc limit 1;
      if found then removed := removed + trim_log(c, place.epoch, place.n, rows_max - removed); end if;
    end if;
  end loop;
  if removed >= rows_max then return jsonb_build_object('removed', removed, 'more', true); end if;
  if deletes and cardinality(logs) > 0 then perform delete_conversation(conversation); end if;
  return jsonb_build_object('removed', removed, 'more', false);
end $$;

-- The sweep's own: what it may see of other tables is ids and times.

-- Conversations that nobody has looked at for so long; from here on they count as looked at.
create function take_unlooked(older_than interval, conversations_max int) returns jsonb language sql as $$
  with found as (
    select id from conversations where parent_conversation_id is null and looked_at < now() - older_than
    order by looked_at limit conversations_max for update skip locked
  ), looked as (
    update conversations c set looked_at = now() from found where c.id = found.id returning c.id, c.organization_id
  )
  select coalesce(jsonb_agg(jsonb_build_object('conversationId', id, 'organizationId', organization_id)), '[]') from looked
$$;

-- The journal of turns that ended so long ago. Returns how many rows it removed; 0 when there are none left.
create function forget_journal(older_than interval, rows_max int) returns int language plpgsql as $$
declare
  gone int;
begin
  perform set_config('lock_timeout', '500ms', true);
  delete from journal where turn_id = any (array(
    select j.turn_id from journal j join turns t on t.id = j.turn_id
    where j.created_at < now() - older_than and t.finished_at < now() - older_than limit rows_max));
  get diagnostics gone = row_count;
  return gone;
end $$;

drop function forget_idempotency_keys(interval);
create function forget_idempotency_keys(older_than interval, rows_max int) returns int language plpgsql as $$
declare
  gone int;
begin
  perform set_config('lock_timeout', '500ms', true);
  delete from idempotency_keys where (organization_id, principal_id, route, key) in (
    select organization_id, principal_id, route, key from idempotency_keys where created_at < now() - older_than
    order by created_at limit rows_max);
  get diagnostics gone = row_count;
  return gone;
end $$;

-- Months long past whose partitions are empty. One that is in use right now is left for the next time; what is written later
-- for such a month goes to the default partition. Returns the names of those dropped.
create function drop_empty_partitions() returns text[] language plpgsql security definer set search_path = public as $$
declare
  old record;
  used boolean;
  dropped text[] := '{}';
begin
  perform set_config('lock_timeout', '200ms', true);
  for old in
    select parent.relname as parent, part.relname as part
    from pg_inherits join pg_class parent on parent.oid = inhparent join pg_class part on part.oid = inhrelid
    where parent.relnamespace = 'public'::regnamespace and parent.relname in ('events', 'usage_records') and part.relname ~ '_[0-9]{6}$'
      and right(part.relname, 6) < to_char(now() at time zone 'utc' - interval '1 month', 'YYYYMM')
    order by part.relname
  loop
    execute format('select exists (select from %I)', old.part) into used;
    continue when used;
    begin
      execute format('lock table only %I in access exclusive mode', old.parent);
      execute format('lock table %I in access exclusive mode', old.part);
      execute format('select exists (select from %I)', old.part) into used;
      if not used then
        execute format('drop table %I', old.part);
        dropped := array_append(dropped, old.part::text);
      end if;
    exception when lock_not_available then
      continue;
    end;
  end loop;
  return dropped;
end $$;
revoke all on function drop_empty_partitions from public;
grant execute on function drop_empty_partitions to parley_sweep;

create policy sweep on journal to parley_sweep using (true);
create policy sweep on turns for select to parley_sweep using (true);
grant select (turn_id, created_at), delete on journal to parley_sweep;
grant select (id, finished_at) on turns to parley_sweep;
grant update (looked_at) on conversations to parley_sweep;
