-- What a worker had used and not written down when it was lost is charged by whoever takes its turn over.

-- The lines that no commit of the running attempt has taken along yet, as of its last heartbeat: those of calls that are over, and of calls under
-- way our count so far, marked as an estimate.
alter table checkpoints add column usage jsonb not null default '[]';

-- Taken from a checkpoint by whoever took over. Its own worker, should it still live, knows better: until the line is charged, what it reports counts.
alter table usage_records add column provisional boolean not null default false;

-- Usage is a fact about the past: accepted from any epoch, once per (turn, execution, attempt, step, try).
create or replace function record_usage(c_organization uuid, c_conversation uuid, c_month date, lines jsonb) returns void language sql as $$
  insert into usage_records as u (organization_id, conversation_id, month, turn_id, execution_id, attempt, step, try, model,
    input_tokens, output_tokens, cached_tokens, reasoning_tokens, estimated)
  select c_organization, c_conversation, c_month, (line->>'turnId')::uuid, (line->>'executionId')::uuid, (line->>'attempt')::int,
    (line->>'step')::int, (line->>'try')::int, line->>'model', (line->>'inputTokens')::bigint, (line->>'outputTokens')::bigint,
    (line->>'cachedTokens')::bigint, (line->>'reasoningTokens')::bigint, (line->>'estimated')::boolean
  from jsonb_array_elements(lines) line
  on conflict (turn_id, execution_id, attempt, step, try, month) do update set model = excluded.model, input_tokens = excluded.input_tokens,
    output_tokens = excluded.output_tokens, cached_tokens = excluded.cached_tokens, reasoning_tokens = excluded.reasoning_tokens,
    estimated = excluded.estimated, provisional = false
  where u.provisional and u.unposted
$$;

-- What the attempt before this one has noted and not written. Its lines that are there already stay as they are.
create function record_lost_usage(c conversations, lost_attempt int) returns void language sql as $$
  insert into usage_records (organization_id, conversation_id, month, turn_id, execution_id, attempt, step, try, model,
    input_tokens, output_tokens, cached_tokens, reasoning_tokens, estimated, provisional)
  select c.organization_id, c.id, c.month, k.turn_id, (line->>'executionId')::uuid, lost_attempt, (line->>'step')::int, (line->>'try')::int,
    line->>'model', (line->>'inputTokens')::bigint, (line->>'outputTokens')::bigint, (line->>'cachedTokens')::bigint,
    (line->>'reasoningTokens')::bigint, (line->>'estimated')::boolean, true
  from checkpoints k, jsonb_array_elements(k.usage) line
  where k.turn_id = c.turn_id and (line->>'attempt')::int = lost_attempt
  on conflict do nothing
$$;

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
  if c.state = 'running' and c.has_checkpoint then perform record_lost_usage(c, t.attempt); end if;
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

-- Renews the leases of all turns of one worker and keeps their texts and what they have used, in one statement's time.
-- Takes {leaseMs, turns: [{organizationId, conversationId, epoch, turnId, n, texts, usage}]} (null: nothing new; `usage` comes with every text);
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
      (turn->>'turnId')::uuid as turn_id, (turn->>'n')::int as n,
      nullif(turn->'texts', 'null') as texts, nullif(turn->'usage', 'null') as usage
    from jsonb_array_elements(p->'turns') turn
  ), renewed as (
    update conversations c set lease_until = clock_timestamp() + (p->>'leaseMs')::int * interval '1 millisecond',
      has_checkpoint = c.has_checkpoint or asked.texts is not null or asked.usage is not null
    from asked where c.id = asked.id and c.epoch = asked.epoch and c.state = 'running'
    returning c.id, c.has_inbox, stop_reason_of(c) as stop_reason
  ), kept as (
    insert into checkpoints (turn_id, organization_id, conversation_id, epoch, n, texts, usage)
    select asked.turn_id, asked.organization_id, asked.id, asked.epoch, asked.n, asked.texts, coalesce(asked.usage, '[]')
    from asked join renewed using (id) where asked.texts is not null
    on conflict (turn_id) do update set epoch = excluded.epoch, n = excluded.n, texts = excluded.texts, usage = excluded.usage, updated_at = now()
  ), noted as (
    insert into checkpoints (turn_id, organization_id, conversation_id, epoch, n, texts, usage)
    select asked.turn_id, asked.organization_id, asked.id, asked.epoch, asked.n, '[]', asked.usage
    from asked join renewed using (id) where asked.texts is null and asked.usage is not null
    on conflict (turn_id) do update set usage = excluded.usage, updated_at = now()
  )
  select jsonb_agg(jsonb_build_object('conversationId', asked.id, 'epoch', asked.epoch, 'alive', renewed.id is not null,
    'stopReason', renewed.stop_reason, 'inbox', coalesce(renewed.has_inbox, false)))
  into answer from asked left join renewed using (id);
  return coalesce(answer, '[]');
end $$;
