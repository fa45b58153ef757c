-- Fair share. What waits for its organization's share stands ready as a row; that is no reason to kick it again.

-- How large an organization's share is beside that of others.
alter table organizations add column weight real not null default 1 check (weight > 0 and weight <= 1000);

-- By organization and age, at the price of the index that it replaces.
drop index conversations_alive;
create index conversations_alive on conversations (state, organization_id, ready_at) where state in ('ready', 'running');

-- Conversations that need somebody: a lease ran out, an idle queue is past its grace, a drain order is not done, a child waits for answers
-- though its root was stopped. Each one found waits twice as long before it is found again. `takeovers` false: leases are left alone.
-- Takeovers come first: one organization's thousands of idle queues do not hold them up. Ready ones are found by `find_ready`.
create or replace function take_repairs(takeovers boolean, repairs_max int) returns jsonb language sql as $$
  with due as (
    select id from conversations
    where (state = 'running' and takeovers and lease_until + (power(2, least(kicks, 6)) - 1) * interval '1 second' < clock_timestamp())
      or (due_at + (power(2, least(kicks, 6)) - 1) * interval '1 second' < clock_timestamp() and state = 'idle' and not held)
      or (drain_at + power(2, least(kicks, 6)) * interval '1 second' < clock_timestamp())
    order by state <> 'running', coalesce(lease_until, due_at, drain_at)
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

-- Of each organization the conversations that have been ready longest, at most `each_max`: for two seconds, and twice as long for each
-- time that they were found without a kick. Returns [{organizationId, conversationId, epoch, isChild, readyAtMs, graceMs}], the oldest
-- first. Changes and locks nothing.
create function find_ready(each_max int, total_max int) returns jsonb language sql stable as $$
  -- From one organization to the next through the index, past all that the first one has.
  with recursive waiting (organization_id) as (
    (select organization_id from conversations where state = 'ready' order by organization_id limit 1)
    union all
    select (select c.organization_id from conversations c where c.state = 'ready' and c.organization_id > waiting.organization_id
      order by c.organization_id limit 1)
    from waiting where waiting.organization_id is not null
  ), oldest as (
    select found.* from waiting cross join lateral (
      select id, organization_id, epoch, ready_at, parent_conversation_id is not null as is_child, power(2, least(kicks + 1, 8)) as grace
      from conversations
      where state = 'ready' and organization_id = waiting.organization_id and ready_at < clock_timestamp() - interval '2 seconds'
        and ready_at + power(2, least(kicks + 1, 8)) * interval '1 second' < clock_timestamp()
      order by ready_at limit each_max
    ) found
    order by found.ready_at limit total_max
  )
  select coalesce(jsonb_agg(jsonb_build_object('organizationId', organization_id, 'conversationId', id, 'epoch', epoch, 'isChild', is_child,
    'readyAtMs', (extract(epoch from ready_at) * 1000)::bigint, 'graceMs', grace * 1000) order by ready_at), '[]')
  from oldest
$$;

-- Ready conversations that were found without a kick.
create function count_kicks(ids uuid[]) returns void language sql as $$
  update conversations set kicks = kicks + 1 where id = any (ids) and state = 'ready'
$$;

create policy sweep on organizations for select to parley_sweep using (true);
grant select (id, weight) on organizations to parley_sweep;

-- Weights other than 1, by organization.
create function read_weights() returns jsonb language sql stable as $$
  select coalesce(jsonb_object_agg(id, weight), '{}') from organizations where weight <> 1
$$;
