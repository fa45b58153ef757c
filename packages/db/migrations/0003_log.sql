-- The parts that the engine's functions are made of. Each takes a locked conversation row as `c`, changes it in
-- memory and hands it back; `save_conversation` writes it once, at the end.

create function iso(moment timestamptz) returns text language sql stable parallel safe as $$
  select to_char(moment at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
$$;

create function make_event(type text, execution_id uuid, turn_id uuid, data jsonb) returns jsonb language sql immutable as $$
  select jsonb_build_object('type', type, 'executionId', execution_id, 'turnId', turn_id, 'data', data)
$$;

-- Names the organization for this transaction and locks the conversation. Null when it is another's or unknown.
create function lock_conversation(organization uuid, conversation uuid) returns conversations language plpgsql as $$
declare
  seen text := set_config('parley.organizations', '{' || organization || '}', true);
  c conversations;
begin
  select * into c from conversations where id = conversation for update;
  return c;
end $$;

create function save_conversation(c conversations) returns void language plpgsql as $$
begin
  update conversations set
    state = c.state, held = c.held, epoch = c.epoch, head_epoch = c.head_epoch, head_n = c.head_n,
    lease_owner = c.lease_owner, lease_until = c.lease_until, ready_at = c.ready_at, kicks = c.kicks, due_at = c.due_at,
    drain_at = c.drain_at, turn_id = c.turn_id, turn_number = c.turn_number, stopped_through_turn = c.stopped_through_turn,
    queue_depth = c.queue_depth, next_seq = c.next_seq, cards_open = c.cards_open, has_inbox = c.has_inbox, has_checkpoint = c.has_checkpoint, wakes = c.wakes, version = c.version,
    end_user = c.end_user, sub_tasks = c.sub_tasks
  where id = c.id;
end $$;

-- Appends to the log within c.epoch, at the next n. Atomic with the caller's transaction.
-- Takes [{type, executionId, turnId, data}]; returns them with cursor, at and, on an epoch's first event, previous.
create function append_events(inout c conversations, in facts jsonb, out appended jsonb) language plpgsql as $$
declare
  moment timestamptz := clock_timestamp();
  at text := iso(moment);
  previous text := case when c.head_epoch = c.epoch then null else c.head_epoch || '-' || c.head_n end;
  fact jsonb;
begin
  appended := '[]';
  if c.head_epoch <> c.epoch and jsonb_array_length(facts) > 0 then c.head_n := 0; end if;
  for place in 0 .. jsonb_array_length(facts) - 1 loop
    fact := facts -> place;
    c.head_epoch := c.epoch;
    c.head_n := c.head_n + 1;
    insert into events (organization_id, conversation_id, month, epoch, n, previous, type, execution_id, turn_id, data, at)
    values (c.organization_id, c.id, c.month, c.epoch, c.head_n, previous, fact->>'type', (fact->>'executionId')::uuid,
      (fact->>'turnId')::uuid, fact->'data', moment);
    fact := fact || jsonb_build_object('cursor', c.epoch || '-' || c.head_n, 'at', at);
    if previous is not null then fact := fact || jsonb_build_object('previous', previous); end if;
    appended := appended || jsonb_build_array(fact);
    previous := null;
  end loop;
end $$;

-- For everyone but the lease holder. While somebody runs the conversation the facts wait in its inbox (appended is
-- empty then, and the holder wants a nudge); otherwise the writer takes the next epoch for this transaction.
create function post_events(inout c conversations, in facts jsonb, out appended jsonb) language plpgsql as $$
declare
  did record;
begin
  appended := '[]';
  if c.state = 'running' then
    insert into inbox (organization_id, conversation_id, event)
    select c.organization_id, c.id, fact from jsonb_array_elements(facts) with ordinality as listed (fact, place) order by place;
    c.has_inbox := true;
    return;
  end if;
  c.epoch := c.epoch + 1;
  select * into did from append_events(c, facts);
  c := did.c;
  appended := did.appended;
end $$;

-- What waits in the inbox, oldest first; it is empty afterwards.
create function take_inbox(inout c conversations, out facts jsonb) language plpgsql as $$
begin
  facts := '[]';
  if not c.has_inbox then return; end if;
  c.has_inbox := false;
  with taken as (delete from inbox where conversation_id = c.id returning id, event)
  select coalesce(jsonb_agg(event order by id), '[]') into facts from taken;
end $$;

create function queue_event(c conversations, action text, message uuid) returns jsonb language sql immutable as $$
  select make_event('queue.updated', c.id, c.turn_id,
    jsonb_build_object('action', action, 'messageId', message, 'queueDepth', c.queue_depth))
$$;

create function is_stopped(c conversations) returns boolean language plpgsql stable as $$
begin
  if c.stopped_through_turn >= c.turn_number then return true; end if;
  if c.root_conversation_id is null then return false; end if;
  return exists (select from conversations root where root.id = c.root_conversation_id and root.stopped_through_turn >= c.root_turn_number);
end $$;

-- Makes a message the turn that runs next: the conversation is ready, its root execution pending.
create function begin_turn(inout c conversations, in m messages, out facts jsonb) language plpgsql as $$
begin
  c.turn_number := c.turn_number + 1;
  c.turn_id := m.turn_id;
  c.state := 'ready';
  c.held := false;
  c.ready_at := clock_timestamp();
  c.kicks := 0;
  c.due_at := null;
  c.drain_at := null;
  c.version := c.version + 1;
  c.end_user := coalesce(m.end_user, c.end_user);
  c.sub_tasks := coalesce(m.options->>'subTasks', c.sub_tasks);
  insert into turns (id, organization_id, conversation_id, number, message_id, agent_version, text, files, end_user, options)
  values (m.turn_id, c.organization_id, c.id, c.turn_number, m.id, m.agent_version, m.text, m.files, c.end_user, m.options);
  insert into executions as e (id, organization_id, conversation_id, agent_id, agent_version, mode, input, end_user, options, title,
    turn_id, turn_number)
  values (c.id, c.organization_id, c.id, c.agent_id, m.agent_version, 'root', jsonb_build_object('text', m.text, 'files', m.files),
    c.end_user, m.options, m.options->>'title', m.turn_id, c.turn_number)
  on conflict (id) do update set agent_version = excluded.agent_version, status = 'pending', input = excluded.input,
    end_user = excluded.end_user, options = excluded.options, title = coalesce(excluded.title, e.title), result = null, reason = null,
    turn_id = excluded.turn_id, turn_number = excluded.turn_number, attempt = 0, stopped_by_user = false, usage = null,
    started_at = null, finished_at = null, updated_at = now();
  facts := jsonb_build_array(make_event('turn.created', c.id, m.turn_id, jsonb_build_object(
    'messageId', m.id, 'turnId', m.turn_id, 'input', jsonb_build_object('text', m.text, 'files', m.files), 'user', c.end_user,
    'options', m.options, 'mode', m.mode)));
end $$;

-- Takes the head of the queue and begins its turn. No facts when nothing waits.
create function begin_next_turn(inout c conversations, out facts jsonb) language plpgsql as $$
declare
  m messages;
  begun record;
begin
  facts := '[]';
  update messages set state = 'running' where id = (
    select id from messages where conversation_id = c.id and state = 'queued' order by seq limit 1) returning * into m;
  if not found then
    c.queue_depth := 0;
    return;
  end if;
  c.queue_depth := c.queue_depth - 1;
  select * into begun from begin_turn(c, m);
  c := begun.c;
  facts := jsonb_build_array(queue_event(c, 'drain', m.id)) || begun.facts;
end $$;

-- What an execution has used in a turn, over all of its attempts, as its records say.
create function used_tokens(c conversations, turn uuid, execution uuid) returns jsonb language sql stable as $$
  select jsonb_build_object('inputTokens', coalesce(sum(input_tokens), 0), 'outputTokens', coalesce(sum(output_tokens), 0),
    'cachedTokens', coalesce(sum(cached_tokens), 0), 'reasoningTokens', coalesce(sum(reasoning_tokens), 0), 'modelCalls', count(*),
    'estimated', coalesce(bool_or(estimated), false))
  from usage_records where turn_id = turn and execution_id = execution and month = c.month
$$;

-- Sync children cannot outlive the turn that they run in: what of them has not ended by itself ends with it.
create function end_children(c conversations, outcome jsonb) returns jsonb language sql as $$
  with ended as (
    update executions set status = outcome->>'status', reason = outcome->>'reason', usage = used_tokens(c, c.turn_id, id),
      stopped_by_user = outcome->>'reason' is not distinct from 'user_stop', finished_at = now(), updated_at = now()
    where conversation_id = c.id and turn_id = c.turn_id and mode = 'sync' and status in ('pending', 'executing', 'paused')
    returning *
  )
  select coalesce(jsonb_agg(make_event('child.finished', parent_id, c.turn_id, jsonb_build_object('childId', id, 'agentId', agent_id,
    'mode', mode, 'status', status, 'result', result, 'reason', reason, 'usage', usage)) order by id desc), '[]')
  from ended
$$;

-- Ends the current turn, lets the lease go and, unless the queue is held or empty, begins the next turn in the same
-- transaction. `outcome` is {status, reason, text, result, usage}.
create function end_turn(inout c conversations, in outcome jsonb, out facts jsonb) language plpgsql as $$
declare
  ended_status text := outcome->>'status';
  ended_turn uuid := c.turn_id;
  ended_number int := c.turn_number;
  answered uuid;
  closed jsonb;
  children jsonb := '[]';
  more boolean;
  next record;
begin
  update turns set status = ended_status, reason = outcome->>'reason', result = outcome->>'result', usage = outcome->'usage',
    finished_at = now() where id = ended_turn returning message_id into answered;
  update messages set state = 'done' where id = answered;
  update executions set status = ended_status, reason = outcome->>'reason', result = outcome->>'result', usage = outcome->'usage',
    stopped_by_user = (ended_status = 'stopped' and outcome->>'reason' = 'user_stop'), finished_at = now(), updated_at = now()
  where id = c.id;
  -- An answer has waited for all of its children.
  if ended_status <> 'completed' then children := end_children(c, outcome); end if;
  if c.has_checkpoint then delete from checkpoints where turn_id = ended_turn; end if;
  c.has_checkpoint := false;
  closed := '[]';
  if c.cards_open > 0 then
    with shut as (update cards set status = 'cancelled', closed_at = now() where conversation_id = c.id and status = 'open' returning id)
    select coalesce(jsonb_agg(make_event('card.closed', c.id, ended_turn, jsonb_build_object('cardId', id, 'outcome', 'cancelled'))), '[]')
    into closed from shut;
    c.cards_open := 0;
  end if;
  c.lease_owner := null;
  c.lease_until := null;
  c.ready_at := null;
  c.turn_id := null;
  c.state := 'idle';
  c.version := c.version + 1;
  -- Whether the queue is held was said by the stop, and perhaps taken back by a message since.
  if ended_status = 'stopped' then c.stopped_through_turn := greatest(c.stopped_through_turn, ended_number); end if;
  more := not c.held and c.queue_depth > 0;
  facts := closed || children || jsonb_build_array(make_event(
    case ended_status when 'completed' then 'turn.completed' when 'stopped' then 'turn.stopped' else 'turn.failed' end,
    c.id, ended_turn, jsonb_build_object('turnNumber', ended_number, 'result', outcome->'result', 'usage', outcome->'usage', 'more', more)
      || case ended_status
        when 'completed' then '{}'
        when 'stopped' then jsonb_build_object('reason', outcome->>'reason')
        else jsonb_build_object('status', ended_status, 'reason', outcome->>'reason', 'text', outcome->>'text') end
  ));
  if more then
    select * into next from begin_next_turn(c);
    c := next.c;
    facts := facts || next.facts;
  end if;
end $$;
