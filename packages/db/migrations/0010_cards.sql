-- Decisions that people make (questions and approvals), and the engine's writes that know of them, of steers and of branches.

alter table cards drop constraint cards_kind_check;
alter table cards add constraint cards_kind_check check (kind in ('questions', 'approval'));
alter table cards
  -- What was said, and by whom: never before the card is closed.
  add column answer jsonb,
  add column answered_by text,
  -- SHA-256, hex: what an approval is bound to.
  add column arguments_hash text;
create index cards_expiring on cards (expires_at) where status = 'open' and expires_at is not null;
create index cards_of_turn on cards (turn_id);

-- Answers, approves or denies an open card. At the last open one the turn goes on, in the same transaction.
-- Takes {organizationId, conversationId, cardId, kind, outcome, answer, principalId, argumentsHash}.
create function answer_card(p jsonb) returns jsonb language plpgsql as $$
declare
  c conversations := lock_conversation((p->>'organizationId')::uuid, (p->>'conversationId')::uuid);
  k cards;
  did record;
  facts jsonb;
  before text := c.head_epoch || '-' || c.head_n;
begin
  if c.id is null then perform refuse('not_found'); end if;
  select * into k from cards where id = (p->>'cardId')::uuid and conversation_id = c.id;
  if not found or k.kind <> p->>'kind' then perform refuse('not_found'); end if;
  -- A turn that is being stopped does not wait any more, though its card is closed with its end only.
  if k.status <> 'open' or c.state <> 'paused' then perform refuse('card_closed'); end if;
  if k.expires_at <= clock_timestamp() then perform refuse('card_expired'); end if;
  if p->>'argumentsHash' <> k.arguments_hash then perform refuse('approval_mismatch'); end if;
  update cards set status = p->>'outcome', answer = p->'answer', answered_by = p->>'principalId', closed_at = now() where id = k.id;
  c.cards_open := c.cards_open - 1;
  facts := jsonb_build_array(make_event('card.closed', k.execution_id, c.turn_id, jsonb_build_object('cardId', k.id, 'outcome', p->>'outcome',
    'answer', p->'answer', 'by', p->>'principalId')));
  if c.cards_open = 0 then
    select * into did from resume_turn(c, k.id);
    c := did.c;
    facts := facts || did.facts;
  end if;
  select * into did from post_events(c, facts);
  c := did.c;
  perform save_conversation(c);
  return posted(c, did.appended) || jsonb_build_object('cardId', k.id, 'outcome', p->>'outcome', 'turnId', k.turn_id, 'cardsOpen', c.cards_open,
    'resumed', c.state = 'ready', 'cursor', before);
end $$;

create function card_json(k cards) returns jsonb language sql stable as $$
  select jsonb_build_object('id', k.id, 'turnId', k.turn_id, 'executionId', k.execution_id, 'step', k.step, 'callIndex', k.call_index,
    'kind', k.kind, 'body', k.body, 'argumentsHash', k.arguments_hash, 'status', k.status, 'answer', k.answer, 'answeredBy', k.answered_by,
    'createdAt', iso(k.created_at), 'expiresAt', iso(k.expires_at), 'closedAt', iso(k.closed_at))
$$;

create function read_card(organization uuid, conversation uuid, card uuid) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  return (select card_json(k) from cards k where k.id = card and k.conversation_id = conversation);
end $$;

-- The turns of the current branch before that one, oldest first, as the model is shown them.
create function turn_history(c conversations, before_number int, turns_max int) returns jsonb language sql stable as $$
  select coalesce(jsonb_agg(jsonb_build_object('number', past.number, 'text', past.text, 'files', past.files, 'result', past.result,
    'status', past.status, 'reason', past.reason, 'children', past.children, 'steers', past.steers, 'cards', past.cards) order by past.number), '[]')
  from (
    select number, left(text, 32768) as text, files, left(result, 32768) as result, status, reason,
      (select jsonb_agg(jsonb_build_object('id', e.id, 'status', e.status, 'query', left(e.input->>'text', 1024), 'result', left(e.result, 8192)) order by e.id)
        from executions e where e.turn_id = turns.id and e.parent_id = c.id and e.mode = 'async') as children,
      case when steers > 0 then (select jsonb_agg(left(m.text, 32768) order by m.seq, m.id)
        from messages m where m.conversation_id = c.id and m.steers_turn = turns.id and m.state in ('running', 'done')) end as steers,
      case when cards > 0 then (select jsonb_agg(card_json(k) order by k.created_at, k.id)
        from cards k where k.turn_id = turns.id) end as cards
    from turns where conversation_id = c.id and number < before_number and c.visible @> number order by number desc limit turns_max
  ) past
$$;

-- What stands for the turns that are too old to be told whole; null while there are none.
create function turn_summary(c conversations) returns jsonb language sql stable as $$ select null::jsonb $$;

-- Claims a ready conversation, or one whose lease ran out. Takes {organizationId, conversationId, worker, leaseMs,
-- historyTurnsMax}; returns {outcome: 'claimed' | 'busy' | 'gone', ...} with all that the turn needs.
create or replace function claim_turn(p jsonb) returns jsonb language plpgsql as $$
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
  was_paused := t.resumed or t.status = 'paused';
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
  update turns set attempt = t.attempt, status = 'running', resumed = false, started_at = coalesce(started_at, now()),
    step_epoch = c.epoch, step_n = c.head_n + 1 where id = t.id;
  update executions set status = 'executing', attempt = t.attempt, started_at = coalesce(started_at, now()), updated_at = now()
  where id = c.id;
  return jsonb_build_object(
    'outcome', 'claimed', 'epoch', c.epoch, 'n', c.head_n, 'month', c.month, 'agentId', c.agent_id, 'stopReason', stop_reason_of(c),
    'isChild', c.parent_conversation_id is not null, 'subTasks', c.sub_tasks, 'hasSteer', c.has_steer, 'branch', c.branch, 'events', did.appended,
    'turn', jsonb_build_object('id', t.id, 'number', t.number, 'agentVersion', t.agent_version, 'attempt', t.attempt, 'giveBacks', t.give_backs, 'text', t.text,
      'files', t.files, 'user', t.end_user, 'options', t.options, 'waitedMs', (extract(epoch from clock_timestamp() - t.created_at) * 1000)::bigint,
      'ageMs', (extract(epoch from clock_timestamp() - coalesce(t.started_at, clock_timestamp())) * 1000)::bigint - t.paused_ms),
    'history', case when t.number = 1 then '[]' else turn_history(c, t.number, (p->>'historyTurnsMax')::int) end,
    'summary', case when t.number = 1 then null else turn_summary(c) end,
    'cards', case when t.cards = 0 then '[]' else (select coalesce(jsonb_agg(card_json(k) order by k.id), '[]') from cards k where k.turn_id = t.id) end,
    'journal', case when t.attempt = 1 then '[]' else (
      select coalesce(jsonb_agg(jsonb_build_object('executionId', execution_id, 'step', step, 'kind', kind, 'callIndex', call_index,
        'payload', payload) order by execution_id, step, kind, call_index), '[]') from journal where turn_id = t.id) end);
end $$;

-- Children of the running turn: sync ones are rows of this log, async ones a log of their own, ready to be run.
create or replace function save_children(c conversations, children jsonb) returns void language plpgsql as $$
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
      insert into conversations (id, organization_id, agent_id, month, parent_conversation_id, parent_turn_number, root_conversation_id,
        root_turn_number, wakes_parent, depth, end_user, next_seq)
      values ((child->>'id')::uuid, c.organization_id, (child->>'agentId')::uuid, date_trunc('month', now() at time zone 'utc')::date,
        c.id, c.turn_number, coalesce(c.root_conversation_id, c.id), coalesce(c.root_turn_number, c.turn_number), (child->>'wakesParent')::boolean,
        c.depth + 1, c.end_user, 2)
      on conflict (id) do nothing returning * into born;
      continue when not found;
      insert into messages (id, organization_id, conversation_id, turn_id, seq, mode, state, text, files, options, agent_version, principal_id)
      values ((child->>'messageId')::uuid, c.organization_id, born.id, (child->>'turnId')::uuid, 1, 'auto', 'running', child->>'text', '[]',
        '{}', (child->>'agentVersion')::int, 'execution:' || (child->>'parentId'))
      returning * into m;
      select * into did from begin_turn(born, m, '[]');
      born := did.c;
      update executions set mode = 'async', parent_id = (child->>'parentId')::uuid, turn_id = c.turn_id where id = born.id;
      select * into did from post_events(born, did.facts);
      perform save_conversation(did.c);
    end if;
  end loop;
end $$;

-- An async child has ended: its parent's log says so, and where the agent asked for it and the branch that it was born in is still the
-- current one, a turn is begun with the result.
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
    'mode', 'async', 'status', outcome->>'status', 'result', outcome->'result', 'reason', outcome->'reason', 'usage', outcome->'usage')));
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

-- An async child waits for a person: its parent's log says so, and goes on.
create function tell_parent_of_pause(c conversations, card_ids jsonb) returns jsonb language plpgsql as $$
declare
  parent conversations;
  did record;
begin
  select * into parent from conversations where id = c.parent_conversation_id for update;
  if not found then return null; end if;
  select * into did from post_events(parent, jsonb_build_array(make_event('child.paused', parent.id, null,
    jsonb_build_object('childId', c.id, 'agentId', c.agent_id, 'cardIds', card_ids))));
  parent := did.c;
  perform save_conversation(parent);
  return posted(parent, did.appended) || jsonb_build_object('conversationId', parent.id, 'kick', false);
end $$;

-- Hands what waits to steer to the running turn: written into its journal behind that step.
create function take_steers(inout c conversations, in at_step int, out facts jsonb, out steers jsonb) language plpgsql as $$
begin
  facts := '[]';
  steers := '[]';
  if not c.has_steer then return; end if;
  c.has_steer := false;
  with taken as (
    update messages set state = 'running', expires_at = null where conversation_id = c.id and state = 'queued' and steers_turn = c.turn_id
    returning id, seq, text, files
  ), written as (
    insert into journal (organization_id, turn_id, execution_id, step, kind, call_index, payload, epoch)
    select c.organization_id, c.turn_id, c.id, at_step, 'steer', first.place + row_number() over (order by seq, id),
      jsonb_build_object('messageId', id, 'text', text, 'files', files), c.epoch
    from taken, (select coalesce(max(call_index), -1) as place from journal where turn_id = c.turn_id and execution_id = c.id
      and step = at_step and kind = 'steer') first
    returning call_index, payload
  )
  select coalesce(jsonb_agg(payload order by call_index), '[]'),
    coalesce(jsonb_agg(make_event('steer.applied', c.id, c.turn_id, payload || jsonb_build_object('step', at_step)) order by call_index), '[]')
  into steers, facts from written;
  update turns set steers = turns.steers + jsonb_array_length(take_steers.steers) where id = c.turn_id;
end $$;

-- The holder's write: events, journal, children, usage, and perhaps the turn's pause or end, all behind the fence.
-- Takes {organizationId, conversationId, epoch, n, leaseMs, wakesMax, turnId, attempt, events, journal, children, usage, step, takeSteers,
-- pause, finish}; n is the last cursor that the holder gave out, deltas included; takeSteers is the step behind which waiting steers are
-- applied. Returns {outcome: 'ok' | 'stale' | 'stopped', ...}; 'stopped' writes nothing: the stop has to be told first.
create or replace function commit_turn(p jsonb) returns jsonb language plpgsql as $$
declare
  c conversations := lock_conversation((p->>'organizationId')::uuid, (p->>'conversationId')::uuid);
  facts jsonb;
  did record;
  parent jsonb;
  steers jsonb := '[]';
  reason text;
  ended boolean := p->'finish' is not null and p->'finish' <> 'null';
begin
  if c.id is not null and c.epoch = (p->>'epoch')::bigint and c.head_n > (p->>'n')::int then
    -- This very write was committed before, and its answer lost on the way.
    return jsonb_build_object('outcome', 'ok', 'n', c.head_n, 'epoch', c.epoch, 'kick', c.state = 'ready', 'parent', null,
      'hasSteer', c.has_steer, 'steers', case when p->>'takeSteers' is null then '[]' else (
        select coalesce(jsonb_agg(payload order by call_index), '[]') from journal where turn_id = (p->>'turnId')::uuid
          and execution_id = c.id and step = (p->>'takeSteers')::int and kind = 'steer' and epoch = c.epoch) end,
      'events', read_log(c.organization_id, c.id, c.epoch, (p->>'n')::int, 1000)->'events');
  end if;
  if c.id is null or c.epoch <> (p->>'epoch')::bigint or c.state <> 'running' then return '{"outcome": "stale"}'; end if;
  reason := stop_reason_of(c);
  if reason is not null then
    if not (ended and p->'finish'->>'status' = 'stopped') then return jsonb_build_object('outcome', 'stopped', 'reason', reason); end if;
    -- An interrupt and a stop may both have come: the row knows which counts.
    p := jsonb_set(p, '{finish,reason}', to_jsonb(reason));
  end if;

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
  if p->>'takeSteers' is not null then
    select * into did from take_steers(c, (p->>'takeSteers')::int);
    c := did.c;
    facts := facts || did.facts;
    steers := did.steers;
  end if;

  if ended then
    select * into did from end_turn(c, p->'finish');
    c := did.c;
    facts := facts || did.facts;
    if c.parent_conversation_id is not null then parent := tell_parent(c, p->'finish', (p->>'wakesMax')::int); end if;
  elsif p->'pause' is not null and p->'pause' <> 'null' then
    insert into cards (id, organization_id, conversation_id, turn_id, execution_id, step, call_index, kind, body, arguments_hash, expires_at)
    select (card->>'id')::uuid, c.organization_id, c.id, c.turn_id, (card->>'executionId')::uuid, (card->>'step')::int,
      (card->>'callIndex')::int, card->>'kind', card->'body', card->>'argumentsHash', (card->>'expiresAt')::timestamptz
    from jsonb_array_elements(p->'pause'->'cards') card
    on conflict (id) do nothing;
    select count(*) into c.cards_open from cards where conversation_id = c.id and status = 'open';
    c.state := 'paused';
    c.lease_owner := null;
    c.lease_until := null;
    update turns set status = 'paused', paused_at = clock_timestamp(), cards = turns.cards + jsonb_array_length(p->'pause'->'cards') where id = c.turn_id;
    update executions set status = 'paused', updated_at = now() where id = c.id;
    if c.has_steer then
      -- Somebody has already said how to go on.
      select * into did from close_cards(c, 'superseded');
      c := did.c;
      facts := facts || did.facts;
      select * into did from resume_turn(c, null);
      c := did.c;
      facts := facts || did.facts;
    elsif c.parent_conversation_id is not null then
      parent := tell_parent_of_pause(c, (select jsonb_agg(card->'id') from jsonb_array_elements(p->'pause'->'cards') card));
    end if;
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
    'parent', parent, 'hasSteer', c.has_steer, 'steers', steers);
end $$;

-- Renews the leases of all turns of one worker and keeps their texts, in one statement's time.
-- Takes {leaseMs, turns: [{organizationId, conversationId, epoch, turnId, n, texts}]} (texts null: nothing new);
-- returns [{conversationId, epoch, alive, stopReason, inbox}].
create or replace function renew_turns(p jsonb) returns jsonb language plpgsql as $$
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
    returning c.id, c.has_inbox, stop_reason_of(c) as stop_reason
  ), kept as (
    insert into checkpoints (turn_id, organization_id, conversation_id, epoch, n, texts)
    select asked.turn_id, asked.organization_id, asked.id, asked.epoch, asked.n, asked.texts
    from asked join renewed using (id) where jsonb_typeof(asked.texts) = 'array'
    on conflict (turn_id) do update set epoch = excluded.epoch, n = excluded.n, texts = excluded.texts, updated_at = now()
  )
  select jsonb_agg(jsonb_build_object('conversationId', asked.id, 'epoch', asked.epoch, 'alive', renewed.id is not null,
    'stopReason', renewed.stop_reason, 'inbox', coalesce(renewed.has_inbox, false)))
  into answer from asked left join renewed using (id);
  return coalesce(answer, '[]');
end $$;

-- Conversations with a message or a card past its time, and background children that ask though their turn was stopped or cut off.
-- Each one found waits twice as long before it is found again.
create function take_expired(repairs_max int) returns jsonb language sql as $$
  with late as (
    select m.conversation_id as id, m.expires_at as since from messages m join conversations c on c.id = m.conversation_id
    where m.state = 'queued' and m.expires_at < clock_timestamp() and c.state in ('idle', 'paused')
    union select k.conversation_id, k.expires_at from cards k join conversations c on c.id = k.conversation_id
    where k.status = 'open' and k.expires_at < clock_timestamp() and c.state = 'paused'
    union select c.id, c.created_at from conversations c where state = 'paused' and root_conversation_id is not null and is_stopped(c)
  ), counted as (
    update conversations set kicks = kicks + 1 where id in (
      select c.id from conversations c join late using (id)
      where late.since + (power(2, least(c.kicks, 6)) - 1) * interval '1 second' < clock_timestamp() limit repairs_max)
    returning id, organization_id
  )
  select coalesce(jsonb_agg(jsonb_build_object('conversationId', id, 'organizationId', organization_id)), '[]') from counted
$$;
create policy sweep on messages for select to parley_sweep using (true);
create policy sweep on cards for select to parley_sweep using (true);
grant select (conversation_id, state, expires_at) on messages to parley_sweep;
grant select (conversation_id, status, expires_at) on cards to parley_sweep;

-- What the reaper does about one: what is past its time ends, an idle queue is released, anything else only needs its kick.
create or replace function repair_conversation(organization uuid, conversation uuid) returns jsonb language plpgsql as $$
declare
  c conversations := lock_conversation(organization, conversation);
  gone uuid[];
  did record;
  facts jsonb := '[]';
begin
  if c.id is null then return jsonb_build_object('events', '[]'::jsonb, 'kick', false, 'epoch', 0, 'isChild', false); end if;
  if c.state in ('idle', 'paused') and c.queue_depth > 0 then
    with late as (
      update messages set state = 'expired' where conversation_id = c.id and state = 'queued' and expires_at < clock_timestamp() returning id
    )
    select array_agg(id order by id) into gone from late;
    if gone is not null then
      c.queue_depth := c.queue_depth - cardinality(gone);
      if c.queue_depth = 0 then c.due_at := null; end if;
      facts := jsonb_build_array(queue_event(c, 'expire', gone));
    end if;
  end if;
  if c.state = 'paused' and is_stopped(c) then
    -- Whoever claims it is told that it is stopped, and writes its end.
    c.state := 'ready';
    c.ready_at := clock_timestamp();
    c.kicks := 0;
  elsif c.state = 'paused' then
    with late as (
      update cards set status = 'expired', closed_at = now()
      where conversation_id = c.id and status = 'open' and expires_at < clock_timestamp() returning id, execution_id
    )
    select facts || coalesce(jsonb_agg(make_event('card.closed', execution_id, c.turn_id,
      jsonb_build_object('cardId', id, 'outcome', 'expired')) order by id), '[]'), array_agg(id) into facts, gone from late;
    c.cards_open := c.cards_open - coalesce(cardinality(gone), 0);
    if c.cards_open = 0 then
      select * into did from resume_turn(c, null);
      c := did.c;
      facts := facts || did.facts;
    end if;
  end if;
  select * into did from post_events(c, facts);
  c := did.c;
  if facts <> '[]' then c.kicks := 0; end if;
  if facts <> '[]' or c.state = 'ready' then perform save_conversation(c); end if;
  if c.state = 'idle' and (c.due_at < clock_timestamp() or c.drain_at is not null) then
    -- What was written above is not in its answer: followers find it by their cursors.
    return release_queue(organization, conversation, c.drain_at is not null);
  end if;
  return posted(c, did.appended) || jsonb_build_object('nudge', null,
    'kick', c.state = 'ready' or (c.state = 'running' and c.lease_until < clock_timestamp()));
end $$;

-- Begins the queue's head: a drain order, or a queue left idle past its grace. A held queue begins only by an order that still stands: a
-- stop takes it back. Harmless when there is nothing to do.
create or replace function release_queue(organization uuid, conversation uuid, ordered boolean) returns jsonb language plpgsql as $$
declare
  c conversations := lock_conversation(organization, conversation);
  did record;
begin
  if c.id is null or c.state <> 'idle' or c.queue_depth = 0 or (c.held and not (ordered and c.drain_at is not null)) then
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

create or replace function read_run_state(organization uuid, conversation uuid) returns jsonb language plpgsql as $$
declare
  c conversations;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  select * into c from conversations where id = conversation;
  if not found then return null; end if;
  return jsonb_build_object('conversationId', c.id, 'agentId', c.agent_id, 'state', c.state, 'held', c.held, 'turnId', c.turn_id,
    'turnNumber', c.turn_number, 'queueDepth', c.queue_depth, 'cardsOpen', c.cards_open, 'cursor', c.head_epoch || '-' || c.head_n,
    'version', c.version, 'branch', c.branch, 'steersWaiting', case when c.has_steer then (
      select count(*) from messages where conversation_id = c.id and state = 'queued' and steers_turn is not null) else 0 end,
    'cards', case when c.cards_open = 0 then '[]' else (
      select coalesce(jsonb_agg(card_json(k) order by k.id), '[]') from cards k where k.conversation_id = c.id and k.status = 'open') end,
    'status', (select status from executions where id = c.id),
    'activeChildId', (select id from executions where conversation_id = c.id and mode = 'sync' and status = 'executing' and turn_id = c.turn_id
      order by created_at, id limit 1),
    'queue', (select coalesce(jsonb_agg(jsonb_build_object('id', m.id, 'turnId', m.turn_id, 'text', m.text, 'files', m.files, 'user', m.end_user,
        'mode', m.mode, 'position', m.position, 'idempotencyKey', m.idempotency_key, 'enqueuedAt', iso(m.enqueued_at)) order by m.position), '[]')
      from (select *, row_number() over (order by seq, id) as position from messages
        where conversation_id = c.id and state = 'queued' and steers_turn is null order by seq, id limit 1000) m));
end $$;

-- The root execution as it was in one of its turns; a merged message's turn is the one it went into. Null where the conversation has no
-- such turn begun.
create or replace function read_turn(organization uuid, conversation uuid, turn uuid) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  return (
    select execution_json(e) || jsonb_build_object('turnId', t.id, 'turnNumber', t.number, 'result', t.result, 'reason', t.reason,
      'usage', t.usage, 'attempt', t.attempt, 'input', jsonb_build_object('text', t.text, 'files', t.files), 'user', t.end_user,
      'options', t.options, 'startedAt', iso(t.started_at), 'finishedAt', iso(t.finished_at),
      'stoppedByUser', t.status = 'stopped' and t.reason = 'user_stop',
      'status', case t.status when 'running' then 'executing' else t.status end)
    from turns t join executions e on e.id = t.conversation_id
    where t.conversation_id = conversation and t.id = coalesce(
      (select coalesce(m.merged_into, case when m.state in ('running', 'done') then m.steers_turn end) from messages m
        where m.turn_id = turn and m.conversation_id = conversation), turn));
end $$;

-- The turns that are not in a branch: cut off from it, or begun after it ended. The current branch when `branch` is null. Null
-- where the conversation has no such branch.
create function read_hidden_turns(organization uuid, conversation uuid, wanted int) returns jsonb language plpgsql as $$
declare
  shown int4multirange;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  select visible into shown from conversations where id = conversation and (wanted is null or branch = wanted);
  if not found then select visible into shown from branches where conversation_id = conversation and branch = wanted; end if;
  if not found then return null; end if;
  if shown = '{(,)}' then return '[]'; end if;
  return (select coalesce(jsonb_agg(id), '[]') from turns where conversation_id = conversation and not shown @> number);
end $$;

-- The branches that edits have ended, oldest first: [{branch, editedMessageId, endedAt}].
create function read_branches(organization uuid, conversation uuid) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  return (select coalesce(jsonb_agg(jsonb_build_object('branch', branch, 'editedMessageId', edited_message_id, 'endedAt', iso(ended_at))
    order by branch), '[]') from branches where conversation_id = conversation);
end $$;
