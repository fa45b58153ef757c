-- Responses of the OpenAI routes, and conversations of items. What is opaque to Postgres (items, events, snapshots) is JSON kept as text: an event
-- is told again byte for byte, and JSON may hold what jsonb does not take.

create table responses (
  id uuid primary key,
  organization_id uuid not null,
  principal_id text not null,
  status text not null check (status in ('queued', 'in_progress', 'completed', 'incomplete', 'failed', 'cancelled')),
  background boolean not null,
  previous_id uuid,
  -- The conversation of items that it belongs to.
  conversation_id uuid,
  -- What a worker needs to make it; null where none has to, and once it has ended.
  job text,
  -- The agent's turn that it tells: {agentId, conversationId, turnId, messageId, cursor}.
  turn jsonb,
  snapshot text not null,
  -- Grows with every claim; whoever writes names it.
  epoch int not null default 0,
  attempts int not null default 0,
  leased_until timestamptz,
  -- When the sweep looks again.
  look_at timestamptz,
  events_count int not null default 0,
  -- Events up to here may have been read before an attempt began anew.
  superseded_through int not null default -1,
  created_at timestamptz not null default now(),
  -- Also when it was last part of another one's context.
  used_at timestamptz not null default now()
);
create index responses_by_use on responses (used_at);
create index responses_to_make on responses (look_at) where job is not null;
create index responses_waiting on responses (organization_id) where job is not null;

create table response_items (
  organization_id uuid not null,
  response_id uuid not null references responses on delete cascade,
  is_output boolean not null,
  position int not null,
  id text not null,
  item text not null,
  primary key (response_id, is_output, position)
);
create index response_items_by_id on response_items (organization_id, id);

create table response_events (
  organization_id uuid not null,
  response_id uuid not null references responses on delete cascade,
  -- The sequence number of the first of them.
  first int not null,
  events text[] not null,
  primary key (response_id, first)
);

create table item_conversations (
  id uuid primary key,
  organization_id uuid not null,
  metadata text not null default '{}',
  -- Conversations with agents that go on in it, by the agent's id.
  agents jsonb not null default '{}',
  next_position bigint not null default 0,
  created_at timestamptz not null default now(),
  used_at timestamptz not null default now()
);
create index item_conversations_by_use on item_conversations (used_at);

create table conversation_items (
  organization_id uuid not null,
  conversation_id uuid not null references item_conversations on delete cascade,
  position bigint not null,
  id text not null,
  item text not null,
  primary key (conversation_id, position),
  unique (conversation_id, id)
);
create index conversation_items_by_id on conversation_items (organization_id, id);

do $$
declare
  name text;
begin
  foreach name in array array['responses', 'response_items', 'response_events', 'item_conversations', 'conversation_items'] loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format(
      'create policy tenant on %I to parley_app using (organization_id = any (nullif(current_setting(''parley.organizations'', true), '''')::uuid[]))'
      ' with check (organization_id = any (nullif(current_setting(''parley.organizations'', true), '''')::uuid[]))', name);
    execute format('grant select, insert, update, delete on %I to parley_app', name);
  end loop;
end $$;

create policy sweep on responses to parley_sweep using (true) with check (true);
create policy sweep on item_conversations to parley_sweep using (true);
grant select (id, organization_id, job, leased_until, look_at, attempts, used_at, created_at), update (look_at), delete on responses to parley_sweep;
grant select (id, used_at), delete on item_conversations to parley_sweep;

-- Appends [{id, item}] to a conversation of items, in their order; one that is there already stays where it is. What is not there any more is left.
create function append_conversation_items(organization uuid, conversation uuid, items jsonb, items_max int) returns void language plpgsql as $$
declare
  start bigint;
begin
  update item_conversations set next_position = next_position + jsonb_array_length(items), used_at = now()
  where id = conversation and organization_id = organization
  returning next_position - jsonb_array_length(items) into start;
  if not found then return; end if;
  if items_max is not null and (select count(*) from conversation_items where conversation_id = conversation) + jsonb_array_length(items) > items_max
    then perform refuse('body_too_large'); end if;
  insert into conversation_items (organization_id, conversation_id, position, id, item)
  select organization, conversation, start + n - 1, one->>'id', one->>'item' from jsonb_array_elements(items) with ordinality as given(one, n)
  on conflict do nothing;
end $$;

create function add_response_items(organization uuid, response uuid, outputs boolean, items jsonb) returns void language sql as $$
  insert into response_items (organization_id, response_id, is_output, position, id, item)
  select organization, response, outputs, n - 1, one->>'id', one->>'item' from jsonb_array_elements(items) with ordinality as given(one, n)
$$;

create function add_response_events(organization uuid, response uuid, start int, given jsonb) returns void language sql as $$
  insert into response_events (organization_id, response_id, first, events)
  select organization, response, start, array(select jsonb_array_elements_text(given)) where jsonb_array_length(given) > 0
$$;

-- Takes a response as it begins or, where nobody had to see it before, as it ended: {id, status, background, previousId, conversationId, job, turn,
-- snapshot, inputs, outputs, events, waitingMax}. One that wants a worker is refused where too many wait.
create function save_response(p jsonb) returns void language plpgsql as $$
declare
  organization uuid := (p->>'organizationId')::uuid;
  response uuid := (p->>'id')::uuid;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  if p->>'job' is not null and (select count(*) from responses where organization_id = organization and job is not null) >= (p->>'waitingMax')::int
    then perform refuse('queue_full'); end if;
  insert into responses (id, organization_id, principal_id, status, background, previous_id, conversation_id, job, turn, snapshot, events_count, look_at)
  values (response, organization, p->>'principalId', p->>'status', (p->>'background')::boolean, (p->>'previousId')::uuid,
    (p->>'conversationId')::uuid, p->>'job', nullif(p->'turn', 'null'), p->>'snapshot', jsonb_array_length(p->'events'),
    case when p->>'job' is not null then now() + interval '5 seconds' end);
  perform add_response_items(organization, response, false, p->'inputs');
  perform add_response_items(organization, response, true, p->'outputs');
  perform add_response_events(organization, response, 0, p->'events');
  if p->>'conversationId' is not null and p->>'status' in ('completed', 'incomplete') then
    perform append_conversation_items(organization, (p->>'conversationId')::uuid, (p->'inputs') || (p->'outputs'), null);
  end if;
end $$;

-- Takes {leaseMs, force} and the right to write a response that has not ended. Returns {state}: `missing`, `ended`, `busy`, or `claimed` with {epoch,
-- attempts, job}. With `force` it is taken from whoever has it, and nothing of it is lost. Else an attempt that takes over begins anew: what was told
-- beyond the first `kept` events no longer counts.
create function claim_response(p jsonb) returns jsonb language plpgsql as $$
declare
  found_one responses;
  forced boolean := (p->>'force')::boolean;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  select * into found_one from responses where id = (p->>'id')::uuid and organization_id = (p->>'organizationId')::uuid for update;
  if not found then return '{"state": "missing"}'; end if;
  if found_one.status not in ('queued', 'in_progress') then return '{"state": "ended"}'; end if;
  if not forced and found_one.leased_until > now() then return '{"state": "busy"}'; end if;
  update responses set epoch = epoch + 1, leased_until = now() + make_interval(secs => (p->>'leaseMs')::int / 1000.0),
    attempts = attempts + case when forced then 0 else 1 end where id = found_one.id
  returning * into found_one;
  if not forced and found_one.events_count > (p->>'kept')::int then
    delete from response_events where response_id = found_one.id and first >= (p->>'kept')::int;
    update responses set events_count = (p->>'kept')::int,
      superseded_through = greatest(superseded_through, case when events_count > (p->>'kept')::int + 1 then events_count - 1 else -1 end)
    where id = found_one.id;
  end if;
  return jsonb_build_object('state', 'claimed', 'epoch', found_one.epoch, 'attempts', found_one.attempts, 'job', found_one.job);
end $$;

-- Goes on with a response: {epoch, first, events, status, snapshot, leaseMs}, and at its end {outputs}; {supersededThrough} where
-- what was told before is told otherwise now. Refused where another has the right to write,
-- or it has ended.
create function append_response(p jsonb) returns void language plpgsql as $$
declare
  organization uuid := (p->>'organizationId')::uuid;
  response uuid := (p->>'id')::uuid;
  ends boolean := p->>'status' not in ('queued', 'in_progress');
  conversation uuid;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  update responses set status = p->>'status', snapshot = coalesce(p->>'snapshot', snapshot), job = case when ends then null else job end,
    superseded_through = greatest(superseded_through, (p->>'supersededThrough')::int),
    leased_until = now() + make_interval(secs => (p->>'leaseMs')::int / 1000.0), events_count = (p->>'first')::int + jsonb_array_length(p->'events')
  where id = response and organization_id = organization and epoch = (p->>'epoch')::int and status in ('queued', 'in_progress')
  returning conversation_id into conversation;
  if not found then perform refuse('stale_epoch'); end if;
  perform add_response_events(organization, response, (p->>'first')::int, p->'events');
  if not ends then return; end if;
  perform add_response_items(organization, response, true, p->'outputs');
  if conversation is not null and p->>'status' in ('completed', 'incomplete') then
    perform append_conversation_items(organization, conversation,
      (select coalesce(jsonb_agg(jsonb_build_object('id', id, 'item', item) order by is_output, position), '[]')
       from response_items where response_id = response), null);
  end if;
end $$;

create function read_response(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  return (select jsonb_build_object('id', id, 'status', status, 'background', background, 'snapshot', snapshot, 'turn', turn,
      'conversationId', conversation_id, 'supersededThrough', superseded_through, 'eventsCount', events_count, 'epoch', epoch,
      'createdAt', extract(epoch from created_at))
    from responses where id = (p->>'id')::uuid and organization_id = (p->>'organizationId')::uuid);
end $$;

-- The events behind `after`, and whether there are more to come; null where the response is gone.
create function read_response_events(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  return (select jsonb_build_object('status', r.status, 'supersededThrough', r.superseded_through, 'epoch', r.epoch, 'events', (
      select coalesce(jsonb_agg(text order by part.first, n), '[]') from response_events part, unnest(part.events) with ordinality as one(text, n)
      where part.response_id = r.id and part.first + cardinality(part.events) > (p->>'after')::int + 1 and part.first + n - 1 > (p->>'after')::int))
    from responses r where r.id = (p->>'id')::uuid and r.organization_id = (p->>'organizationId')::uuid);
end $$;

create function delete_response(p jsonb) returns boolean language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  delete from responses where id = (p->>'id')::uuid and organization_id = (p->>'organizationId')::uuid;
  return found;
end $$;

create function read_response_input(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  return (select jsonb_agg(item order by position) from response_items
    where response_id = (p->>'id')::uuid and organization_id = (p->>'organizationId')::uuid and not is_output);
end $$;

-- All that was said up to a response, its own answer included, oldest first: {state, items}. `missing` where it, or one before it, is not there; `running`
-- where it has not ended; `too_large` where it has more items or bytes than may be. Whatever is part of it counts as used.
create function load_chain(p jsonb) returns jsonb language plpgsql as $$
declare
  ids uuid[];
  whole boolean;
  tail responses;
  items int;
  bytes bigint;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  select * into tail from responses where id = (p->>'id')::uuid and organization_id = (p->>'organizationId')::uuid;
  if not found then return '{"state": "missing"}'; end if;
  if tail.status in ('queued', 'in_progress') and tail.turn is null then return '{"state": "running"}'; end if;
  with recursive chain as (
    select id, previous_id, 1 as place from responses where id = tail.id
    union all
    select r.id, r.previous_id, place + 1 from chain join responses r on r.id = chain.previous_id where place <= (p->>'itemsMax')::int
  )
  select array_agg(id order by place desc), bool_or(previous_id is null) into ids, whole from chain;
  select count(*), coalesce(sum(octet_length(item)), 0) into items, bytes from response_items where response_id = any (ids);
  if items > (p->>'itemsMax')::int or bytes > (p->>'bytesMax')::bigint or cardinality(ids) > (p->>'itemsMax')::int
    then return '{"state": "too_large"}'; end if;
  if not whole then return '{"state": "missing"}'; end if;
  update responses set used_at = now() where id = any (ids) and used_at < now() - interval '1 day';
  return jsonb_build_object('state', 'found', 'turn', tail.turn, 'items', (
    select coalesce(jsonb_agg(item order by array_position(ids, response_id), is_output, position), '[]')
    from response_items where response_id = any (ids)));
end $$;

-- Items by their ids, wherever they are; of several by one id the newest.
create function find_items(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  return (select coalesce(jsonb_object_agg(id, item), '{}') from (
    select distinct on (id) id, item from (
      select i.id, i.item, i.response_id as holder from response_items i where i.organization_id = (p->>'organizationId')::uuid
        and i.id = any (array(select jsonb_array_elements_text(p->'ids')))
      union all
      select i.id, i.item, i.conversation_id from conversation_items i where i.organization_id = (p->>'organizationId')::uuid
        and i.id = any (array(select jsonb_array_elements_text(p->'ids')))) found
    order by id, holder desc) newest);
end $$;

-- Makes a conversation of items: {id, metadata, items, itemsMax}.
create function make_item_conversation(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  insert into item_conversations (id, organization_id, metadata) values ((p->>'id')::uuid, (p->>'organizationId')::uuid, p->>'metadata');
  perform append_conversation_items((p->>'organizationId')::uuid, (p->>'id')::uuid, p->'items', (p->>'itemsMax')::int);
  return read_item_conversation(p);
end $$;

create function read_item_conversation(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  return (select jsonb_build_object('id', id, 'metadata', metadata, 'agents', agents, 'createdAt', extract(epoch from created_at))
    from item_conversations where id = (p->>'id')::uuid and organization_id = (p->>'organizationId')::uuid);
end $$;

-- Sets {metadata}, or joins {agents} to those that are known. Null where there is no such conversation.
create function change_item_conversation(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  update item_conversations set metadata = coalesce(p->>'metadata', metadata), agents = agents || coalesce(p->'agents', '{}'), used_at = now()
  where id = (p->>'id')::uuid and organization_id = (p->>'organizationId')::uuid;
  return read_item_conversation(p);
end $$;

create function delete_item_conversation(p jsonb) returns boolean language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  delete from item_conversations where id = (p->>'id')::uuid and organization_id = (p->>'organizationId')::uuid;
  return found;
end $$;

create function add_conversation_items(p jsonb) returns void language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  perform append_conversation_items((p->>'organizationId')::uuid, (p->>'id')::uuid, p->'items', (p->>'itemsMax')::int);
end $$;

-- All items of a conversation in their order, as {state, items}, as `load_chain` gives them.
create function load_conversation_items(p jsonb) returns jsonb language plpgsql as $$
declare
  items int;
  bytes bigint;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  if not exists (select from item_conversations where id = (p->>'id')::uuid and organization_id = (p->>'organizationId')::uuid)
    then return '{"state": "missing"}'; end if;
  select count(*), coalesce(sum(octet_length(item)), 0) into items, bytes from conversation_items where conversation_id = (p->>'id')::uuid;
  if items > (p->>'itemsMax')::int or bytes > (p->>'bytesMax')::bigint then return '{"state": "too_large"}'; end if;
  return jsonb_build_object('state', 'found', 'items',
    (select coalesce(jsonb_agg(item order by position), '[]') from conversation_items where conversation_id = (p->>'id')::uuid));
end $$;

create function delete_conversation_item(p jsonb) returns boolean language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  delete from conversation_items where conversation_id = (p->>'id')::uuid and organization_id = (p->>'organizationId')::uuid and id = p->>'itemId';
  return found;
end $$;

-- Responses that want a worker and have none: [{organizationId, responseId}]. Each is found again later and later.
create function take_responses(rows_max int) returns jsonb language sql as $$
  with due as (
    select id from responses where job is not null and look_at < now() and (leased_until is null or leased_until < now())
    order by look_at limit rows_max for update skip locked
  ), looked as (
    update responses r set look_at = now() + least(interval '5 seconds' * power(2, least(r.attempts, 6)), interval '60 seconds')
    from due where r.id = due.id returning r.organization_id, r.id
  )
  select coalesce(jsonb_agg(jsonb_build_object('organizationId', organization_id, 'responseId', id)), '[]') from looked
$$;

create function forget_responses(older_than interval, rows_max int) returns int language plpgsql as $$
declare
  gone int;
begin
  perform set_config('lock_timeout', '500ms', true);
  delete from responses where id = any (array(select id from responses where used_at < now() - older_than and job is null order by used_at limit rows_max));
  get diagnostics gone = row_count;
  return gone;
end $$;

create function forget_item_conversations(older_than interval, rows_max int) returns int language plpgsql as $$
declare
  gone int;
begin
  perform set_config('lock_timeout', '500ms', true);
  delete from item_conversations where id = any (array(select id from item_conversations where used_at < now() - older_than order by used_at limit rows_max));
  get diagnostics gone = row_count;
  return gone;
end $$;
