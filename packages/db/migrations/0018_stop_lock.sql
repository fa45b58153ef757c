-- A background child used to look whether it was stopped and then to end, with a stop of what is above it in between: the stop listed the
-- child, and the child completed. Both now hold the same lock.

-- Locks the conversations above a background child, nearest first, as all do who lock several. The nearest is written to, the others
-- only must not be stopped meanwhile.
create function lock_above(c conversations) returns void language plpgsql as $$
declare
  above uuid;
begin
  select parent_conversation_id into above from conversations where id = c.parent_conversation_id for update;
  while above is not null loop
    select parent_conversation_id into above from conversations where id = above for share;
  end loop;
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
  if c.parent_conversation_id is not null and (ended or p->'pause' <> 'null') then perform lock_above(c); end if;
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
