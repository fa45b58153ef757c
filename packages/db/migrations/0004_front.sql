-- What the front door does to a conversation: each function is one round trip and one commit. A refusal is raised as
-- SQLSTATE PY001 with the error code as its message, so that nothing of the transaction stays.

create function refuse(code text) returns void language plpgsql as $$
begin
  raise exception using errcode = 'PY001', message = code;
end $$;

-- What callers get: `facts` were appended and may be published; without them `nudge` is the worker to wake; `kick`
-- says that a turn is ready to be run.
create function posted(c conversations, facts jsonb) returns jsonb language sql stable as $$
  select jsonb_build_object('events', facts, 'nudge', case when facts = '[]' then c.lease_owner end,
    'kick', c.state = 'ready', 'epoch', c.epoch, 'isChild', c.parent_conversation_id is not null)
$$;

create function execution_json(e executions) returns jsonb language sql stable as $$
  select jsonb_build_object(
    'id', e.id, 'organizationId', e.organization_id, 'conversationId', e.conversation_id, 'agentId', e.agent_id,
    'agentVersion', e.agent_version, 'parentId', e.parent_id, 'mode', e.mode, 'status', e.status, 'input', e.input,
    'user', e.end_user, 'options', e.options, 'result', e.result, 'reason', e.reason, 'title', e.title, 'turnId', e.turn_id,
    'turnNumber', e.turn_number, 'attempt', e.attempt, 'stoppedByUser', e.stopped_by_user, 'usage', e.usage,
    'childIds', (select coalesce(jsonb_agg(child.id order by child.id), '[]') from executions child
      where child.parent_id = e.id and child.status in ('pending', 'executing', 'paused')),
    'finishedChildIds', (select coalesce(jsonb_agg(child.id order by child.id), '[]') from executions child
      where child.parent_id = e.id and child.status not in ('pending', 'executing', 'paused')),
    'createdAt', iso(e.created_at), 'startedAt', iso(e.started_at), 'finishedAt', iso(e.finished_at), 'updatedAt', iso(e.updated_at))
$$;

-- The first call with a key goes on (null); a later one with the same body gets the stored answer, another body is refused.
-- A concurrent twin waits here for the first one's transaction.
create function replay(p jsonb) returns jsonb language plpgsql as $$
declare
  known idempotency_keys;
begin
  insert into idempotency_keys (organization_id, principal_id, route, key, body_hash)
  values ((p->>'organizationId')::uuid, p->>'principalId', p->>'route', p->>'idempotencyKey', decode(p->>'bodyHash', 'hex'))
  on conflict do nothing;
  if found then return null; end if;
  select * into known from idempotency_keys where organization_id = (p->>'organizationId')::uuid
    and principal_id = p->>'principalId' and route = p->>'route' and key = p->>'idempotencyKey';
  if known.body_hash <> decode(p->>'bodyHash', 'hex') then perform refuse('idempotency_mismatch'); end if;
  return known.answer || '{"replayed": true}';
end $$;

create function keep_answer(p jsonb, reply jsonb) returns void language sql as $$
  update idempotency_keys set answer = reply where organization_id = (p->>'organizationId')::uuid
    and principal_id = p->>'principalId' and route = p->>'route' and key = p->>'idempotencyKey'
$$;

-- Accepts a message: one transaction from the key to the ready mark.
-- Takes {organizationId, principalId, route, conversationId, isNew, mayCreate, agentId, agentVersion, messageId, turnId, text, files,
-- user, options, mode, invoke, keepNothingWhenIdle, idempotencyKey, bodyHash, queueMax, graceMs, wantsExecution}.
create function submit_message(p jsonb) returns jsonb language plpgsql as $$
declare
  organization uuid := (p->>'organizationId')::uuid;
  conversation uuid := (p->>'conversationId')::uuid;
  wanted text := p->>'mode';
  c conversations;
  m messages;
  did record;
  facts jsonb;
  before text;
  reply jsonb;
  created boolean := false;
  busy boolean;
  runs boolean;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  if p->>'idempotencyKey' is not null then
    reply := replay(p);
    if reply is not null then
      return reply || jsonb_build_object('events', '[]'::jsonb, 'kick', false, 'execution', (
        select execution_json(e) from executions e where e.id = (reply->>'conversationId')::uuid));
    end if;
  end if;
  if not (p->>'isNew')::boolean then select * into c from conversations where id = conversation for update; end if;
  if c.id is null and not (p->>'mayCreate')::boolean then perform refuse('not_found'); end if;
  if (p->>'keepNothingWhenIdle')::boolean and wanted = 'auto' and (c.id is null
      or c.state = 'idle' and c.queue_depth = 0 and c.agent_id = (p->>'agentId')::uuid and c.parent_conversation_id is null) then
    reply := jsonb_build_object('action', 'started', 'mode', 'auto', 'conversationId', conversation, 'messageId', null, 'turnId', null,
      'position', 0, 'queueDepth', 0, 'cursor', coalesce(c.head_epoch || '-' || c.head_n, '0-0'), 'replayed', false);
    if p->>'idempotencyKey' is not null then perform keep_answer(p, reply); end if;
    return reply || '{"events": [], "kick": false}';
  end if;
  if c.id is null then
    insert into conversations (id, organization_id, agent_id, month)
    values (conversation, organization, (p->>'agentId')::uuid, date_trunc('month', now() at time zone 'utc')::date)
    on conflict (id) do nothing returning * into c;
    created := found;
    if not created then
      -- Somebody was faster: one of ours, or the id is another organization's and stays hidden.
      select * into c from conversations where id = conversation for update;
    end if;
  end if;
  if c.id is null or c.agent_id <> (p->>'agentId')::uuid or c.parent_conversation_id is not null then perform refuse('not_found'); end if;

  busy := c.state <> 'idle';
  before := c.head_epoch || '-' || c.head_n;
  if wanted = 'reject' and (busy or c.queue_depth > 0) then perform refuse('turn_in_progress'); end if;
  runs := not busy and wanted <> 'queue' and (c.queue_depth = 0 or (p->>'invoke')::boolean);
  if not runs and c.queue_depth >= (p->>'queueMax')::int then perform refuse('queue_full'); end if;

  insert into messages (id, organization_id, conversation_id, turn_id, seq, mode, state, text, files, end_user, options, agent_version,
    principal_id, idempotency_key)
  values ((p->>'messageId')::uuid, organization, c.id, (p->>'turnId')::uuid, c.next_seq, wanted,
    case when runs then 'running' else 'queued' end, p->>'text', p->'files', nullif(p->'user', 'null'), p->'options',
    (p->>'agentVersion')::int, p->>'principalId', p->>'idempotencyKey')
  returning * into m;
  c.next_seq := c.next_seq + 1;
  c.wakes := 0;
  -- The turn was stopped and has not ended yet: this message is the next explicit action.
  if c.state = 'running' and wanted <> 'queue' then c.held := false; end if;

  if runs then
    select * into did from begin_turn(c, m);
    c := did.c;
    facts := did.facts;
  else
    -- A conversation that starts with a waiting message is there to be looked at, too.
    insert into executions (id, organization_id, conversation_id, agent_id, agent_version, mode, input, end_user, options, title)
    values (c.id, organization, c.id, c.agent_id, m.agent_version, 'root', jsonb_build_object('text', m.text, 'files', m.files), m.end_user,
      m.options, m.options->>'title')
    on conflict (id) do nothing;
    c.queue_depth := c.queue_depth + 1;
    facts := jsonb_build_array(queue_event(c, 'enqueue', m.id));
    if not busy and wanted = 'queue' and not c.held then
      c.due_at := coalesce(c.due_at, clock_timestamp() + (p->>'graceMs')::int * interval '1 millisecond');
    elsif not busy and wanted <> 'queue' then
      select * into did from begin_next_turn(c);
      c := did.c;
      facts := facts || did.facts;
    end if;
  end if;
  select * into did from post_events(c, facts);
  c := did.c;
  perform save_conversation(c);

  reply := jsonb_build_object('action', case when runs then 'started' else 'queued' end, 'mode', wanted, 'conversationId', c.id,
    'messageId', m.id, 'turnId', m.turn_id, 'position', case when runs then 0 else c.queue_depth end, 'queueDepth', c.queue_depth,
    'cursor', before, 'replayed', false, 'at', iso(now()));
  if p->>'idempotencyKey' is not null then
    perform keep_answer(p, reply);
  end if;
  reply := reply || posted(c, did.appended) || jsonb_build_object('kick', not busy and c.state = 'ready');
  -- A conversation's first turn is made of nothing but what the caller sent.
  if (p->>'wantsExecution')::boolean and not (created and runs) then
    reply := reply || jsonb_build_object('execution', (select execution_json(e) from executions e where e.id = c.id));
  end if;
  return reply;
end $$;

-- Ends the current turn by the user's word, and all that turns up to it have started in the background. Takes the turn
-- meant, or null for whichever is current.
create function stop_conversation(organization uuid, conversation uuid, meant_turn uuid, clear_queue boolean) returns jsonb
language plpgsql as $$
declare
  c conversations := lock_conversation(organization, conversation);
  stopped_turn uuid;
  cleared int := 0;
  said text;
  did record;
  facts jsonb := '[]';
  outcome jsonb;
  parent jsonb;
  background boolean := false;
begin
  if c.id is null then perform refuse('not_found'); end if;
  if c.turn_id is not null and (meant_turn is null or meant_turn = c.turn_id) then
    stopped_turn := c.turn_id;
    c.stopped_through_turn := c.turn_number;
    c.held := true;
  elsif c.turn_id is null and meant_turn is null then
    -- The children's holders see it with their next heartbeat.
    background := exists (select from conversations where root_conversation_id = c.id and state <> 'idle'
      and root_turn_number > c.stopped_through_turn);
    if background then c.stopped_through_turn := c.turn_number; end if;
  end if;
  if clear_queue then
    update messages set state = 'cancelled' where conversation_id = c.id and state = 'queued';
    get diagnostics cleared = row_count;
    c.queue_depth := 0;
    c.due_at := null;
    if cleared > 0 then facts := jsonb_build_array(queue_event(c, 'clear', null)); end if;
  end if;
  if stopped_turn is not null and c.state <> 'running' then
    -- Nobody runs it: ready or paused. Its end is written here.
    select coalesce((select string_agg(part->>'text', '') from jsonb_array_elements(k.texts) part where part->>'executionId' = c.id::text), null)
    into said from checkpoints k where k.turn_id = stopped_turn;
    outcome := jsonb_build_object('status', 'stopped', 'reason', 'user_stop', 'result', said, 'usage', used_tokens(c, stopped_turn, c.id));
    select * into did from end_turn(c, outcome);
    c := did.c;
    facts := facts || did.facts;
    if c.parent_conversation_id is not null then parent := tell_parent(c, outcome, 0); end if;
  end if;
  select * into did from post_events(c, facts);
  c := did.c;
  perform save_conversation(c);
  return posted(c, did.appended) || jsonb_build_object('stopped', stopped_turn is not null or background, 'turnId', stopped_turn, 'parent', parent,
    'queueCleared', cleared, 'queueDepth', c.queue_depth, 'nudge', c.lease_owner, 'kick', false);
end $$;

create function cancel_message(organization uuid, conversation uuid, message uuid) returns jsonb language plpgsql as $$
declare
  c conversations := lock_conversation(organization, conversation);
  was text;
  did record;
begin
  if c.id is null then perform refuse('not_found'); end if;
  select state into was from messages where id = message and conversation_id = c.id;
  if not found then perform refuse('not_found'); end if;
  if was <> 'queued' then perform refuse('message_not_waiting'); end if;
  update messages set state = 'cancelled' where id = message;
  c.queue_depth := c.queue_depth - 1;
  if c.queue_depth = 0 then c.due_at := null; end if;
  select * into did from post_events(c, jsonb_build_array(queue_event(c, 'cancel', message)));
  c := did.c;
  perform save_conversation(c);
  return posted(c, did.appended) || jsonb_build_object('cancelled', 1, 'queueDepth', c.queue_depth, 'kick', false);
end $$;

create function clear_queue(organization uuid, conversation uuid) returns jsonb language plpgsql as $$
declare
  c conversations := lock_conversation(organization, conversation);
  cleared int;
  did record;
begin
  if c.id is null then perform refuse('not_found'); end if;
  update messages set state = 'cancelled' where conversation_id = c.id and state = 'queued';
  get diagnostics cleared = row_count;
  c.queue_depth := 0;
  c.due_at := null;
  select * into did from post_events(c, case when cleared = 0 then '[]' else jsonb_build_array(queue_event(c, 'clear', null)) end);
  c := did.c;
  perform save_conversation(c);
  return posted(c, did.appended) || jsonb_build_object('cancelled', cleared, 'queueDepth', 0, 'kick', false);
end $$;

-- Orders a drain: a row, so that the order outlives Redis. Running, paused and empty conversations need none.
create function order_drain(organization uuid, conversation uuid) returns jsonb language plpgsql as $$
declare
  c conversations := lock_conversation(organization, conversation);
  action text;
begin
  if c.id is null then perform refuse('not_found'); end if;
  action := case when c.state = 'paused' then 'paused' when c.state <> 'idle' then 'running' when c.queue_depth = 0 then 'empty' else 'draining' end;
  if action = 'draining' then update conversations set drain_at = clock_timestamp() where id = c.id; end if;
  -- A stopped turn that has not ended yet: the order is the next explicit action.
  if action = 'running' and c.held then update conversations set held = false where id = c.id; end if;
  return jsonb_build_object('action', action, 'queueDepth', c.queue_depth, 'cursor', c.head_epoch || '-' || c.head_n,
    'execution', (select execution_json(e) from executions e where e.id = c.id));
end $$;
