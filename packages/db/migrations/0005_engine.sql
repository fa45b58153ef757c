-- What a worker does to a conversation. Every write but `record_usage` carries the fence: the epoch of its claim.

-- Begins the queue's head: a drain order, or a queue left idle past its grace. Harmless when there is nothing to do.
create function release_queue(organization uuid, conversation uuid, ordered boolean) returns jsonb language plpgsql as $$
declare
  c conversations := lock_conversation(organization, conversation);
  did record;
begin
  if c.id is null or c.state <> 'idle' or c.queue_depth = 0 or (c.held and not ordered) then
    update conversations set drain_at = null where id = c.id and drain_at is not null and state <> 'paused';
    return jsonb_build_object('events', '[]'::jsonb, 'kick', coalesce(c.state = 'ready', false), 'epoch', coalesce(c.epoch, 0), 'isChild', false);
  end if;
  select * into did from begin_next_turn(c);
  c := did.c;
  c.drain_at := null;
  select * into did from post_events(c, did.facts);
  c := did.c;
  perform save_conversation(c);
  return posted(c, did.appended);
end $$;

-- Claims a ready conversation, or one whose lease ran out. Takes {organizationId, conversationId, worker, leaseMs,
-- historyTurnsMax}; returns {outcome: 'claimed' | 'busy' | 'gone', ...} with all that the turn needs.
create function claim_turn(p jsonb) returns jsonb language plpgsql as $$
declare
  c conversations := lock_conversation((p->>'organizationId')::uuid, (p->>'conversationId')::uuid);
  t turns;
  facts jsonb;
  did record;
  was_paused boolean;
begin
  if c.id is null then return '{"outcome": "gone"}'; end if;
  if c.turn_id is null or not (c.state = 'ready' or (c.state = 'running' and c.lease_until < clock_timestamp())) then
    return '{"outcome": "busy"}';
  end if;
  select * into t from turns where id = c.turn_id;
  was_paused := t.status = 'paused';
  -- The claim need not wait for the disk: a crash of Postgres may lose it, and then the clock in the epoch keeps the next
  -- claim from getting the same number. The holder's next commit makes it durable.
  perform set_config('synchronous_commit', 'off', true);
  c.epoch := greatest(c.epoch + 1, (extract(epoch from clock_timestamp()) * 1000)::bigint);
  select * into did from take_inbox(c);
  c := did.c;
  facts := did.facts;
  if t.attempt > 0 and not was_paused then
    facts := facts || jsonb_build_array(make_event('attempt.superseded', c.id, t.id, jsonb_build_object('attempt', t.attempt,
      'nextAttempt', t.attempt + 1, 'discardFrom', t.step_epoch || '-' || t.step_n,
      'reason', case when c.state = 'running' then 'lease_lost' else 'shutdown' end)));
  end if;
  t.attempt := t.attempt + 1;
  facts := facts || jsonb_build_array(make_event('turn.started', c.id, t.id, jsonb_build_object('turnNumber', t.number,
    'attempt', t.attempt, 'agentVersion', t.agent_version)));
  select * into did from append_events(c, facts);
  c := did.c;
  c.state := 'running';
  c.lease_owner := p->>'worker';
  c.lease_until := clock_timestamp() + (p->>'leaseMs')::int * interval '1 millisecond';
  c.ready_at := null;
  c.kicks := 0;
  perform save_conversation(c);
  update turns set attempt = t.attempt, status = 'running', started_at = coalesce(started_at, now()),
    step_epoch = c.epoch, step_n = c.head_n + 1 where id = t.id;
  update executions set status = 'executing', attempt = t.attempt, started_at = coalesce(started_at, now()), updated_at = now()
  where id = c.id;
  return jsonb_build_object(
    'outcome', 'claimed', 'epoch', c.epoch, 'n', c.head_n, 'month', c.month, 'agentId', c.agent_id, 'stopped', is_stopped(c),
    'isChild', c.parent_conversation_id is not null, 'subTasks', c.sub_tasks, 'events', did.appended,
    'turn', jsonb_build_object('id', t.id, 'number', t.number, 'agentVersion', t.agent_version, 'attempt', t.attempt, 'giveBacks', t.give_backs, 'text', t.text,
      'files', t.files, 'user', t.end_user, 'options', t.options, 'waitedMs', (extract(epoch from clock_timestamp() - t.created_at) * 1000)::bigint,
      'ageMs', (extract(epoch from clock_timestamp() - coalesce(t.started_at, clock_timestamp())) * 1000)::bigint),
    'history', case when t.number = 1 then '[]' else (select coalesce(jsonb_agg(jsonb_build_object('text', past.text, 'files', past.files, 'result', past.result,
        'status', past.status, 'reason', past.reason, 'children', past.children) order by past.number), '[]')
      from (select number, left(text, 32768) as text, files, left(result, 32768) as result, status, reason,
          (select jsonb_agg(jsonb_build_object('id', e.id, 'status', e.status, 'query', left(e.input->>'text', 1024), 'result', left(e.result, 8192)) order by e.id)
            from executions e where e.turn_id = turns.id and e.parent_id = c.id and e.mode = 'async') as children
        from turns where conversation_id = c.id and number < t.number order by number desc limit (p->>'historyTurnsMax')::int) past) end,
    'journal', case when t.attempt = 1 then '[]' else (
      select coalesce(jsonb_agg(jsonb_build_object('executionId', execution_id, 'step', step, 'kind', kind, 'callIndex', call_index,
        'payload', payload) order by execution_id, step, kind, call_index), '[]') from journal where turn_id = t.id) end);
end $$;

-- Usage is a fact about the past: accepted from any epoch, once per (turn, execution, attempt, step, try).
create function record_usage(c_organization uuid, c_conversation uuid, c_month date, lines jsonb) returns void language sql as $$
  insert into usage_records (organization_id, conversation_id, month, turn_id, execution_id, attempt, step, try, model,
    input_tokens, output_tokens, cached_tokens, reasoning_tokens, estimated)
  select c_organization, c_conversation, c_month, (line->>'turnId')::uuid, (line->>'executionId')::uuid, (line->>'attempt')::int,
    (line->>'step')::int, (line->>'try')::int, line->>'model', (line->>'inputTokens')::bigint, (line->>'outputTokens')::bigint,
    (line->>'cachedTokens')::bigint, (line->>'reasoningTokens')::bigint, (line->>'estimated')::boolean
  from jsonb_array_elements(lines) line
  on conflict do nothing
$$;

create function record_usage_facts(p jsonb) returns void language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  perform record_usage((p->>'organizationId')::uuid, (p->>'conversationId')::uuid, (p->>'month')::date, p->'usage');
end $$;

-- Children of the running turn: sync ones are rows of this log, async ones a log of their own, ready to be run.
create function save_children(c conversations, children jsonb) returns void language plpgsql as $$
declare
  child jsonb;
  born conversations;
  m messages;
  did record;
begin
  for child in select * from jsonb_array_elements(children) loop
    if child->>'change' = 'end' then
      update executions set status = child->>'status', result = child->>'result', reason = child->>'reason', usage = child->'usage',
        stopped_by_user = (child->>'reason' is not distinct from 'user_stop'), finished_at = now(), updated_at = now()
      where id = (child->>'id')::uuid;
    elsif child->>'mode' = 'sync' then
      insert into executions (id, organization_id, conversation_id, agent_id, agent_version, parent_id, mode, status, input, end_user,
        turn_id, turn_number, attempt, started_at)
      values ((child->>'id')::uuid, c.organization_id, c.id, (child->>'agentId')::uuid, (child->>'agentVersion')::int,
        (child->>'parentId')::uuid, 'sync', 'executing', jsonb_build_object('text', child->>'text', 'files', '[]'::jsonb), c.end_user,
        c.turn_id, c.turn_number, 1, now())
      on conflict (id) do nothing;
    else
      insert into conversations (id, organization_id, agent_id, month, parent_conversation_id, root_conversation_id, root_turn_number,
        wakes_parent, depth, end_user, next_seq)
      values ((child->>'id')::uuid, c.organization_id, (child->>'agentId')::uuid, date_trunc('month', now() at time zone 'utc')::date,
        c.id, coalesce(c.root_conversation_id, c.id), coalesce(c.root_turn_number, c.turn_number), (child->>'wakesParent')::boolean,
        c.depth + 1, c.end_user, 2)
      on conflict (id) do nothing returning * into born;
      continue when not found;
      insert into messages (id, organization_id, conversation_id, turn_id, seq, mode, state, text, files, options, agent_version, principal_id)
      values ((child->>'messageId')::uuid, c.organization_id, born.id, (child->>'turnId')::uuid, 1, 'auto', 'running', child->>'text', '[]',
        '{}', (child->>'agentVersion')::int, 'execution:' || (child->>'parentId'))
      returning * into m;
      select * into did from begin_turn(born, m);
      born := did.c;
      update executions set mode = 'async', parent_id = (child->>'parentId')::uuid, turn_id = c.turn_id where id = born.id;
      select * into did from post_events(born, did.facts);
      perform save_conversation(did.c);
    end if;
  end loop;
end $$;

-- An async child has ended: its parent's log says so, and where the agent asked for it, a turn is begun with the result.
create function tell_parent(c conversations, outcome jsonb, wakes_max int) returns jsonb language plpgsql as $$
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
    'mode', 'async', 'status', outcome->>'status', 'result', outcome->'result', 'reason', outcome->'reason', 'usage', outcome->'usage')));
  -- A result that dispatches again whose result wakes again must come to an end without a caller.
  if c.wakes_parent and outcome->>'status' <> 'stopped' and parent.wakes < wakes_max then
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

-- The holder's write: events, journal, children, usage, and perhaps the turn's pause or end, all behind the fence.
-- Takes {organizationId, conversationId, epoch, n, leaseMs, wakesMax, turnId, attempt, events, journal, children, usage, step, pause, finish};
-- n is the last cursor that the holder gave out, deltas included. Returns {outcome: 'ok' | 'stale' | 'stopped', ...};
-- 'stopped' writes nothing: the user's stop has to be told first.
create function commit_turn(p jsonb) returns jsonb language plpgsql as $$
declare
  c conversations := lock_conversation((p->>'organizationId')::uuid, (p->>'conversationId')::uuid);
  facts jsonb;
  did record;
  parent jsonb;
  ended boolean := p->'finish' is not null and p->'finish' <> 'null';
begin
  if c.id is not null and c.epoch = (p->>'epoch')::bigint and c.head_n > (p->>'n')::int then
    -- This very write was committed before, and its answer lost on the way.
    return jsonb_build_object('outcome', 'ok', 'n', c.head_n, 'epoch', c.epoch, 'kick', c.state = 'ready', 'parent', null, 'events',
      read_log(c.organization_id, c.id, c.epoch, (p->>'n')::int, 1000)->'events');
  end if;
  if c.id is null or c.epoch <> (p->>'epoch')::bigint or c.state <> 'running' then return '{"outcome": "stale"}'; end if;
  if is_stopped(c) and not (ended and p->'finish'->>'status' = 'stopped') then return '{"outcome": "stopped"}'; end if;

  c.head_n := (p->>'n')::int;
  select * into did from take_inbox(c);
  c := did.c;
  facts := did.facts || (p->'events');
  if jsonb_array_length(p->'journal') > 0 then
    insert into journal (organization_id, turn_id, execution_id, step, kind, call_index, payload, epoch)
    select c.organization_id, c.turn_id, (line->>'executionId')::uuid, (line->>'step')::int, line->>'kind', (line->>'callIndex')::int,
      line->'payload', c.epoch
    from jsonb_array_elements(p->'journal') line
    on conflict do nothing;
  end if;
  if jsonb_array_length(p->'children') > 0 then perform save_children(c, p->'children'); end if;
  if jsonb_array_length(p->'usage') > 0 then perform record_usage(c.organization_id, c.id, c.month, p->'usage'); end if;

  if ended then
    select * into did from end_turn(c, p->'finish');
    c := did.c;
    facts := facts || did.facts;
    if c.parent_conversation_id is not null then parent := tell_parent(c, p->'finish', (p->>'wakesMax')::int); end if;
  elsif p->'pause' is not null and p->'pause' <> 'null' then
    insert into cards (id, organization_id, conversation_id, turn_id, execution_id, step, call_index, kind, body)
    select (card->>'id')::uuid, c.organization_id, c.id, c.turn_id, (card->>'executionId')::uuid, (card->>'step')::int,
      (card->>'callIndex')::int, 'questions', card->'questions'
    from jsonb_array_elements(p->'pause'->'cards') card;
    c.cards_open := jsonb_array_length(p->'pause'->'cards');
    c.state := 'paused';
    c.lease_owner := null;
    c.lease_until := null;
    update turns set status = 'paused' where id = c.turn_id;
    update executions set status = 'paused', updated_at = now() where id = c.id;
  else
    c.lease_until := clock_timestamp() + (p->>'leaseMs')::int * interval '1 millisecond';
  end if;
  select * into did from append_events(c, facts);
  c := did.c;
  perform save_conversation(c);
  if not ended and p->'step' is not null and p->'step' <> 'null' then
    update turns set step = (p->>'step')::int, step_epoch = c.epoch, step_n = c.head_n + 1 where id = (p->>'turnId')::uuid;
  end if;
  return jsonb_build_object('outcome', 'ok', 'events', did.appended, 'n', c.head_n, 'epoch', c.epoch, 'kick', c.state = 'ready',
    'parent', parent);
end $$;

-- Renews the leases of all turns of one worker and keeps their texts, in one statement's time.
-- Takes {leaseMs, turns: [{organizationId, conversationId, epoch, turnId, n, texts}]} (texts null: nothing new);
-- returns [{conversationId, epoch, alive, stopped, inbox}].
create function renew_turns(p jsonb) returns jsonb language plpgsql as $$
declare
  answer jsonb;
begin
  perform set_config('parley.organizations', (
    select '{' || string_agg(distinct turn->>'organizationId', ',') || '}' from jsonb_array_elements(p->'turns') turn), true);
  -- Children before parents, as an ending child locks them: the other order would lock them out of each other.
  perform from conversations where id in (select (turn->>'conversationId')::uuid from jsonb_array_elements(p->'turns') turn)
  order by depth desc, id for update;
  with asked as (
    select (turn->>'organizationId')::uuid as organization_id, (turn->>'conversationId')::uuid as id, (turn->>'epoch')::bigint as epoch,
      (turn->>'turnId')::uuid as turn_id, (turn->>'n')::int as n, turn->'texts' as texts
    from jsonb_array_elements(p->'turns') turn
  ), renewed as (
    update conversations c set lease_until = clock_timestamp() + (p->>'leaseMs')::int * interval '1 millisecond',
      has_checkpoint = c.has_checkpoint or jsonb_typeof(asked.texts) = 'array'
    from asked where c.id = asked.id and c.epoch = asked.epoch and c.state = 'running'
    returning c.id, c.has_inbox, is_stopped(c) as stopped
  ), kept as (
    insert into checkpoints (turn_id, organization_id, conversation_id, epoch, n, texts)
    select asked.turn_id, asked.organization_id, asked.id, asked.epoch, asked.n, asked.texts
    from asked join renewed using (id) where jsonb_typeof(asked.texts) = 'array'
    on conflict (turn_id) do update set epoch = excluded.epoch, n = excluded.n, texts = excluded.texts, updated_at = now()
  )
  select jsonb_agg(jsonb_build_object('conversationId', asked.id, 'epoch', asked.epoch, 'alive', renewed.id is not null,
    'stopped', coalesce(renewed.stopped, false), 'inbox', coalesce(renewed.has_inbox, false)))
  into answer from asked left join renewed using (id);
  return coalesce(answer, '[]');
end $$;

-- A worker that shuts down hands its turn on: ready at once, under the same attempt count limit as before.
create function give_back_turn(p jsonb) returns jsonb language plpgsql as $$
declare
  c conversations := lock_conversation((p->>'organizationId')::uuid, (p->>'conversationId')::uuid);
  did record;
begin
  if c.id is null or c.epoch <> (p->>'epoch')::bigint or c.state <> 'running' then return '{"outcome": "stale"}'; end if;
  -- While nobody holds it others write to the log themselves; what waits for the holder has to come before that.
  c.head_n := (p->>'n')::int;
  select * into did from take_inbox(c);
  c := did.c;
  select * into did from append_events(c, did.facts);
  c := did.c;
  if jsonb_array_length(p->'usage') > 0 then perform record_usage(c.organization_id, c.id, c.month, p->'usage'); end if;
  update turns set give_backs = give_backs + 1 where id = c.turn_id;
  c.state := 'ready';
  c.ready_at := clock_timestamp();
  c.kicks := 0;
  c.lease_owner := null;
  c.lease_until := null;
  perform save_conversation(c);
  return jsonb_build_object('outcome', 'ok', 'epoch', c.epoch);
end $$;
