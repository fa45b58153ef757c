-- What A2A clients know of us. A task is a turn that one of their messages began: its row is written in the transaction that accepts the
-- message, and follows the turn by a trigger on the log, as does what is owed to those who wish to be told.

create table a2a_tasks (
  -- The turn's.
  id uuid primary key,
  organization_id uuid not null,
  principal_id text not null,
  agent_id uuid not null,
  conversation_id uuid not null,
  -- The message that its turn is made of.
  message_id uuid not null,
  -- As the client calls the conversation; the conversation's id where it did not say.
  context_id text not null,
  state text not null check (state in ('submitted', 'working', 'input_required', 'completed', 'failed', 'canceled')),
  state_at timestamptz not null,
  reason text,
  -- Where the log stood before it.
  start_cursor text not null,
  created_at timestamptz not null default now()
);
create unique index a2a_tasks_by_message on a2a_tasks (message_id);
create index a2a_tasks_of_principal on a2a_tasks (organization_id, principal_id, agent_id, state_at desc, id desc);
create index a2a_tasks_by_context on a2a_tasks (organization_id, principal_id, agent_id, context_id);
create index a2a_tasks_of_conversation on a2a_tasks (conversation_id);

-- What clients have said, as it came but for the bytes of files. A message that is sent again is found by its name.
create table a2a_messages (
  organization_id uuid not null,
  principal_id text not null,
  agent_id uuid not null,
  name text not null,
  task_id uuid not null,
  message jsonb not null,
  at timestamptz not null default clock_timestamp(),
  primary key (organization_id, principal_id, agent_id, name)
);
create index a2a_messages_of_task on a2a_messages (task_id);

-- Who is to be told of a task.
create table a2a_pushes (
  organization_id uuid not null,
  task_id uuid not null,
  id text not null,
  url text not null,
  -- Sealed: {token, scheme, credentials}. Null where there is nothing to keep secret, and once the task has ended and that was told.
  secret text,
  scheme text,
  -- Of the protocol, as it was when the client asked.
  version text not null check (version in ('0.3', '1.0')),
  created_at timestamptz not null default now(),
  primary key (task_id, id)
);

-- What they are owed, in this order for each of them. A row goes when it was told.
create table a2a_push_deliveries (
  id bigint generated always as identity primary key,
  organization_id uuid not null,
  task_id uuid not null,
  push_id text not null,
  -- {kind: task | artifact | status, state, at, reason, result, cardIds}: as it was then.
  fact jsonb not null,
  attempts int not null default 0,
  due_at timestamptz not null default clock_timestamp(),
  created_at timestamptz not null default clock_timestamp()
);
create index a2a_push_deliveries_in_order on a2a_push_deliveries (task_id, push_id, id);
create index a2a_push_deliveries_due on a2a_push_deliveries (due_at);

do $$
declare
  name text;
begin
  foreach name in array array['a2a_tasks', 'a2a_messages', 'a2a_pushes', 'a2a_push_deliveries'] loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format(
      'create policy tenant on %I to parley_app using (organization_id = any (nullif(current_setting(''parley.organizations'', true), '''')::uuid[]))'
      ' with check (organization_id = any (nullif(current_setting(''parley.organizations'', true), '''')::uuid[]))', name);
    execute format('grant select, insert, update, delete on %I to parley_app', name);
  end loop;
end $$;
create policy sweep on a2a_push_deliveries to parley_sweep using (true) with check (true);
grant select, update (attempts, due_at), delete on a2a_push_deliveries to parley_sweep;
create policy sweep on a2a_pushes to parley_sweep using (true);
grant select, delete on a2a_pushes to parley_sweep;
create policy sweep on a2a_tasks for select to parley_sweep using (true);
grant select (id, organization_id, state, state_at) on a2a_tasks to parley_sweep;

create function a2a_has_ended(state text) returns boolean language sql immutable as $$
  select state in ('completed', 'failed', 'canceled')
$$;

-- A public card is found by its agent's id alone, before anybody knows whose it is. Returns {organizationId, id, version, name, description}.
create function find_a2a_card(agent uuid) returns jsonb
language sql stable security definer set search_path = public as $$
  select jsonb_build_object('organizationId', a.organization_id, 'id', a.id, 'version', a.version, 'name', v.name, 'description', v.description)
  from agents a join agent_versions v on v.agent_id = a.id and v.version = a.version where a.id = agent
$$;
-- The owner is under row-level security too, where it is no superuser.
do $$ begin
  execute format('create policy card on agents for select to %I using (true)', current_user);
  execute format('create policy card on agent_versions for select to %I using (true)', current_user);
end $$;
revoke all on function find_a2a_card from public;
grant execute on function find_a2a_card to parley_app;

-- With what its turn has brought, the cards that it opened, what was said by the client, and the head of the log as of the same moment.
create function a2a_task_json(t a2a_tasks) returns jsonb language sql stable as $$
  select jsonb_build_object('id', t.id, 'organizationId', t.organization_id, 'principalId', t.principal_id, 'agentId', t.agent_id,
    'conversationId', t.conversation_id, 'messageId', t.message_id, 'contextId', t.context_id, 'state', t.state, 'stateAt', iso(t.state_at),
    'reason', t.reason, 'start', t.start_cursor, 'createdAt', iso(t.created_at),
    'head', (select c.head_epoch || '-' || c.head_n from conversations c where c.id = t.conversation_id),
    'result', case when a2a_has_ended(t.state) then (select result from turns where id = t.id) end,
    'cards', (select coalesce(jsonb_agg(card_json(k) order by k.created_at, k.id), '[]') from cards k
      where k.conversation_id = t.conversation_id and k.turn_id = t.id),
    'said', (select coalesce(jsonb_agg(jsonb_build_object('at', iso(m.at), 'message', m.message) order by m.at), '[]')
      from a2a_messages m where m.task_id = t.id))
$$;

-- Writes down that an accepted message is a task, as it stands by now. Takes {organizationId, principalId, agentId, conversationId, taskId,
-- messageId, contextId, start}.
create function begin_a2a_task(p jsonb) returns jsonb language plpgsql as $$
declare
  -- Nobody appends to the log until this is committed, so that the trigger misses nothing.
  c conversations := lock_conversation((p->>'organizationId')::uuid, (p->>'conversationId')::uuid);
  task a2a_tasks;
  turn turns;
  m messages;
begin
  if c.id is null then perform refuse('not_found'); end if;
  select * into turn from turns where id = (p->>'taskId')::uuid;
  select * into m from messages where id = (p->>'messageId')::uuid;
  insert into a2a_tasks (id, organization_id, principal_id, agent_id, conversation_id, message_id, context_id, state, state_at, reason, start_cursor)
  values ((p->>'taskId')::uuid, c.organization_id, p->>'principalId', (p->>'agentId')::uuid, c.id, (p->>'messageId')::uuid, p->>'contextId',
    case when turn.id is null then case when m.state in ('cancelled', 'expired') then 'canceled' else 'submitted' end
      else case turn.status when 'completed' then 'completed' when 'stopped' then 'canceled' when 'failed' then 'failed' when 'error' then 'failed'
        when 'paused' then 'input_required' else case when turn.started_at is null then 'submitted' else 'working' end end end,
    coalesce(turn.finished_at, turn.paused_at, turn.started_at, turn.created_at, clock_timestamp()), turn.reason, p->>'start')
  on conflict (id) do nothing;
  select * into task from a2a_tasks where id = (p->>'taskId')::uuid;
  return a2a_task_json(task);
end $$;

-- What a client has said to a task. Takes {organizationId, principalId, agentId, taskId, name, message}.
create function say_to_a2a_task(p jsonb) returns void language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  insert into a2a_messages (organization_id, principal_id, agent_id, name, task_id, message)
  values ((p->>'organizationId')::uuid, p->>'principalId', (p->>'agentId')::uuid, p->>'name', (p->>'taskId')::uuid, p->'message')
  on conflict do nothing;
end $$;

-- A principal's task with an agent, by its id or by the name of a message; null where there is none. Takes {organizationId, principalId,
-- agentId, taskId | name}.
create function find_a2a_task(p jsonb) returns jsonb language plpgsql as $$
declare
  task a2a_tasks;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  select * into task from a2a_tasks where principal_id = p->>'principalId' and agent_id = (p->>'agentId')::uuid
    and id = coalesce((p->>'taskId')::uuid, (select task_id from a2a_messages where organization_id = (p->>'organizationId')::uuid
      and principal_id = p->>'principalId' and agent_id = (p->>'agentId')::uuid and name = p->>'name'));
  return case when task.id is null then null else a2a_task_json(task) end;
end $$;

-- The same for whoever tells others of it. Takes {organizationId, taskId}.
create function read_a2a_task(p jsonb) returns jsonb language plpgsql as $$
declare
  task a2a_tasks;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  select * into task from a2a_tasks where id = (p->>'taskId')::uuid;
  return case when task.id is null then null else a2a_task_json(task) end;
end $$;

-- The conversation that a principal has with an agent under this name; null where there is none yet. Takes {organizationId, principalId,
-- agentId, contextId}.
create function find_a2a_context(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  return (select to_jsonb(conversation_id) from a2a_tasks where organization_id = (p->>'organizationId')::uuid and principal_id = p->>'principalId'
    and agent_id = (p->>'agentId')::uuid and context_id = p->>'contextId' limit 1);
end $$;

-- A page of a principal's tasks with an agent, newest state first: {items, total, next}. `next` is where the following page begins, null at
-- the end. Takes {organizationId, principalId, agentId, contextId, state, since, after: {micros, id}, limit}.
create function list_a2a_tasks(p jsonb) returns jsonb language plpgsql as $$
declare
  organization uuid := (p->>'organizationId')::uuid;
  agent uuid := (p->>'agentId')::uuid;
  since timestamptz := (p->>'since')::timestamptz;
  after_at timestamptz := to_timestamp(0) + (p->'after'->>'micros')::bigint * interval '1 microsecond';
  rows_max int := (p->>'limit')::int;
  total int;
  items jsonb;
  last_micros text;
  last_id uuid;
  found_rows int;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  select count(*) into total from a2a_tasks t
  where t.organization_id = organization and t.principal_id = p->>'principalId' and t.agent_id = agent
    and (p->>'contextId' is null or t.context_id = p->>'contextId') and (p->>'state' is null or t.state = p->>'state')
    and (since is null or date_trunc('milliseconds', t.state_at) >= since);
  with page as (
    select t.* from a2a_tasks t
    where t.organization_id = organization and t.principal_id = p->>'principalId' and t.agent_id = agent
      and (p->>'contextId' is null or t.context_id = p->>'contextId') and (p->>'state' is null or t.state = p->>'state')
      and (since is null or date_trunc('milliseconds', t.state_at) >= since)
      and (after_at is null or (t.state_at, t.id) < (after_at, (p->'after'->>'id')::uuid))
    order by t.state_at desc, t.id desc limit rows_max + 1
  ), shown as (select * from page order by state_at desc, id desc limit rows_max),
  last as (select (extract(epoch from state_at) * 1000000)::bigint::text as micros, id from shown order by state_at, id limit 1)
  select (select coalesce(jsonb_agg(a2a_task_json(row(s.*)::a2a_tasks) order by s.state_at desc, s.id desc), '[]') from shown s),
    (select count(*) from page), (select micros from last), (select id from last)
  into items, found_rows, last_micros, last_id;
  return jsonb_build_object('items', items, 'total', total, 'next', case when found_rows > rows_max then
    jsonb_build_object('micros', last_micros, 'id', last_id) end);
end $$;

-- Owes a fact to all that are told of a task. An answer is told before its task's end, to those who know of such updates.
create function owe_a2a_pushes(task a2a_tasks, fact jsonb) returns void language sql as $$
  insert into a2a_push_deliveries (organization_id, task_id, push_id, fact)
  select task.organization_id, task.id, p.id, told.fact
  from a2a_pushes p, lateral (
    select fact || '{"kind": "artifact"}' as fact, 1 as place where p.version = '1.0' and coalesce(fact->>'result', '') <> ''
    union all select fact || '{"kind": "status"}', 2
  ) told
  where p.task_id = task.id order by p.id, told.place
$$;

-- Tasks go with their turns. What is about a child's turn, or about a turn that no A2A message began, changes nothing.
create function follow_a2a_tasks() returns trigger language plpgsql as $$
declare
  task a2a_tasks;
begin
  if new.type = 'queue.updated' then
    for task in update a2a_tasks set state = 'canceled', state_at = new.at
      where message_id in (select value::uuid from jsonb_array_elements_text(
        coalesce(nullif(new.data->'messageIds', 'null'), '[]') || coalesce(nullif(jsonb_build_array(new.data->'messageId'), '[null]'), '[]')))
      and not a2a_has_ended(state) returning * loop
      perform owe_a2a_pushes(task, jsonb_build_object('state', task.state, 'at', iso(new.at)));
    end loop;
    return null;
  end if;
  if new.execution_id <> new.conversation_id then return null; end if;
  update a2a_tasks set state_at = new.at, reason = new.data->>'reason', state = case new.type
    when 'turn.paused' then 'input_required' when 'turn.completed' then 'completed' when 'turn.failed' then 'failed'
    when 'turn.stopped' then 'canceled' else 'working' end
  where id = new.turn_id and not a2a_has_ended(state) and not (state = 'working' and new.type in ('turn.started', 'turn.resumed'))
  returning * into task;
  if found then
    perform owe_a2a_pushes(task, jsonb_build_object('state', task.state, 'at', iso(new.at), 'reason', task.reason,
      'result', new.data->'result', 'cardIds', new.data->'cardIds'));
  end if;
  return null;
end $$;
create trigger follow_a2a_tasks after insert on events for each row
when (new.type in ('turn.started', 'turn.paused', 'turn.resumed', 'turn.completed', 'turn.failed', 'turn.stopped')
  or new.type = 'queue.updated' and new.data->>'action' in ('cancel', 'clear', 'expire'))
execute function follow_a2a_tasks();

create function forget_a2a_tasks() returns trigger language plpgsql as $$
begin
  delete from a2a_push_deliveries where task_id in (select id from a2a_tasks where conversation_id = old.id);
  delete from a2a_pushes where task_id in (select id from a2a_tasks where conversation_id = old.id);
  delete from a2a_messages where task_id in (select id from a2a_tasks where conversation_id = old.id);
  delete from a2a_tasks where conversation_id = old.id;
  return null;
end $$;
create trigger forget_a2a_tasks after delete on conversations for each row execute function forget_a2a_tasks();

-- Pushes ------------------------------------------------------------------------------------------------------------------

create function a2a_push_json(p a2a_pushes) returns jsonb language sql stable as $$
  select jsonb_build_object('taskId', p.task_id, 'id', p.id, 'url', p.url, 'scheme', p.scheme, 'version', p.version)
$$;

-- Takes {organizationId, taskId, id, url, secret, scheme, version, max, tellsNow}: `tellsNow` owes the task as it stands, for whoever asked
-- with the message that began it. One of the same id is replaced.
create function save_a2a_push(p jsonb) returns jsonb language plpgsql as $$
declare
  task a2a_tasks;
  push a2a_pushes;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  -- Nobody appends to the log meanwhile: what comes later is owed by the trigger.
  perform from conversations where id = (select conversation_id from a2a_tasks where id = (p->>'taskId')::uuid) for update;
  select * into task from a2a_tasks where id = (p->>'taskId')::uuid;
  if not found then perform refuse('not_found'); end if;
  if (select count(*) from a2a_pushes where task_id = task.id and id <> p->>'id') >= (p->>'max')::int then perform refuse('limit_reached'); end if;
  insert into a2a_pushes as known (organization_id, task_id, id, url, secret, scheme, version)
  values (task.organization_id, task.id, p->>'id', p->>'url', p->>'secret', p->>'scheme', p->>'version')
  on conflict (task_id, id) do update set url = excluded.url, secret = excluded.secret, scheme = excluded.scheme, version = excluded.version
  returning * into push;
  if (p->>'tellsNow')::boolean then
    insert into a2a_push_deliveries (organization_id, task_id, push_id, fact)
    values (task.organization_id, task.id, push.id, jsonb_build_object('kind', 'task', 'state', task.state, 'at', iso(task.state_at),
      'reason', task.reason, 'result', (select result from turns where id = task.id and a2a_has_ended(task.state)),
      'cardIds', (select jsonb_agg(id) from cards where conversation_id = task.conversation_id and turn_id = task.id and status = 'open')));
  end if;
  return a2a_push_json(push);
end $$;

-- Of a task, by id: [{taskId, id, url, scheme, version}]; the one alone where `id` is there. Takes {organizationId, taskId, id?}.
create function list_a2a_pushes(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  return (select coalesce(jsonb_agg(a2a_push_json(u) order by u.id), '[]') from a2a_pushes u
    where task_id = (p->>'taskId')::uuid and (p->>'id' is null or id = p->>'id'));
end $$;

-- What it is still owed goes with it. Takes {organizationId, taskId, id}.
create function delete_a2a_push(p jsonb) returns boolean language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  delete from a2a_push_deliveries where task_id = (p->>'taskId')::uuid and push_id = p->>'id';
  delete from a2a_pushes where task_id = (p->>'taskId')::uuid and id = p->>'id';
  return found;
end $$;

-- The first that each is owed, where it is due; this worker's alone for the lease. Returns [{id, organizationId, taskId, pushId, attempt, fact,
-- url, secret, scheme, version}].
create function take_a2a_pushes(rows_max int, lease_ms int) returns jsonb language sql as $$
  with due as (
    select d.id from a2a_push_deliveries d
    where d.due_at <= clock_timestamp()
      and not exists (select from a2a_push_deliveries e where e.task_id = d.task_id and e.push_id = d.push_id and e.id < d.id)
    order by d.due_at limit rows_max for update skip locked
  ), taken as (
    update a2a_push_deliveries d set attempts = attempts + 1, due_at = clock_timestamp() + lease_ms * interval '1 millisecond'
    from due where d.id = due.id returning d.*
  )
  select coalesce(jsonb_agg(jsonb_build_object('id', t.id, 'organizationId', t.organization_id, 'taskId', t.task_id, 'pushId', t.push_id,
    'attempt', t.attempts, 'fact', t.fact, 'url', p.url, 'secret', p.secret, 'scheme', p.scheme, 'version', p.version)), '[]')
  from taken t join a2a_pushes p on p.task_id = t.task_id and p.id = t.push_id
$$;

-- How a try ended: what was told goes, and the secret with the last of it; who cannot be told is given up with all that is owed. A try that was
-- given to another worker since counts for nothing. Takes {organizationId, id, taskId, pushId, attempt, outcome: delivered | retry | failed, delayMs}.
create function record_a2a_push(p jsonb) returns void language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  if p->>'outcome' = 'retry' then
    update a2a_push_deliveries set due_at = clock_timestamp() + (p->>'delayMs')::float8 * interval '1 millisecond'
    where id = (p->>'id')::bigint and attempts = (p->>'attempt')::int;
    return;
  end if;
  delete from a2a_push_deliveries where id = (p->>'id')::bigint and attempts = (p->>'attempt')::int;
  if not found then return; end if;
  if p->>'outcome' = 'failed' then
    delete from a2a_push_deliveries where task_id = (p->>'taskId')::uuid and push_id = p->>'pushId';
    delete from a2a_pushes where task_id = (p->>'taskId')::uuid and id = p->>'pushId';
  elsif exists (select from a2a_tasks where id = (p->>'taskId')::uuid and a2a_has_ended(state))
      and not exists (select from a2a_push_deliveries where task_id = (p->>'taskId')::uuid and push_id = p->>'pushId') then
    update a2a_pushes set secret = null where task_id = (p->>'taskId')::uuid and id = p->>'pushId';
  end if;
end $$;

-- Those of tasks that have ended that long ago. Returns how many rows it removed.
create function forget_a2a_pushes(older_than interval, rows_max int) returns int language sql as $$
  with old as (
    select p.task_id, p.id from a2a_pushes p join a2a_tasks t on t.id = p.task_id
    where t.state in ('completed', 'failed', 'canceled') and t.state_at < now() - older_than limit rows_max
  ), owed as (
    delete from a2a_push_deliveries d using old where d.task_id = old.task_id and d.push_id = old.id
  ), gone as (
    delete from a2a_pushes p using old where p.task_id = old.task_id and p.id = old.id returning 1
  )
  select count(*)::int from gone
$$;
