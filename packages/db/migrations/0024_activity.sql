-- What happens in an organization, numbered: made of the logs, of recorded usage, and of what is in neither. One relay gives the numbers,
-- behind the transactions that it tells of: a turn's commit knows nothing of it.

-- The transaction that wrote the row. All below the lowest one that still runs are over, so that whoever reads up to there misses nothing
-- and reads nothing twice. Rows of before have none. The index is over ranges of pages and costs an insert next to nothing.
alter table events add column transaction bigint;
alter table events alter column transaction set default (pg_current_xact_id()::text::bigint);
create index events_by_transaction on events using brin (transaction) with (pages_per_range = 32, autosummarize = on);
alter table usage_records add column transaction bigint;
alter table usage_records alter column transaction set default (pg_current_xact_id()::text::bigint);
create index usage_records_by_transaction on usage_records using brin (transaction) with (pages_per_range = 32, autosummarize = on);
alter table direct_calls add column transaction bigint;
alter table direct_calls alter column transaction set default (pg_current_xact_id()::text::bigint);
create index direct_calls_by_transaction on direct_calls using brin (transaction) with (pages_per_range = 32, autosummarize = on);

-- Of a fact only what says nothing of its content. The content is read where it is: in the log, in the message; gone there, gone here.
create table activity (
  organization_id uuid not null,
  id bigint not null,
  type text not null,
  agent_id uuid,
  conversation_id uuid,
  -- Its place in the log, where it has one.
  month date,
  epoch bigint,
  n int,
  at timestamptz not null,
  data jsonb not null,
  primary key (organization_id, id)
);
create index activity_by_age on activity using brin (at) with (pages_per_range = 32, autosummarize = on);

-- The newest number of each organization.
create table activity_heads (
  organization_id uuid primary key,
  last_id bigint not null
) with (fillfactor = 50);

-- Facts that are in no log, written in the transaction that makes them true.
create table activity_outbox (
  id bigint generated always as identity primary key,
  organization_id uuid not null,
  type text not null,
  agent_id uuid,
  conversation_id uuid,
  at timestamptz not null default clock_timestamp(),
  data jsonb not null
);

-- How far the relay has come: everything of transactions before this one is told. Whoever relays holds its only row.
create table activity_relay (
  is_only boolean primary key default true check (is_only),
  transaction bigint not null
) with (fillfactor = 50);
insert into activity_relay (transaction) values (pg_snapshot_xmin(pg_current_snapshot())::text::bigint);

-- Which conversation stands behind a name that a client has chosen.
create table chats (
  organization_id uuid not null,
  agent_id uuid not null,
  -- SHA-256 of the name.
  name_hash text not null,
  conversation_id uuid not null,
  changed_at timestamptz not null default now(),
  primary key (organization_id, agent_id, name_hash)
);
create index chats_of_conversation on chats (conversation_id);

do $$
declare
  name text;
begin
  foreach name in array array['activity', 'activity_heads', 'activity_outbox', 'chats'] loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format(
      'create policy tenant on %I to parley_app using (organization_id = any (nullif(current_setting(''parley.organizations'', true), '''')::uuid[]))'
      ' with check (organization_id = any (nullif(current_setting(''parley.organizations'', true), '''')::uuid[]))', name);
    execute format('grant select, insert, update, delete on %I to parley_app', name);
    -- The relay's functions run as the owner, who is under row-level security too where it is no superuser.
    execute format('create policy relay on %I to %I using (true) with check (true)', name, current_user);
  end loop;
  foreach name in array array[
    'events', 'usage_records', 'direct_calls', 'conversations', 'executions', 'turns', 'messages', 'cards', 'agent_versions'
  ] loop
    execute format('create policy relay on %I for select to %I using (true)', name, current_user);
  end loop;
end $$;

create function milliseconds(moment timestamptz) returns bigint language sql immutable parallel safe as $$
  select floor(extract(epoch from moment) * 1000)::bigint
$$;

create function provider_of(model text) returns text language sql immutable parallel safe as $$
  select case when strpos(model, '/') > 0 then split_part(model, '/', 1) end
$$;

-- What one event of a log is in the vocabulary of the dashboard: nothing, one fact or two.
create function activity_of(e events, c conversations) returns table (place int, type text, data jsonb) language sql stable as $$
  select 0, 'session:created', jsonb_build_object('sessionKey', c.id)
  from turns t where e.type = 'turn.created' and c.parent_conversation_id is null and t.id = e.turn_id and t.number = 1
  union all
  -- A message that has waited was received when it came, not when its turn begins.
  select 1, 'message:received', jsonb_build_object('messageId', m.id, 'channelId', c.id, 'channelType', 'gateway', 'senderId', m.principal_id,
    'sessionKey', c.id, 'hasText', m.text <> '', 'attachmentCount', jsonb_array_length(m.files))
  from messages m
  where (e.type = 'queue.updated' and e.data->>'action' = 'enqueue' or e.type = 'turn.created' and not exists (
      select from events before where before.conversation_id = e.conversation_id and before.month = e.month and before.epoch = e.epoch
        and before.n = e.n - 1 and before.type = 'queue.updated' and before.data->>'action' = 'drain'))
    and c.parent_conversation_id is null and m.id = (e.data->>'messageId')::uuid
    -- What a background result says to its agent is nobody's message.
    and m.principal_id not like 'execution:%'
  union all
  -- What a step has said that is not the last one: that is the answer.
  select 2, 'message:streaming', jsonb_build_object('channelId', c.id, 'messageId', e.turn_id, 'step', (e.data->>'step')::int,
    'deltaChars', length(e.data->>'text'))
  where e.type = 'step.completed' and e.execution_id = c.id and c.parent_conversation_id is null and e.data->>'text' <> ''
  union all
  select 3, 'message:sent', jsonb_build_object('channelId', c.id, 'messageId', e.turn_id, 'sessionKey', c.id,
    'hasText', coalesce(e.data->>'result', '') <> '', 'chars', length(coalesce(e.data->>'result', '')))
  where e.type = 'turn.completed' and c.parent_conversation_id is null
  union all
  select 4, 'session:sub_agent_spawned', jsonb_build_object('runId', e.data->'childId', 'parentSessionKey', c.id,
    'agentId', e.data->'agentId', 'mode', e.data->'mode')
  where e.type = 'child.created'
  union all
  select 5, 'session:sub_agent_spawn_started', jsonb_build_object('runId', c.id, 'parentSessionKey', c.parent_conversation_id,
    'agentId', c.agent_id, 'depth', c.depth)
  where e.type = 'turn.started' and c.parent_conversation_id is not null and (e.data->>'turnNumber')::int = 1 and (e.data->>'attempt')::int = 1
  union all
  select ended.place, ended.type, jsonb_build_object('runId', e.data->'childId', 'agentId', e.data->'agentId',
      'tokensUsed', (e.data->'usage'->>'inputTokens')::bigint + (e.data->'usage'->>'outputTokens')::bigint) || ended.data
  from (select coalesce((select milliseconds(x.finished_at) - milliseconds(x.created_at) from executions x where x.id = (e.data->>'childId')::uuid), 0) as ms) ran,
    lateral (values
      (6, 'session:sub_agent_completed', jsonb_build_object('success', e.data->>'status' = 'completed', 'runtimeMs', ran.ms)),
      (7, 'session:sub_agent_lifecycle_ended', jsonb_build_object('parentSessionKey', c.id,
        'endReason', coalesce(e.data->>'reason', e.data->>'status'), 'durationMs', ran.ms))
    ) ended (place, type, data)
  where e.type = 'child.finished'
  union all
  select 8, 'approval:requested', jsonb_build_object('requestId', e.data->'cardId', 'toolName', e.data->'approval'->'tool',
    'action', e.data->'approval'->'tool', 'agentId', e.data->'approval'->'agentId', 'sessionKey', c.id, 'createdAt', milliseconds(e.at),
    'timeoutMs', milliseconds((e.data->>'expiresAt')::timestamptz) - milliseconds(e.at))
  where e.type = 'card.opened' and e.data->>'kind' = 'approval'
  union all
  select 9, 'approval:resolved', jsonb_build_object('requestId', k.id, 'approved', e.data->>'outcome' = 'approved',
    'outcome', e.data->'outcome', 'approvedBy', e.data->'by', 'sessionKey', c.id, 'resolvedAt', milliseconds(e.at))
  from cards k where e.type = 'card.closed' and k.id = (e.data->>'cardId')::uuid and k.kind = 'approval'
  union all
  select 10, 'model:fallback_attempt', jsonb_build_object('fromProvider', provider_of(e.data->>'from'), 'fromModel', e.data->'from',
    'toProvider', provider_of(e.data->>'to'), 'toModel', e.data->'to')
  where e.type = 'model.fell_back'
  union all
  select 11, 'model:fallback_exhausted', jsonb_build_object('provider', provider_of(v.config->>'model'), 'model', v.config->'model',
    'modelCount', 1 + coalesce(jsonb_array_length(v.config->'fallbackModels'), 0))
  from turns t join agent_versions v on v.agent_id = c.agent_id and v.version = t.agent_version
  where e.type = 'turn.failed' and e.data->>'reason' = 'model_unavailable' and t.id = e.turn_id
  union all
  select 12, 'system:error', jsonb_build_object('source', 'turn', 'errorName', e.data->'reason', 'sessionKey', c.id)
  where e.type = 'turn.failed' and e.data->>'status' = 'error'
$$;

create function usage_activity(model text, input bigint, output bigint, cached bigint, reasoning bigint, is_estimated boolean) returns jsonb
language sql immutable as $$
  select jsonb_build_object('provider', provider_of(model), 'model', model, 'estimated', is_estimated, 'cacheReadTokens', cached,
    'reasoningTokens', reasoning, 'tokens', jsonb_build_object('prompt', input, 'completion', output, 'total', input + output))
$$;

-- Numbers what has been committed since the last time and is nobody's work any more, and lets go of what is beyond `kept_max` of an
-- organization. Atomic: two relays at once wait for each other, and what one has told the other does not find. A transaction of this
-- server that stays open holds back what was committed after it began, and loses nothing of it.
-- Returns {organizations: [those with news], more: whether there is more at once}.
create function relay_activity(kept_max int, kept_for interval) returns jsonb language plpgsql security definer set search_path = public as $$
declare
  -- In one go: what has gathered in an outage is told in several.
  transactions_max constant bigint := 20000;
  told bigint;
  horizon bigint;
  more boolean := false;
  heard uuid[];
begin
  select transaction into told from activity_relay for update;
  -- Asked only now, under the lock: every later statement sees all that is below it.
  horizon := pg_snapshot_xmin(pg_current_snapshot())::text::bigint;
  -- A database that was moved to another server may have counted further than this one.
  told := least(told, horizon);
  if horizon - told > transactions_max then
    horizon := told + transactions_max;
    more := true;
  end if;
  with taken as (
    delete from activity_outbox where id in (select id from activity_outbox order by id limit 5000 for update skip locked)
    returning organization_id, type, agent_id, conversation_id, at, data, id as place
  ), facts as (
    select c.organization_id, p.type, c.agent_id, e.conversation_id, e.month, e.epoch, e.n, e.at, p.data, p.place::bigint as place
    from events e join conversations c on c.id = e.conversation_id cross join lateral activity_of(e, c) p
    where e.transaction >= told and e.transaction < horizon and e.at > now() - kept_for and e.type in ('turn.created', 'queue.updated',
      'step.completed', 'turn.completed', 'child.created', 'turn.started', 'child.finished', 'card.opened', 'card.closed', 'model.fell_back', 'turn.failed')
    union all
    select u.organization_id, 'observability:token_usage', x.agent_id, c.id, null, null, null, u.created_at,
      usage_activity(u.model, u.input_tokens, u.output_tokens, u.cached_tokens, u.reasoning_tokens, u.estimated)
        || jsonb_build_object('executionId', u.execution_id, 'channelId', c.id, 'sessionKey', c.id), 13
    from usage_records u left join executions x on x.id = u.execution_id left join conversations c on c.id = u.conversation_id
    where u.transaction >= told and u.transaction < horizon and u.created_at > now() - kept_for
    union all
    select d.organization_id, 'observability:token_usage', null, null, null, null, null, d.at,
      usage_activity(d.model, d.input_tokens, d.output_tokens, d.cached_tokens, d.reasoning_tokens, d.estimated)
        || jsonb_build_object('executionId', d.id, 'latencyMs', d.latency_ms, 'route', d.route), 13
    from direct_calls d where d.transaction >= told and d.transaction < horizon and d.at > now() - kept_for
    union all
    select organization_id, type, agent_id, conversation_id, null, null, null, at, data, place from taken
  ), written as (
    -- Within one log `at` grows: whoever appends holds the conversation.
    insert into activity (organization_id, id, type, agent_id, conversation_id, month, epoch, n, at, data)
    select f.organization_id, coalesce(h.last_id, 0)
        + row_number() over (partition by f.organization_id order by f.at, f.conversation_id, f.epoch, f.n, f.place),
      f.type, f.agent_id, f.conversation_id, f.month, f.epoch, f.n, f.at, f.data
    from facts f left join activity_heads h on h.organization_id = f.organization_id
    returning organization_id, id
  ), moved as (
    insert into activity_heads as h (organization_id, last_id) select organization_id, max(id) from written group by organization_id
    on conflict (organization_id) do update set last_id = excluded.last_id returning h.organization_id
  )
  select coalesce(array_agg(organization_id), '{}') into heard from moved;
  update activity_relay set transaction = horizon where transaction <> horizon;
  delete from activity a using activity_heads h
  where h.organization_id = any (heard) and a.organization_id = h.organization_id and a.id <= h.last_id - kept_max;
  return jsonb_build_object('organizations', to_jsonb(heard), 'more', more);
end $$;
revoke all on function relay_activity from public;
grant execute on function relay_activity to parley_sweep;

-- What has happened so long ago, at most so many. Returns how many there were.
create function forget_activity(older_than interval, rows_max int) returns int language plpgsql security definer set search_path = public as $$
declare
  gone int;
begin
  delete from activity where (organization_id, id) in (
    select organization_id, id from activity where at < now() - older_than limit rows_max);
  get diagnostics gone = row_count;
  return gone;
end $$;
revoke all on function forget_activity from public;
grant execute on function forget_activity to parley_sweep;

-- A row of it as readers get it; `source` is its content, where that is wanted and still there.
create function activity_json(a activity, with_content boolean) returns jsonb language sql stable as $$
  select jsonb_build_object('id', a.id, 'type', a.type, 'agentId', a.agent_id, 'conversationId', a.conversation_id, 'at', iso(a.at), 'data', a.data,
    'source', case when with_content then case a.type
      when 'message:received' then (select jsonb_build_object('text', m.text, 'files', m.files, 'user', m.end_user)
        from messages m where m.id = (a.data->>'messageId')::uuid)
      else (select e.data from events e where e.conversation_id = a.conversation_id and e.month = a.month and e.epoch = a.epoch and e.n = a.n) end end)
$$;

-- What comes after a number, oldest first. Takes {organizationId, agentIds, types, after, limit, withContent}; of the rows looked at those
-- that the caller may see. Returns {items, through: the last number looked at, first: the oldest that is kept, head}.
create function read_activity(p jsonb) returns jsonb language plpgsql as $$
declare
  head bigint;
  looked bigint[];
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  head := coalesce((select last_id from activity_heads where organization_id = (p->>'organizationId')::uuid), 0);
  looked := array(select id from activity where organization_id = (p->>'organizationId')::uuid and id > (p->>'after')::bigint
    and id <= head order by id limit (p->>'limit')::int);
  return jsonb_build_object('head', head,
    'first', coalesce((select min(id) from activity where organization_id = (p->>'organizationId')::uuid), head + 1),
    'through', coalesce(looked[cardinality(looked)], greatest(head, (p->>'after')::bigint)),
    'items', (select coalesce(jsonb_agg(activity_json(a, (p->>'withContent')::boolean) order by a.id), '[]') from activity a
      where a.organization_id = (p->>'organizationId')::uuid and a.id = any (looked) and p->'types' ? a.type
        and (jsonb_typeof(p->'agentIds') = 'null' or p->'agentIds' ? a.agent_id::text)));
end $$;

-- The newest of these types, oldest first. Takes the same but `after`. Looks at the newest 5,000 rows.
create function read_newest_activity(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  return (select coalesce(jsonb_agg(activity_json(a, (p->>'withContent')::boolean) order by a.id), '[]') from activity a
    where a.organization_id = (p->>'organizationId')::uuid and a.id = any (array(
      select id from (
        select id, type, agent_id from activity where organization_id = (p->>'organizationId')::uuid order by id desc limit 5000
      ) newest
      where p->'types' ? type and (jsonb_typeof(p->'agentIds') = 'null' or p->'agentIds' ? agent_id::text)
      order by id desc limit (p->>'limit')::int)));
end $$;

create function read_activity_heads(organizations uuid[]) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', organizations::text, true);
  return (select coalesce(jsonb_object_agg(organization_id, last_id), '{}') from activity_heads where organization_id = any (organizations));
end $$;

-- The conversation behind a name: the one that is there, else `conversationId`. With `renew` always that one. With `conversationId` null
-- nothing is made, and the answer may be null. Takes {organizationId, agentId, nameHash, conversationId, renew}.
create function open_chat(p jsonb) returns jsonb language plpgsql as $$
declare
  found_id uuid;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  if p->>'conversationId' is not null then
    insert into chats as c (organization_id, agent_id, name_hash, conversation_id)
    values ((p->>'organizationId')::uuid, (p->>'agentId')::uuid, p->>'nameHash', (p->>'conversationId')::uuid)
    on conflict (organization_id, agent_id, name_hash) do update
      set conversation_id = case when (p->>'renew')::boolean then excluded.conversation_id else c.conversation_id end, changed_at = now()
      where (p->>'renew')::boolean;
  end if;
  select conversation_id into found_id from chats where organization_id = (p->>'organizationId')::uuid and agent_id = (p->>'agentId')::uuid
    and name_hash = p->>'nameHash';
  return to_jsonb(found_id);
end $$;

-- What is in no log is told by these, whoever changes the row; each only where its kind of change happens, none within a turn's commit
-- but for a memory that is tainted.

create function tell_activity(organization uuid, type text, agent uuid, conversation uuid, data jsonb) returns void language sql as $$
  insert into activity_outbox (organization_id, type, agent_id, conversation_id, data) values (organization, type, agent, conversation, data)
$$;

create function audit_data(action text, kind text, metadata jsonb) returns jsonb language sql immutable as $$
  select jsonb_build_object('actionType', action, 'classification', kind, 'outcome', 'success', 'metadata', metadata)
$$;

create function tell_agent_change() returns trigger language plpgsql security definer set search_path = public as $$
begin
  if tg_op = 'INSERT' then
    perform tell_activity(new.organization_id, 'agent:hot_added', new.id, null, jsonb_build_object('agentId', new.id));
    perform tell_activity(new.organization_id, 'audit:event', new.id, null, audit_data('agent.create', 'configuration', jsonb_build_object('agentId', new.id)));
  else
    perform tell_activity(new.organization_id, 'audit:event', new.id, null,
      audit_data('agent.deploy', 'configuration', jsonb_build_object('agentId', new.id, 'version', new.version)));
  end if;
  return null;
end $$;
create trigger agent_made after insert on agents for each row execute function tell_agent_change();
create trigger agent_deployed after update of version on agents for each row when (old.version <> new.version) execute function tell_agent_change();

create function tell_draft() returns trigger language plpgsql security definer set search_path = public as $$
begin
  perform tell_activity(new.organization_id, 'audit:event', new.agent_id, null,
    audit_data('agent.update', 'configuration', jsonb_build_object('agentId', new.agent_id)));
  return null;
end $$;
create trigger draft_saved after insert or update on agent_versions for each row when (new.version = 0) execute function tell_draft();

create function tell_key_change() returns trigger language plpgsql security definer set search_path = public as $$
begin
  perform tell_activity(new.organization_id, 'audit:event', null, null, audit_data(
    case when tg_op = 'INSERT' then 'key.create' when old.revoked_at is null and new.revoked_at is not null then 'key.revoke' else 'key.rotate' end,
    'credential', jsonb_build_object('keyId', new.id, 'scopes', to_jsonb(new.scopes))));
  return null;
end $$;
create trigger key_made after insert on api_keys for each row execute function tell_key_change();
create trigger key_changed after update of hash, revoked_at on api_keys for each row
  when (old.hash <> new.hash or old.revoked_at is null and new.revoked_at is not null) execute function tell_key_change();

create function tell_conversation_end() returns trigger language plpgsql security definer set search_path = public as $$
begin
  delete from chats where conversation_id = old.id and organization_id = old.organization_id;
  if old.parent_conversation_id is null then
    perform tell_activity(old.organization_id, 'session:expired', old.agent_id, old.id, jsonb_build_object('sessionKey', old.id, 'reason', 'deleted'));
  else
    perform tell_activity(old.organization_id, 'session:sub_agent_archived', old.agent_id, old.id, jsonb_build_object('runId', old.id,
      'sessionKey', old.id, 'ageMs', milliseconds(clock_timestamp()) - milliseconds(old.created_at)));
  end if;
  return null;
end $$;
create trigger conversation_ended after delete on conversations for each row execute function tell_conversation_end();

create function tell_taint() returns trigger language plpgsql security definer set search_path = public as $$
begin
  perform tell_activity(new.organization_id, 'security:memory_tainted', new.agent_id, null, jsonb_build_object('agentId', new.agent_id,
    'memoryId', new.id, 'originalTrustLevel', 'learned', 'adjustedTrustLevel', 'external', 'patterns', '[]'::jsonb, 'blocked', false));
  return null;
end $$;
create trigger memory_tainted after insert on memories for each row when (new.tainted) execute function tell_taint();
