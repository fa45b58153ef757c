-- What has refused a turn its money is known by its log and its row: which balance or budget, and never a figure of it.
alter table turns add column refused_by jsonb;
alter table executions add column refused_by jsonb;

-- Ends the current turn, lets the lease go and, unless the queue is held or empty, begins the next turn in the same
-- transaction. `outcome` is {status, reason, text, result, usage, refusedBy?: what has refused money, without its figures}.
create or replace function end_turn(inout c conversations, in outcome jsonb, out facts jsonb) language plpgsql as $$
declare
  ended_status text := outcome->>'status';
  ended_turn uuid := c.turn_id;
  ended_number int := c.turn_number;
  answered uuid;
  steered int;
  children jsonb := '[]';
  deferred jsonb := '[]';
  more boolean;
  did record;
begin
  update turns set status = ended_status, reason = outcome->>'reason', result = outcome->>'result', usage = outcome->'usage',
    refused_by = outcome->'refusedBy', finished_at = now() where id = ended_turn returning message_id, steers into answered, steered;
  update messages set state = 'done' where id = answered;
  if steered > 0 then
    update messages set state = 'done' where conversation_id = c.id and steers_turn = ended_turn and state = 'running';
  end if;
  update executions set status = ended_status, reason = outcome->>'reason', result = outcome->>'result', usage = outcome->'usage',
    refused_by = outcome->'refusedBy', stopped_by_user = (ended_status = 'stopped' and outcome->>'reason' = 'user_stop'),
    finished_at = now(), updated_at = now()
  where id = c.id;
  -- An answer has waited for all of its children.
  if ended_status <> 'completed' then children := end_children(c, outcome); end if;
  if c.has_checkpoint then delete from checkpoints where turn_id = ended_turn; end if;
  c.has_checkpoint := false;
  select * into did from close_cards(c, case outcome->>'reason' when 'superseded' then 'superseded' else 'cancelled' end);
  c := did.c;
  children := did.facts || children;
  if c.has_steer then
    select * into did from defer_steers(c);
    c := did.c;
    deferred := did.facts;
  end if;
  c.lease_owner := null;
  c.lease_until := null;
  c.ready_at := null;
  c.turn_id := null;
  c.state := 'idle';
  c.version := c.version + 1;
  -- Whether the queue is held was said by the stop, and perhaps taken back by a message since.
  if ended_status = 'stopped' then c.stopped_through_turn := greatest(c.stopped_through_turn, ended_number); end if;
  if c.queue_depth > 0 and not takes_turns(c) then c.held := true; end if;
  more := not c.held and c.queue_depth > 0;
  facts := children || deferred || jsonb_build_array(make_event(
    case ended_status when 'completed' then 'turn.completed' when 'stopped' then 'turn.stopped' else 'turn.failed' end,
    c.id, ended_turn, jsonb_build_object('turnNumber', ended_number, 'result', outcome->'result', 'usage', outcome->'usage', 'more', more)
      || case ended_status
        when 'completed' then '{}'
        when 'stopped' then jsonb_build_object('reason', outcome->>'reason')
        else jsonb_build_object('status', ended_status, 'reason', outcome->>'reason', 'text', outcome->>'text')
          || case when outcome ? 'refusedBy' then jsonb_build_object('refusedBy', outcome->'refusedBy') else '{}' end end
  ));
  if more then
    select * into did from begin_next_turn(c);
    c := did.c;
    facts := facts || did.facts;
  end if;
end $$;

-- An execution as it is told. What refused it is told of its newest turn alone, and only while that has ended so.
create or replace function execution_json(e executions) returns jsonb language sql stable as $$
  select jsonb_build_object(
    'id', e.id, 'organizationId', e.organization_id, 'conversationId', e.conversation_id, 'agentId', e.agent_id,
    'agentVersion', e.agent_version, 'parentId', e.parent_id, 'mode', e.mode, 'status', e.status, 'input', e.input,
    'user', e.end_user, 'options', e.options, 'result', e.result, 'reason', e.reason, 'title', e.title, 'turnId', e.turn_id,
    'turnNumber', e.turn_number, 'attempt', e.attempt, 'stoppedByUser', e.stopped_by_user, 'usage', e.usage,
    'childIds', below.open, 'finishedChildIds', below.ended,
    'refusedBy', case when e.reason = 'budget' then e.refused_by end,
    'createdAt', iso(e.created_at), 'startedAt', iso(e.started_at), 'finishedAt', iso(e.finished_at), 'updatedAt', iso(e.updated_at))
  from (
    select coalesce(jsonb_agg(id order by id) filter (where status in ('pending', 'executing', 'paused')), '[]') as open,
      coalesce(jsonb_agg(id order by id) filter (where status not in ('pending', 'executing', 'paused')), '[]') as ended
    from (select id, status from executions child where child.parent_id = e.id order by id desc limit 200) newest
  ) below
$$;

-- The root execution as it was in one of its turns; a merged message's turn is the one it went into. Null where the conversation has no
-- such turn begun.
create or replace function read_turn(organization uuid, conversation uuid, turn uuid) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  return (
    select execution_json(e) || jsonb_build_object('turnId', t.id, 'turnNumber', t.number, 'result', t.result, 'reason', t.reason,
      'refusedBy', t.refused_by, 'usage', t.usage, 'attempt', t.attempt, 'input', jsonb_build_object('text', t.text, 'files', t.files), 'user', t.end_user,
      'options', t.options, 'startedAt', iso(t.started_at), 'finishedAt', iso(t.finished_at),
      'stoppedByUser', t.status = 'stopped' and t.reason = 'user_stop',
      'status', case t.status when 'running' then 'executing' else t.status end)
    from turns t join executions e on e.id = t.conversation_id
    where t.conversation_id = conversation and t.id = coalesce(
      (select coalesce(m.merged_into, case when m.state in ('running', 'done') then m.steers_turn end) from messages m
        where m.turn_id = turn and m.conversation_id = conversation), turn));
end $$;

-- With what its turn has brought, the cards that it opened, what was said by the client, and the head of the log as of the same moment.
create or replace function a2a_task_json(t a2a_tasks) returns jsonb language sql stable as $$
  select jsonb_build_object('id', t.id, 'organizationId', t.organization_id, 'principalId', t.principal_id, 'agentId', t.agent_id,
    'conversationId', t.conversation_id, 'messageId', t.message_id, 'contextId', t.context_id, 'state', t.state, 'stateAt', iso(t.state_at),
    'reason', t.reason, 'start', t.start_cursor, 'createdAt', iso(t.created_at),
    'head', (select c.head_epoch || '-' || c.head_n from conversations c where c.id = t.conversation_id),
    'result', case when a2a_has_ended(t.state) then (select result from turns where id = t.id) end,
    'refusedBy', case when t.reason = 'budget' then (select refused_by from turns where id = t.id) end,
    'cards', (select coalesce(jsonb_agg(card_json(k) order by k.created_at, k.id), '[]') from cards k
      where k.conversation_id = t.conversation_id and k.turn_id = t.id),
    'said', (select coalesce(jsonb_agg(jsonb_build_object('at', iso(m.at), 'message', m.message) order by m.at), '[]')
      from a2a_messages m where m.task_id = t.id))
$$;
