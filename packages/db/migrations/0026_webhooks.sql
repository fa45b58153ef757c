-- Webhooks, both ways. In: what came is a row before it is answered, and a worker makes a message of it. Out: an event and what is owed
-- to an organization's endpoints are one transaction, and workers take what is due, each of them by SKIP LOCKED.

create table hooks (
  id text primary key,
  organization_id uuid not null,
  -- Everything that callers may set: {name, algorithm, requireTimestamp, strict, mappings}.
  body jsonb not null,
  -- Sealed.
  secret text not null,
  previous_secret text,
  previous_until timestamptz,
  -- Goes into the ids of its conversations, so that nobody else can make them.
  salt uuid not null default gen_random_uuid(),
  created_at timestamptz not null default now()
);
create index hooks_of_organization on hooks (organization_id, created_at, id);

create table hook_deliveries (
  id uuid primary key,
  organization_id uuid not null,
  hook_id text not null,
  -- As its sender named it.
  delivery_id text not null,
  mapping_id text,
  agent_id uuid not null,
  conversation_id uuid not null,
  text text not null,
  -- What its sender was told, and is told again.
  answer jsonb not null,
  state text not null default 'pending' check (state in ('pending', 'done', 'failed')),
  error text,
  attempts int not null default 0,
  -- When it is ordered again.
  due_at timestamptz not null default now() + interval '3 seconds',
  received_at timestamptz not null default now()
);
create unique index hook_deliveries_by_name on hook_deliveries (hook_id, delivery_id);
create index hook_deliveries_waiting on hook_deliveries (due_at) where state = 'pending';
create index hook_deliveries_waiting_of_organization on hook_deliveries (organization_id) where state = 'pending';
create index hook_deliveries_by_age on hook_deliveries (received_at);

create table webhook_endpoints (
  id text primary key,
  organization_id uuid not null,
  url text not null,
  description text not null,
  events text[] not null,
  -- Null: all of the organization's.
  agent_ids uuid[],
  include_content boolean not null,
  -- Sealed.
  secret text not null,
  previous_secret text,
  previous_until timestamptz,
  failures int not null default 0,
  failing_since timestamptz,
  disabled_at timestamptz,
  disabled_reason text check (disabled_reason in ('by_hand', 'failing', 'gone')),
  created_at timestamptz not null default now()
);
create index webhook_endpoints_of_organization on webhook_endpoints (organization_id, created_at, id);

create table webhook_deliveries (
  id uuid primary key default uuidv7(),
  organization_id uuid not null,
  endpoint_id text not null,
  type text not null,
  -- {type, timestamp, data}, as it is sent each time.
  payload jsonb not null,
  state text not null default 'pending' check (state in ('pending', 'delivered', 'failed')),
  attempts int not null default 0,
  due_at timestamptz not null default clock_timestamp(),
  -- The last twenty tries: [{at, status, error, durationMs}].
  log jsonb not null default '[]',
  created_at timestamptz not null default clock_timestamp(),
  ended_at timestamptz
);
create index webhook_deliveries_pending on webhook_deliveries (endpoint_id, due_at) where state = 'pending';
create index webhook_deliveries_of_endpoint on webhook_deliveries (endpoint_id, created_at desc, id);
create index webhook_deliveries_by_age on webhook_deliveries (created_at);

do $$
declare
  name text;
begin
  foreach name in array array['hooks', 'hook_deliveries', 'webhook_endpoints', 'webhook_deliveries'] loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format(
      'create policy tenant on %I to parley_app using (organization_id = any (nullif(current_setting(''parley.organizations'', true), '''')::uuid[]))'
      ' with check (organization_id = any (nullif(current_setting(''parley.organizations'', true), '''')::uuid[]))', name);
    execute format('grant select, insert, update, delete on %I to parley_app', name);
  end loop;
  -- A hook is found by its id alone, before anybody knows whose it is.
  execute format('create policy lookup on hooks for select to %I using (true)', current_user);
end $$;
create policy sweep on hook_deliveries to parley_sweep using (true) with check (true);
grant select (id, organization_id, state, attempts, due_at, received_at), update (attempts, due_at), delete on hook_deliveries to parley_sweep;
create policy sweep on webhook_deliveries to parley_sweep using (true) with check (true);
grant select, update (attempts, due_at), delete on webhook_deliveries to parley_sweep;
create policy sweep on webhook_endpoints for select to parley_sweep using (true);
grant select on webhook_endpoints to parley_sweep;

-- Hooks ------------------------------------------------------------------------------------------------------------------

create function hook_json(h hooks) returns jsonb language sql stable as $$
  select h.body || jsonb_build_object('id', h.id, 'organizationId', h.organization_id, 'createdAt', iso(h.created_at))
$$;

-- With its sealed secrets, for the one who checks signatures.
create function find_hook(hook text) returns jsonb
language sql stable security definer set search_path = public as $$
  select hook_json(h) || jsonb_build_object('salt', h.salt, 'secrets', to_jsonb(array_remove(array[h.secret,
    case when h.previous_until > now() then h.previous_secret end], null)))
  from hooks h where h.id = hook
$$;
revoke all on function find_hook from public;
grant execute on function find_hook to parley_app;

-- Takes {organizationId, id, body, secret, max}.
create function create_hook(p jsonb) returns jsonb language plpgsql as $$
declare
  organization uuid := (p->>'organizationId')::uuid;
  h hooks;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  if (select count(*) from hooks where organization_id = organization) >= (p->>'max')::int then perform refuse('limit_reached'); end if;
  insert into hooks (id, organization_id, body, secret) values (p->>'id', organization, p->'body', p->>'secret') returning * into h;
  return hook_json(h);
end $$;

-- Takes {organizationId, id, body?, secret?, overlapSeconds}. Null where there is none.
create function change_hook(p jsonb) returns jsonb language plpgsql as $$
declare
  h hooks;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  update hooks set body = body || coalesce(p->'body', '{}'), secret = coalesce(p->>'secret', secret),
    previous_secret = case when p->>'secret' is null then previous_secret else secret end,
    previous_until = case when p->>'secret' is null then previous_until else now() + (p->>'overlapSeconds')::float8 * interval '1 second' end
  where id = p->>'id' returning * into h;
  return case when h.id is null then null else hook_json(h) end;
end $$;

-- A page, oldest first: {items, total}. Takes {organizationId, offset, limit}; of `id` alone where it is there.
create function list_hooks(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  return jsonb_build_object(
    'total', (select count(*) from hooks where p->>'id' is null or id = p->>'id'),
    'items', (select coalesce(jsonb_agg(hook_json(h) order by created_at, id), '[]') from (
      select * from hooks where p->>'id' is null or id = p->>'id' order by created_at, id limit (p->>'limit')::int offset (p->>'offset')::int) h));
end $$;

create function delete_hook(p jsonb) returns boolean language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  delete from hooks where id = p->>'id';
  return found;
end $$;

-- What came by a hook, once: a repeat gets the first answer. Takes {organizationId, id, hookId, deliveryId, mappingId, agentId,
-- conversationId, text, answer, waitingMax}; returns {answer, isNew}.
create function receive_hook(p jsonb) returns jsonb language plpgsql as $$
declare
  organization uuid := (p->>'organizationId')::uuid;
  known jsonb;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  select answer into known from hook_deliveries where hook_id = p->>'hookId' and delivery_id = p->>'deliveryId';
  if known is not null then return jsonb_build_object('answer', known, 'isNew', false); end if;
  if (select count(*) from (select from hook_deliveries where organization_id = organization and state = 'pending'
      limit (p->>'waitingMax')::int) waiting) >= (p->>'waitingMax')::int then
    perform refuse('too_many_deliveries');
  end if;
  insert into hook_deliveries (id, organization_id, hook_id, delivery_id, mapping_id, agent_id, conversation_id, text, answer)
  values ((p->>'id')::uuid, organization, p->>'hookId', p->>'deliveryId', p->>'mappingId', (p->>'agentId')::uuid,
    (p->>'conversationId')::uuid, p->>'text', p->'answer')
  on conflict (hook_id, delivery_id) do nothing;
  if found then return jsonb_build_object('answer', p->'answer', 'isNew', true); end if;
  select answer into known from hook_deliveries where hook_id = p->>'hookId' and delivery_id = p->>'deliveryId';
  return jsonb_build_object('answer', known, 'isNew', false);
end $$;

-- One that waits; null where it does no more. Takes {organizationId, id}.
create function read_hook_delivery(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  return (select jsonb_build_object('id', id, 'organizationId', organization_id, 'hookId', hook_id, 'agentId', agent_id,
    'conversationId', conversation_id, 'text', text, 'ageMs', (extract(epoch from clock_timestamp() - received_at) * 1000)::bigint)
    from hook_deliveries where id = (p->>'id')::uuid and state = 'pending');
end $$;

-- Takes {organizationId, id, error}: null where it became a message.
create function finish_hook_delivery(p jsonb) returns boolean language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  update hook_deliveries set state = case when p->>'error' is null then 'done' else 'failed' end, error = p->>'error', text = ''
  where id = (p->>'id')::uuid and state = 'pending';
  return found;
end $$;

-- Those whose order was lost, or has failed; each is found again later and later. Returns [{organizationId, id}].
create function take_waiting_hooks(rows_max int) returns jsonb language sql as $$
  with due as (
    select id from hook_deliveries where state = 'pending' and due_at < clock_timestamp() order by due_at limit rows_max for update skip locked
  ), taken as (
    update hook_deliveries d set attempts = attempts + 1, due_at = clock_timestamp() + power(2, least(attempts + 2, 8)) * interval '1 second'
    from due where d.id = due.id returning d.id, d.organization_id
  )
  select coalesce(jsonb_agg(jsonb_build_object('organizationId', organization_id, 'id', id)), '[]') from taken
$$;

-- Endpoints ------------------------------------------------------------------------------------------------------------------

-- Owes an event to the endpoints that want it. `data` without content is sent to those that did not ask for it.
create function owe_webhooks() returns trigger language plpgsql as $$
begin
  -- Most organizations have none, and their turns pay for this question alone.
  if not exists (select from webhook_endpoints where organization_id = new.organization_id) then return null; end if;
  insert into webhook_deliveries (organization_id, endpoint_id, type, payload)
  select new.organization_id, e.id, new.type, jsonb_build_object('type', new.type, 'timestamp', iso(new.at), 'data',
    jsonb_build_object('organizationId', new.organization_id, 'agentId', c.agent_id, 'conversationId', new.conversation_id,
      'executionId', new.execution_id, 'turnId', new.turn_id, 'cursor', new.epoch || '-' || new.n)
    || case when e.include_content then new.data else new.data - array['result', 'text', 'questions', 'approval', 'answer'] end)
  from webhook_endpoints e, conversations c
  where e.organization_id = new.organization_id and e.disabled_at is null and new.type = any (e.events)
    and c.id = new.conversation_id and (e.agent_ids is null or c.agent_id = any (e.agent_ids));
  return null;
end $$;
create trigger owe_webhooks after insert on events for each row
when (new.type in ('turn.completed', 'turn.failed', 'turn.stopped', 'turn.paused', 'card.opened', 'card.closed', 'child.finished'))
execute function owe_webhooks();

create function webhook_endpoint_json(e webhook_endpoints) returns jsonb language sql stable as $$
  select jsonb_build_object('id', e.id, 'organizationId', e.organization_id, 'url', e.url, 'description', e.description,
    'events', to_jsonb(e.events), 'agentIds', to_jsonb(e.agent_ids), 'includeContent', e.include_content, 'failures', e.failures,
    'failingSince', iso(e.failing_since), 'disabledAt', iso(e.disabled_at), 'disabledReason', e.disabled_reason,
    'createdAt', iso(e.created_at))
$$;

-- Whether a key for these agents may see an endpoint: one for all of them sees all.
create function sees_endpoint(e webhook_endpoints, agent_ids jsonb) returns boolean language sql stable as $$
  select agent_ids = 'null' or (e.agent_ids is not null and to_jsonb(e.agent_ids) <@ agent_ids)
$$;

-- Takes {organizationId, id, url, description, events, agentIds, includeContent, secret, max}.
create function create_webhook_endpoint(p jsonb) returns jsonb language plpgsql as $$
declare
  organization uuid := (p->>'organizationId')::uuid;
  e webhook_endpoints;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  if (select count(*) from webhook_endpoints where organization_id = organization) >= (p->>'max')::int then perform refuse('limit_reached'); end if;
  insert into webhook_endpoints (id, organization_id, url, description, events, agent_ids, include_content, secret)
  values (p->>'id', organization, p->>'url', p->>'description', array(select jsonb_array_elements_text(p->'events')),
    (select array_agg(value::uuid) from jsonb_array_elements_text(nullif(p->'agentIds', 'null'))), (p->>'includeContent')::boolean, p->>'secret')
  returning * into e;
  return webhook_endpoint_json(e);
end $$;

-- Takes {organizationId, id, callerAgentIds, url?, description?, events?, includeContent?, enabled?, secret?, overlapSeconds?}.
create function change_webhook_endpoint(p jsonb) returns jsonb language plpgsql as $$
declare
  enabled boolean := (p->>'enabled')::boolean;
  e webhook_endpoints;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  update webhook_endpoints w set url = coalesce(p->>'url', url), description = coalesce(p->>'description', description),
    events = case when p->'events' is null then events else array(select jsonb_array_elements_text(p->'events')) end,
    include_content = coalesce((p->>'includeContent')::boolean, include_content), secret = coalesce(p->>'secret', secret),
    previous_secret = case when p->>'secret' is null then previous_secret else secret end,
    previous_until = case when p->>'secret' is null then previous_until else now() + (p->>'overlapSeconds')::float8 * interval '1 second' end,
    disabled_at = case when enabled is null then disabled_at when enabled then null else coalesce(disabled_at, now()) end,
    disabled_reason = case when enabled is null then disabled_reason when enabled then null else coalesce(disabled_reason, 'by_hand') end,
    failures = case when enabled then 0 else failures end, failing_since = case when enabled then null else failing_since end
  where id = p->>'id' and sees_endpoint(w, p->'callerAgentIds') returning * into e;
  return case when e.id is null then null else webhook_endpoint_json(e) end;
end $$;

-- A page, oldest first: {items, total}. Takes {organizationId, callerAgentIds, offset, limit}.
create function list_webhook_endpoints(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  return jsonb_build_object(
    'total', (select count(*) from webhook_endpoints e where sees_endpoint(e, p->'callerAgentIds')),
    'items', (select coalesce(jsonb_agg(webhook_endpoint_json(e) order by e.created_at, e.id), '[]') from (
      select * from webhook_endpoints w where sees_endpoint(w, p->'callerAgentIds') order by created_at, id
      limit (p->>'limit')::int offset (p->>'offset')::int) e));
end $$;

-- What it is still owed goes with it. Takes {organizationId, id, callerAgentIds}.
create function delete_webhook_endpoint(p jsonb) returns boolean language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  delete from webhook_endpoints w where id = p->>'id' and sees_endpoint(w, p->'callerAgentIds');
  if not found then return false; end if;
  delete from webhook_deliveries where endpoint_id = p->>'id';
  return true;
end $$;

create function webhook_delivery_json(d webhook_deliveries) returns jsonb language sql stable as $$
  select jsonb_build_object('id', d.id, 'endpointId', d.endpoint_id, 'type', d.type, 'state', d.state, 'attempts', d.attempts, 'log', d.log,
    'payload', d.payload, 'dueAt', case when d.state = 'pending' then iso(d.due_at) end, 'createdAt', iso(d.created_at), 'endedAt', iso(d.ended_at))
$$;

-- The delivery log of an endpoint, newest first: {items, total}; null where there is no such endpoint. Takes {organizationId,
-- callerAgentIds, endpointId, state, offset, limit}.
create function list_webhook_deliveries(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  if not exists (select from webhook_endpoints e where e.id = p->>'endpointId' and sees_endpoint(e, p->'callerAgentIds')) then return null; end if;
  return jsonb_build_object(
    'total', (select count(*) from webhook_deliveries where endpoint_id = p->>'endpointId' and (p->>'state' is null or state = p->>'state')),
    'items', (select coalesce(jsonb_agg(webhook_delivery_json(d) order by d.created_at desc, d.id), '[]') from (
      select * from webhook_deliveries where endpoint_id = p->>'endpointId' and (p->>'state' is null or state = p->>'state')
      order by created_at desc, id limit (p->>'limit')::int offset (p->>'offset')::int) d));
end $$;

-- Sends one again, from its first try on, under the same id. Null where there is none; refused while its endpoint is switched off. Takes
-- {organizationId, callerAgentIds, id}.
create function replay_webhook(p jsonb) returns jsonb language plpgsql as $$
declare
  d webhook_deliveries;
  e webhook_endpoints;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  select * into d from webhook_deliveries where id = (p->>'id')::uuid for update;
  select * into e from webhook_endpoints w where w.id = d.endpoint_id and sees_endpoint(w, p->'callerAgentIds');
  if e.id is null then return null; end if;
  if e.disabled_at is not null then perform refuse('webhook_disabled'); end if;
  if d.state <> 'pending' then
    update webhook_deliveries set state = 'pending', attempts = 0, due_at = clock_timestamp(), ended_at = null where id = d.id returning * into d;
  end if;
  return webhook_delivery_json(d);
end $$;

-- What is due now, the worker's alone for the next `lease_ms`; who dies with it leaves it due again. At most so many of one endpoint, less
-- those that the worker has under way for it, which `busy` counts by endpoint.
create function take_webhooks(each_max int, total_max int, lease_ms int, busy jsonb) returns jsonb language sql as $$
  -- From one endpoint to the next through the index, past all that the first one is owed.
  with recursive waiting (endpoint_id) as (
    (select endpoint_id from webhook_deliveries where state = 'pending' order by endpoint_id limit 1)
    union all
    select (select d.endpoint_id from webhook_deliveries d where d.state = 'pending' and d.endpoint_id > waiting.endpoint_id
      order by d.endpoint_id limit 1)
    from waiting where waiting.endpoint_id is not null
  ), due as (
    select found.id from waiting join webhook_endpoints e on e.id = waiting.endpoint_id and e.disabled_at is null
    cross join lateral (
      select id from webhook_deliveries where endpoint_id = e.id and state = 'pending' and due_at <= clock_timestamp()
      order by due_at limit greatest(each_max - coalesce((busy->>e.id)::int, 0), 0) for update skip locked
    ) found
    limit total_max
  ), taken as (
    update webhook_deliveries d set attempts = attempts + 1, due_at = clock_timestamp() + lease_ms * interval '1 millisecond'
    from due where d.id = due.id returning d.*
  )
  select coalesce(jsonb_agg(jsonb_build_object('id', t.id, 'organizationId', t.organization_id, 'endpointId', t.endpoint_id,
    'attempt', t.attempts, 'payload', t.payload, 'url', e.url, 'secrets', to_jsonb(array_remove(array[e.secret,
      case when e.previous_until > now() then e.previous_secret end], null)))), '[]')
  from taken t join webhook_endpoints e on e.id = t.endpoint_id
$$;

-- How a try ended. Takes {organizationId, id, attempt, outcome: delivered | retry | failed, status, error, durationMs, delayMs, isGone,
-- failingDays, failuresMax}; returns whether the endpoint was switched off by it. A try that was given to another worker since counts for nothing.
create function record_webhook(p jsonb) returns boolean language plpgsql as $$
declare
  organization uuid := (p->>'organizationId')::uuid;
  outcome text := p->>'outcome';
  d webhook_deliveries;
  e webhook_endpoints;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  update webhook_deliveries set
    state = case outcome when 'retry' then 'pending' else outcome end,
    due_at = clock_timestamp() + (p->>'delayMs')::float8 * interval '1 millisecond',
    ended_at = case when outcome <> 'retry' then clock_timestamp() end,
    log = case when jsonb_array_length(log) >= 20 then log - 0 else log end || jsonb_build_array(jsonb_build_object('at', iso(clock_timestamp()),
      'status', p->'status', 'error', p->'error', 'durationMs', p->'durationMs'))
  where id = (p->>'id')::uuid and attempts = (p->>'attempt')::int and state = 'pending' returning * into d;
  if not found then return false; end if;
  if outcome = 'delivered' then
    update webhook_endpoints set failures = 0, failing_since = null where id = d.endpoint_id and failing_since is not null;
    return false;
  end if;
  update webhook_endpoints set failures = failures + 1, failing_since = coalesce(failing_since, now()),
    disabled_at = case when (p->>'isGone')::boolean
      or (failures + 1 >= (p->>'failuresMax')::int and failing_since < now() - (p->>'failingDays')::int * interval '1 day') then now() end,
    disabled_reason = case when (p->>'isGone')::boolean then 'gone'
      when failures + 1 >= (p->>'failuresMax')::int and failing_since < now() - (p->>'failingDays')::int * interval '1 day' then 'failing' end
  where id = d.endpoint_id and disabled_at is null returning * into e;
  if e.disabled_at is null then return false; end if;
  -- The others are told.
  insert into webhook_deliveries (organization_id, endpoint_id, type, payload)
  select organization, o.id, 'webhook.disabled', jsonb_build_object('type', 'webhook.disabled', 'timestamp', iso(clock_timestamp()), 'data',
    jsonb_build_object('organizationId', organization, 'endpointId', e.id, 'url', e.url, 'reason', e.disabled_reason))
  from webhook_endpoints o where o.organization_id = organization and o.disabled_at is null and 'webhook.disabled' = any (o.events);
  return true;
end $$;

-- What is past its time, of both kinds. Returns how many rows it removed of the kind that had more.
create function forget_webhooks(older_than interval, rows_max int) returns int language sql as $$
  with received as (
    delete from hook_deliveries where id in (select id from hook_deliveries where received_at < now() - older_than limit rows_max) returning 1
  ), sent as (
    delete from webhook_deliveries where id in (select id from webhook_deliveries where created_at < now() - older_than limit rows_max) returning 1
  )
  select greatest((select count(*) from received), (select count(*) from sent))::int
$$;
