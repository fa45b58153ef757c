-- Webhooks and A2A tasks hear of a fact from the one function that writes facts, and not by triggers: Postgres reads a trigger's condition anew
-- for every statement, which cost each fact a fifth more although hardly any is about either.

drop trigger follow_a2a_tasks on events;
drop function follow_a2a_tasks();
drop trigger owe_webhooks on events;
drop function owe_webhooks();

-- Tasks go with their turns. What is about a child's turn, or about a turn that no A2A message began, changes nothing.
create function follow_a2a_tasks(e events) returns void language plpgsql as $$
declare
  task a2a_tasks;
begin
  if e.type = 'queue.updated' then
    for task in update a2a_tasks set state = 'canceled', state_at = e.at
      where message_id in (select value::uuid from jsonb_array_elements_text(
        coalesce(nullif(e.data->'messageIds', 'null'), '[]') || coalesce(nullif(jsonb_build_array(e.data->'messageId'), '[null]'), '[]')))
      and not a2a_has_ended(state) returning * loop
      perform owe_a2a_pushes(task, jsonb_build_object('state', task.state, 'at', iso(e.at)));
    end loop;
    return;
  end if;
  if e.execution_id <> e.conversation_id then return; end if;
  update a2a_tasks set state_at = e.at, reason = e.data->>'reason', state = case e.type
    when 'turn.paused' then 'input_required' when 'turn.completed' then 'completed' when 'turn.failed' then 'failed'
    when 'turn.stopped' then 'canceled' else 'working' end
  where id = e.turn_id and not a2a_has_ended(state) and not (state = 'working' and e.type in ('turn.started', 'turn.resumed'))
  returning * into task;
  if found then
    perform owe_a2a_pushes(task, jsonb_build_object('state', task.state, 'at', iso(e.at), 'reason', task.reason,
      'result', e.data->'result', 'cardIds', e.data->'cardIds'));
  end if;
end $$;

-- Owes an event to the endpoints that want it. `data` without content is sent to those that did not ask for it.
create function owe_webhooks(fact events) returns void language sql as $$
  insert into webhook_deliveries (organization_id, endpoint_id, type, payload)
  select fact.organization_id, e.id, fact.type, jsonb_build_object('type', fact.type, 'timestamp', iso(fact.at), 'data',
    jsonb_build_object('organizationId', fact.organization_id, 'agentId', c.agent_id, 'conversationId', fact.conversation_id,
      'executionId', fact.execution_id, 'turnId', fact.turn_id, 'cursor', fact.epoch || '-' || fact.n)
    || case when e.include_content then fact.data else fact.data - array['result', 'text', 'questions', 'approval', 'answer'] end)
  from webhook_endpoints e, conversations c
  where e.organization_id = fact.organization_id and e.disabled_at is null and fact.type = any (e.events)
    and c.id = fact.conversation_id and (e.agent_ids is null or c.agent_id = any (e.agent_ids))
$$;

-- Appends to the log within c.epoch, at the next n, and tells those who follow it. Atomic with the caller's transaction.
-- Takes [{type, executionId, turnId, data}]; returns them with cursor, at and, on an epoch's first event, previous.
create or replace function append_events(inout c conversations, in facts jsonb, out appended jsonb) language plpgsql as $$
declare
  moment timestamptz := clock_timestamp();
  at text := iso(moment);
  previous text := case when c.head_epoch = c.epoch then null else c.head_epoch || '-' || c.head_n end;
  fact jsonb;
  kind text;
begin
  appended := '[]';
  if c.head_epoch <> c.epoch and jsonb_array_length(facts) > 0 then c.head_n := 0; end if;
  for place in 0 .. jsonb_array_length(facts) - 1 loop
    fact := facts -> place;
    kind := fact->>'type';
    c.head_epoch := c.epoch;
    c.head_n := c.head_n + 1;
    insert into events (organization_id, conversation_id, month, epoch, n, previous, type, execution_id, turn_id, data, at)
    values (c.organization_id, c.id, c.month, c.epoch, c.head_n, previous, kind, (fact->>'executionId')::uuid,
      (fact->>'turnId')::uuid, fact->'data', moment);
    -- Most conversations have no tasks, and most organizations no endpoints: their turns pay for these questions alone. They stand by themselves, as
    -- a condition that is half a question would be planned anew each time.
    if kind in ('turn.started', 'turn.paused', 'turn.resumed', 'turn.completed', 'turn.failed', 'turn.stopped')
        or kind = 'queue.updated' and fact->'data'->>'action' in ('cancel', 'clear', 'expire') then
      if exists (select from a2a_tasks where conversation_id = c.id) then
        perform follow_a2a_tasks(e) from events e where e.conversation_id = c.id and e.month = c.month and e.epoch = c.epoch and e.n = c.head_n;
      end if;
    end if;
    if kind in ('turn.completed', 'turn.failed', 'turn.stopped', 'turn.paused', 'card.opened', 'card.closed', 'child.finished') then
      if exists (select from webhook_endpoints where organization_id = c.organization_id) then
        perform owe_webhooks(e) from events e where e.conversation_id = c.id and e.month = c.month and e.epoch = c.epoch and e.n = c.head_n;
      end if;
    end if;
    fact := fact || jsonb_build_object('cursor', c.epoch || '-' || c.head_n, 'at', at);
    if previous is not null then fact := fact || jsonb_build_object('previous', previous); end if;
    appended := appended || jsonb_build_array(fact);
    previous := null;
  end loop;
end $$;
