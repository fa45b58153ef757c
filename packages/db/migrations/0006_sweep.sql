-- What the sweep finds. Indexes on columns that only change when the state does, so that heartbeats stay cheap.

create index conversations_alive on conversations (state) where state in ('ready', 'running');
create index conversations_due on conversations (due_at) where due_at is not null;
create index conversations_draining on conversations (drain_at) where drain_at is not null;
create index conversations_asking on conversations (root_conversation_id) where state = 'paused' and root_conversation_id is not null;

-- Who holds a named office until when. True for the one who has it now.
create function hold_office(office text, candidate text, hold_ms int) returns boolean language plpgsql as $$
begin
  insert into elections as e (name, holder, until) values (office, candidate, clock_timestamp() + hold_ms * interval '1 millisecond')
  on conflict (name) do update set holder = excluded.holder, until = excluded.until
    where e.holder = excluded.holder or e.until < clock_timestamp();
  return found;
end $$;

-- Conversations that need somebody: a lease ran out, a kick was lost, an idle queue is past its grace, a drain order is
-- not done, a child waits for answers though its root was stopped. Each one found waits twice as long before it is found again. `takeovers` false: leases are left alone.
create function take_repairs(takeovers boolean, repairs_max int) returns jsonb language sql as $$
  with due as (
    select id from conversations
    where (state = 'running' and takeovers and lease_until + (power(2, least(kicks, 6)) - 1) * interval '1 second' < clock_timestamp())
      or (state = 'ready' and ready_at + power(2, least(kicks + 1, 8)) * interval '1 second' < clock_timestamp())
      or (due_at < clock_timestamp() and state = 'idle' and not held)
      or (drain_at + power(2, least(kicks, 6)) * interval '1 second' < clock_timestamp())
    order by coalesce(ready_at, lease_until, due_at, drain_at)
    limit repairs_max
    for update skip locked
  ), asking as (
    -- By itself, so that the plan above stays one of indexes.
    select id from conversations c
    where state = 'paused' and root_conversation_id is not null and exists (
      select from conversations root where root.id = c.root_conversation_id and root.stopped_through_turn >= c.root_turn_number)
    limit repairs_max
    for update skip locked
  ), counted as (
    update conversations c set kicks = c.kicks + 1 from (select id from due union select id from asking) found where c.id = found.id
    returning c.id, c.organization_id
  )
  select coalesce(jsonb_agg(jsonb_build_object('conversationId', id, 'organizationId', organization_id)), '[]') from counted
$$;

-- Repairs that could not be ordered: they are found again at once.
create function return_repairs(ids uuid[]) returns void language sql as $$
  update conversations set kicks = greatest(kicks - 1, 0) where id = any (ids)
$$;

-- What the reaper does about one: an idle queue is released, anything else only needs its kick.
create function repair_conversation(organization uuid, conversation uuid) returns jsonb language plpgsql as $$
declare
  c conversations := lock_conversation(organization, conversation);
begin
  if c.id is null then return jsonb_build_object('events', '[]'::jsonb, 'kick', false, 'epoch', 0, 'isChild', false); end if;
  if c.state = 'idle' then return release_queue(organization, conversation, c.drain_at is not null); end if;
  if c.state = 'paused' and is_stopped(c) then
    -- Whoever claims it is told that it is stopped, and writes its end.
    c.state := 'ready';
    c.ready_at := clock_timestamp();
    c.kicks := 0;
    perform save_conversation(c);
  end if;
  return jsonb_build_object('events', '[]'::jsonb, 'epoch', c.epoch, 'isChild', c.parent_conversation_id is not null,
    'kick', c.state = 'ready' or (c.state = 'running' and c.lease_until < clock_timestamp()));
end $$;

create function forget_idempotency_keys(older_than interval) returns int language sql as $$
  with gone as (delete from idempotency_keys where created_at < now() - older_than returning 1) select count(*)::int from gone
$$;
