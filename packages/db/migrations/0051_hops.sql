-- How many agents of others may still work for a turn goes with it into its background children, and from these into the turn that their result
-- begins: otherwise a loop between gateways that goes through the background would never come to its end.

-- As in 0030; a background child is born with the options that it is given.
create or replace function save_children(c conversations, children jsonb) returns void language plpgsql as $$
declare
  child jsonb;
  born conversations;
  m messages;
  did record;
  marks jsonb;
begin
  for child in select * from jsonb_array_elements(children) loop
    marks := case when child ? 'peerCall' then jsonb_build_object('peerCall', true) else '{}' end || coalesce(child->'options', '{}');
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

-- As in 0030; the turn that a result begins may go on as far as the child might.
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
      '[]', coalesce((select jsonb_build_object('hopsMax', options->'hopsMax') from executions where id = c.id and options ? 'hopsMax'), '{}'),
      agent_version, 'execution:' || c.id
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
