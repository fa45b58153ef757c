-- Peers: other organizations' agents, which are called over their own protocol. The registry, what a caller brings along for one turn, and the
-- ledger of calls, by which no crash sends a call twice and no stop forgets one.

create table peers (
  id text primary key,
  organization_id uuid not null references organizations,
  name text not null,
  endpoint text not null,
  -- What is shown of the credentials; the credentials themselves are sealed.
  auth jsonb not null,
  sealed text,
  trust jsonb not null,
  -- Null: those of its agent card.
  skills jsonb,
  price_micros bigint check (price_micros >= 0),
  timeout_ms int,
  deduplicates boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index peers_of_organization on peers (organization_id, created_at, id);

-- Peers that a message has brought along. Gone when its turn ends.
create table turn_peers (
  organization_id uuid not null,
  conversation_id uuid not null,
  turn_id uuid not null,
  place int not null,
  peer jsonb not null,
  sealed text,
  primary key (turn_id, place)
);
create index turn_peers_of_conversation on turn_peers (conversation_id);

-- One row per call, under the id of the child that it is. `planned`: written down, nothing was sent. `sending`: a message may have gone out,
-- no task is known. `open`: the peer has a task. `waiting`: for a person. `canceling`: the peer has still to be told that nobody wants it.
-- `ended`: nothing more is owed. Everything that the call needs is in the row, so that a peer that was changed or deleted can still be told.
create table peer_calls (
  id uuid primary key,
  organization_id uuid not null,
  -- The log that runs it, and that log's turn: the parent's, or a background call's own.
  conversation_id uuid not null,
  turn_id uuid not null,
  peer_ref text not null,
  target jsonb not null,
  sealed text,
  skill text,
  input jsonb not null,
  price_micros bigint,
  state text not null default 'planned' check (state in ('planned', 'sending', 'open', 'waiting', 'canceling', 'ended')),
  -- Messages that were begun to be sent.
  round int not null default 0,
  task_id text,
  context_id text,
  -- Tasks of calls elsewhere that it is about.
  prior_task_ids jsonb not null default '[]',
  -- Where the task was when last heard of, and what the peer said then.
  peer_state text,
  prompt text,
  card_id uuid,
  -- SHA-256 of what a peer shows when it calls back.
  push_token bytea,
  cancel_due timestamptz,
  cancel_tries int not null default 0,
  created_at timestamptz not null default now(),
  sent_at timestamptz,
  ended_at timestamptz
) with (fillfactor = 70);
create index peer_calls_of_conversation on peer_calls (conversation_id, peer_ref, ended_at);
create index peer_calls_canceling on peer_calls (cancel_due) where state = 'canceling';
create index peer_calls_ended on peer_calls (ended_at) where state = 'ended';

-- Append-only: a call that was begun, and what it cost then. Once per call, whatever becomes of it.
create table peer_usage (
  execution_id uuid primary key,
  organization_id uuid not null,
  conversation_id uuid not null,
  turn_id uuid not null,
  peer_ref text not null,
  name text not null,
  skill text,
  price_micros bigint,
  at timestamptz not null default now()
);
create index peer_usage_of_organization on peer_usage (organization_id, at);

do $$
declare
  name text;
begin
  foreach name in array array['peers', 'turn_peers', 'peer_calls', 'peer_usage'] loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format(
      'create policy tenant on %I to parley_app using (organization_id = any (nullif(current_setting(''parley.organizations'', true), '''')::uuid[]))'
      ' with check (organization_id = any (nullif(current_setting(''parley.organizations'', true), '''')::uuid[]))', name);
    execute format('grant select, insert, update, delete on %I to parley_app', name);
  end loop;
end $$;
create policy sweep on peer_calls to parley_sweep using (true) with check (true);
grant select, update, delete on peer_calls to parley_sweep;

create function peer_json(p peers) returns jsonb language sql stable as $$
  select jsonb_build_object('id', p.id, 'organizationId', p.organization_id, 'name', p.name, 'endpoint', p.endpoint, 'auth', p.auth,
    'trust', p.trust, 'skills', p.skills, 'priceMicros', p.price_micros, 'timeoutMs', p.timeout_ms, 'deduplicates', p.deduplicates,
    'createdAt', iso(p.created_at), 'updatedAt', iso(p.updated_at))
$$;

-- Takes {organizationId, id, name, endpoint, auth, sealed, trust, skills, priceMicros, timeoutMs, deduplicates, max}.
create function create_peer(p jsonb) returns jsonb language plpgsql as $$
declare
  organization uuid := (p->>'organizationId')::uuid;
  made peers;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  perform pg_advisory_xact_lock(hashtextextended('peers ' || organization, 0));
  if (select count(*) from peers where organization_id = organization) >= (p->>'max')::int then perform refuse('limit_reached'); end if;
  insert into peers (id, organization_id, name, endpoint, auth, sealed, trust, skills, price_micros, timeout_ms, deduplicates)
  values (p->>'id', organization, p->>'name', p->>'endpoint', p->'auth', p->>'sealed', p->'trust', nullif(p->'skills', 'null'),
    (p->>'priceMicros')::bigint, (p->>'timeoutMs')::int, (p->>'deduplicates')::boolean)
  returning * into made;
  return peer_json(made);
end $$;

-- Takes {organizationId, id} and what of a peer is to be another; returns null where there is none. `sealed` goes with `auth`.
create function change_peer(p jsonb) returns jsonb language plpgsql as $$
declare
  changed peers;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  update peers set
    name = coalesce(p->>'name', name),
    endpoint = coalesce(p->>'endpoint', endpoint),
    auth = case when p ? 'auth' then p->'auth' else auth end,
    sealed = case when p ? 'auth' then p->>'sealed' else sealed end,
    trust = coalesce(p->'trust', trust),
    skills = case when p ? 'skills' then nullif(p->'skills', 'null') else skills end,
    price_micros = case when p ? 'priceMicros' then (p->>'priceMicros')::bigint else price_micros end,
    timeout_ms = case when p ? 'timeoutMs' then (p->>'timeoutMs')::int else timeout_ms end,
    deduplicates = coalesce((p->>'deduplicates')::boolean, deduplicates),
    updated_at = now()
  where id = p->>'id' and organization_id = (p->>'organizationId')::uuid returning * into changed;
  return case when changed.id is null then null else peer_json(changed) end;
end $$;

create function delete_peer(organization uuid, peer text) returns boolean language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  delete from peers where id = peer and organization_id = organization;
  return found;
end $$;

-- Oldest first.
create function list_peers(organization uuid, skipped int, rows_max int) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  return jsonb_build_object('total', (select count(*) from peers where organization_id = organization), 'items', (
    select coalesce(jsonb_agg(peer_json(p) order by p.created_at, p.id), '[]')
    from (select * from peers where organization_id = organization order by created_at, id offset skipped limit rows_max) p));
end $$;

-- Those that are there, with what is sealed.
create function find_peers(organization uuid, ids text[]) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  return (select coalesce(jsonb_agg(peer_json(p) || jsonb_build_object('sealed', p.sealed)), '[]')
    from peers p where p.organization_id = organization and p.id = any (ids));
end $$;

-- A message that brings peers along, perhaps with a past: {..., peers: [{peer, sealed}]}, all or nothing. What a repeated call brings was brought
-- before.
create function submit_with_peers(p jsonb) returns jsonb language plpgsql as $$
declare
  answer jsonb;
begin
  if p->'past' is null or p->'past' = 'null' then answer := submit_message(p - 'peers'); else answer := submit_seeded_message(p - 'peers'); end if;
  insert into turn_peers (organization_id, conversation_id, turn_id, place, peer, sealed)
  select m.organization_id, m.conversation_id, m.turn_id, (place - 1)::int, brought->'peer', brought->>'sealed'
  from messages m, jsonb_array_elements(p->'peers') with ordinality as given (brought, place)
  where m.id = (p->>'messageId')::uuid and m.state in ('queued', 'running');
  return answer;
end $$;

create function read_turn_peers(organization uuid, turn uuid) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  return (select coalesce(jsonb_agg(jsonb_build_object('peer', peer, 'sealed', sealed) order by place), '[]') from turn_peers where turn_id = turn);
end $$;

create function peer_call_json(k peer_calls) returns jsonb language sql stable as $$
  select jsonb_build_object('id', k.id, 'organizationId', k.organization_id, 'conversationId', k.conversation_id, 'turnId', k.turn_id,
    'peerRef', k.peer_ref, 'target', k.target, 'sealed', k.sealed, 'skill', k.skill, 'input', k.input, 'state', k.state, 'round', k.round,
    'taskId', k.task_id, 'contextId', k.context_id, 'priorTaskIds', k.prior_task_ids, 'peerState', k.peer_state, 'prompt', k.prompt, 'cardId', k.card_id,
    'cancelTries', k.cancel_tries)
$$;

-- What a background child is to call; null where it is an agent's run.
create function read_peer_call(organization uuid, call uuid) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  return (select peer_call_json(k) from peer_calls k where k.id = call);
end $$;

-- Before a call's message goes out: only for whoever may run its conversation, and not once that is stopped. The conversation's row is locked, so
-- that a stop either comes first and refuses it here, or finds it in the ledger. Takes {organizationId, conversationId, epoch, id, round, pushToken};
-- returns {outcome: 'stale' | 'stopped' | 'gone'}, or 'ok' with the call as it was, whether this round is begun by this, and the tasks of
-- earlier calls of the same peer in this conversation.
create function begin_peer_call(p jsonb) returns jsonb language plpgsql as $$
declare
  c conversations := lock_conversation((p->>'organizationId')::uuid, (p->>'conversationId')::uuid);
  k peer_calls;
  fresh boolean;
begin
  if c.id is null or c.epoch <> (p->>'epoch')::bigint or c.state <> 'running' then return '{"outcome": "stale"}'; end if;
  if is_stopped(c) then return '{"outcome": "stopped"}'; end if;
  select * into k from peer_calls where id = (p->>'id')::uuid and conversation_id = c.id for update;
  if k.id is null or k.state in ('canceling', 'ended') then return '{"outcome": "gone"}'; end if;
  -- The same token: this very call, whose answer was lost on the way, and which has sent nothing since.
  fresh := k.round < (p->>'round')::int or k.push_token = decode(p->>'pushToken', 'hex');
  if fresh then
    update peer_calls set round = (p->>'round')::int, state = 'sending', sent_at = coalesce(sent_at, now()), card_id = null,
      push_token = decode(p->>'pushToken', 'hex') where id = k.id;
    insert into peer_usage (execution_id, organization_id, conversation_id, turn_id, peer_ref, name, skill, price_micros)
    values (k.id, k.organization_id, k.conversation_id, k.turn_id, k.peer_ref, k.target->>'name', k.skill, k.price_micros)
    on conflict do nothing;
  end if;
  return jsonb_build_object('outcome', 'ok', 'fresh', fresh, 'call', peer_call_json(k), 'earlierTasks', (
    select coalesce(jsonb_agg(task_id), '[]') from (
      select task_id from peer_calls where conversation_id = c.id and peer_ref = k.peer_ref and state = 'ended' and task_id is not null and id <> k.id
      order by ended_at desc limit 1) earlier));
end $$;

-- The peer has a task for it: a fact about the past, taken from whoever knows it. Returns whether anybody still wants it.
create function record_peer_task(p jsonb) returns boolean language plpgsql as $$
declare
  now_state text;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  update peer_calls set task_id = p->>'taskId', context_id = coalesce(p->>'contextId', context_id),
    state = case state when 'sending' then 'open' else state end,
    cancel_due = case state when 'canceling' then now() else cancel_due end
  where id = (p->>'id')::uuid and state <> 'ended' returning state into now_state;
  return coalesce(now_state = 'open', false);
end $$;

-- Children of the running turn: sync ones are rows of this log, async ones a log of their own, ready to be run. A call of a peer is a child with
-- `peerCall`, its row of the ledger; `peer` says how such a call stands.
create or replace function save_children(c conversations, children jsonb) returns void language plpgsql as $$
declare
  child jsonb;
  born conversations;
  m messages;
  did record;
  marks jsonb;
begin
  for child in select * from jsonb_array_elements(children) loop
    marks := case when child ? 'peerCall' then '{"peerCall": true}' else '{}' end;
    if child->>'change' = 'end' then
      update executions set status = child->>'status', result = child->>'result', reason = child->>'reason', usage = child->'usage',
        stopped_by_user = (child->>'reason' is not distinct from 'user_stop'), finished_at = now(), updated_at = now()
      where id = (child->>'id')::uuid;
    elsif child->>'change' = 'peer' then
      update peer_calls set state = child->>'state', peer_state = child->>'peerState', prompt = left(child->>'prompt', 4000),
        card_id = (child->>'cardId')::uuid, task_id = coalesce(child->>'taskId', task_id), context_id = coalesce(child->>'contextId', context_id),
        cancel_due = case child->>'state' when 'canceling' then now() end,
        sealed = case child->>'state' when 'ended' then null else sealed end,
        ended_at = case child->>'state' when 'ended' then now() end
      where id = (child->>'id')::uuid and state <> 'ended';
    elsif child->>'mode' = 'sync' then
      insert into executions (id, organization_id, conversation_id, agent_id, agent_version, parent_id, mode, status, input, end_user,
        options, turn_id, turn_number, attempt, started_at)
      values ((child->>'id')::uuid, c.organization_id, c.id, (child->>'agentId')::uuid, (child->>'agentVersion')::int,
        (child->>'parentId')::uuid, 'sync', 'executing', jsonb_build_object('text', child->>'text', 'files', '[]'::jsonb), c.end_user,
        marks, c.turn_id, c.turn_number, 1, now())
      on conflict (id) do nothing;
      perform save_peer_call(c, c.turn_id, child);
    else
      insert into conversations (id, organization_id, agent_id, month, parent_conversation_id, parent_turn_number, root_conversation_id,
        root_turn_number, wakes_parent, depth, end_user, next_seq)
      values ((child->>'id')::uuid, c.organization_id, (child->>'agentId')::uuid, date_trunc('month', now() at time zone 'utc')::date,
        c.id, c.turn_number, coalesce(c.root_conversation_id, c.id), coalesce(c.root_turn_number, c.turn_number), (child->>'wakesParent')::boolean,
        c.depth + 1, c.end_user, 2)
      on conflict (id) do nothing returning * into born;
      continue when not found;
      insert into messages (id, organization_id, conversation_id, turn_id, seq, mode, state, text, files, options, agent_version, principal_id)
      values ((child->>'messageId')::uuid, c.organization_id, born.id, (child->>'turnId')::uuid, 1, 'auto', 'running', child->>'text', '[]',
        marks, (child->>'agentVersion')::int, 'execution:' || (child->>'parentId'))
      returning * into m;
      select * into did from begin_turn(born, m, '[]');
      born := did.c;
      update executions set mode = 'async', parent_id = (child->>'parentId')::uuid, turn_id = c.turn_id, options = marks
      where id = born.id;
      perform save_peer_call(born, m.turn_id, child);
      select * into did from post_events(born, did.facts);
      perform save_conversation(did.c);
    end if;
  end loop;
end $$;

create function save_peer_call(c conversations, turn uuid, child jsonb) returns void language sql as $$
  insert into peer_calls (id, organization_id, conversation_id, turn_id, peer_ref, target, sealed, skill, input, price_micros, context_id,
    prior_task_ids)
  select (child->>'id')::uuid, c.organization_id, c.id, turn, k->>'peerRef', k->'target', k->>'sealed', k->>'skill', k->'input',
    (k->>'priceMicros')::bigint, k->>'contextId', k->'priorTaskIds'
  from (select child->'peerCall' as k) given where k is not null
  on conflict do nothing
$$;

-- An async child has ended: its parent's log says so, with what came of a call of a peer; and where the agent asked for it and the branch that it
-- was born in is still the current one, a turn is begun with the result.
create or replace function tell_parent(c conversations, outcome jsonb, wakes_max int) returns jsonb language plpgsql as $$
declare
  parent conversations;
  parent_execution uuid;
  did record;
  m messages;
  facts jsonb;
  woken boolean := false;
begin
  select * into parent from conversations where id = c.parent_conversation_id for update;
  if not found then return null; end if;
  select parent_id into parent_execution from executions where id = c.id;
  facts := jsonb_build_array(make_event('child.finished', parent_execution, null, jsonb_build_object('childId', c.id, 'agentId', c.agent_id,
    'mode', 'async', 'status', outcome->>'status', 'result', outcome->'result', 'reason', outcome->'reason', 'usage', outcome->'usage')
    || case when outcome ? 'report' then jsonb_build_object('report', outcome->'report') else '{}' end));
  -- A result that dispatches again whose result wakes again must come to an end without a caller.
  if c.wakes_parent and outcome->>'status' <> 'stopped' and parent.wakes < wakes_max
      and parent.visible @> coalesce(c.parent_turn_number, c.root_turn_number) then
    parent.wakes := parent.wakes + 1;
    insert into messages (id, organization_id, conversation_id, turn_id, seq, mode, state, text, files, options, agent_version, principal_id)
    select uuidv7(), parent.organization_id, parent.id, uuidv7(), parent.next_seq, 'auto', 'queued',
      'Background task ' || c.id || ' has ended (' || (outcome->>'status') || '): ' || left(coalesce(outcome->>'result', outcome->>'text', ''), 32768),
      '[]', '{}', agent_version, 'execution:' || c.id
    from executions where id = parent.id
    returning * into m;
    parent.next_seq := parent.next_seq + 1;
    parent.queue_depth := parent.queue_depth + 1;
    facts := facts || jsonb_build_array(queue_event(parent, 'enqueue', m.id));
    if parent.state = 'idle' and not parent.held then
      select * into did from begin_next_turn(parent);
      parent := did.c;
      facts := facts || did.facts;
      woken := true;
    end if;
  end if;
  select * into did from post_events(parent, facts);
  parent := did.c;
  perform save_conversation(parent);
  return posted(parent, did.appended) || jsonb_build_object('conversationId', parent.id, 'kick', woken);
end $$;

-- Whatever ends a child that is a call of a peer leaves no task behind that nobody wants: what has not ended by then, the peer is told.
create function orphan_peer_call() returns trigger language plpgsql as $$
begin
  update peer_calls set state = case state when 'planned' then 'ended' else 'canceling' end,
    sealed = case state when 'planned' then null else sealed end,
    ended_at = case state when 'planned' then now() end, cancel_due = now()
  where id = new.id and state in ('planned', 'sending', 'open', 'waiting');
  return null;
end $$;
create trigger orphan_peer_call after update of status on executions for each row
  when (new.mode <> 'root' and new.status in ('completed', 'failed', 'error', 'stopped') and new.options ? 'peerCall')
  execute function orphan_peer_call();

-- Credentials that a message has brought live as long as its turn.
create function forget_turn_peers() returns trigger language plpgsql as $$
begin
  delete from turn_peers where turn_id = new.id;
  return null;
end $$;
create trigger forget_turn_peers after update of status on turns for each row
  when (new.status in ('completed', 'failed', 'error', 'stopped') and new.options ? 'peers')
  execute function forget_turn_peers();
-- Nor longer than the message, where it never becomes a turn.
create function forget_message_peers() returns trigger language plpgsql as $$
begin
  delete from turn_peers where turn_id = new.turn_id;
  return null;
end $$;
create trigger forget_message_peers after update of state on messages for each row
  when (new.state in ('cancelled', 'expired', 'merged') and new.options ? 'peers')
  execute function forget_message_peers();

create function forget_conversation_peers() returns trigger language plpgsql as $$
begin
  delete from turn_peers where conversation_id = old.id;
  delete from peer_calls where conversation_id = old.id and state = 'ended';
  -- The peer is still to be told; what was said goes now.
  update peer_calls set input = '{}', prompt = null where conversation_id = old.id;
  return null;
end $$;
create trigger forget_conversation_peers after delete on conversations for each row execute function forget_conversation_peers();

-- Calls whose peers have still to be told, this worker's alone for as long as a try takes; each is taken later and later.
create function take_peer_cancels(rows_max int) returns jsonb language sql as $$
  with due as (
    select id from peer_calls where state = 'canceling' and cancel_due <= clock_timestamp() order by cancel_due limit rows_max for update skip locked
  ), taken as (
    update peer_calls k set cancel_tries = cancel_tries + 1,
      cancel_due = clock_timestamp() + (10 + least(power(2, k.cancel_tries), 300)) * interval '1 second'
    from due where k.id = due.id returning k.*
  )
  select coalesce(jsonb_agg(peer_call_json(t)), '[]') from taken t
$$;

-- A peer was told, or is given up.
create function end_peer_cancel(organization uuid, call uuid) returns void language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  update peer_calls set state = 'ended', sealed = null, cancel_due = null, ended_at = now() where id = call and state = 'canceling';
end $$;

create function forget_peer_calls(older_than interval, rows_max int) returns int language sql as $$
  with gone as (
    delete from peer_calls where id in (select id from peer_calls where state = 'ended' and ended_at < now() - older_than limit rows_max) returning 1
  )
  select count(*)::int from gone
$$;
