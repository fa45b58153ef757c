-- Admission asks what it has to ask in statements of their own. A condition or a row that holds a question only now and then looked cheaper to
-- Postgres when it was planned anew each time, which cost every message 80 microseconds of the 740 that it took.

-- Accepts a message: one transaction from the key to the ready mark.
-- Takes {organizationId, principalId, route, conversationId, isNew, mayCreate, agentId, agentVersion, messageId, turnId, text, files,
-- user, options, mode, invoke, keepNothingWhenIdle, edits, expectedVersion, idempotencyKey, bodyHash, queueMax, graceMs, keptMs,
-- messageCharsMax, filesMax, wantsExecution}. `edits` names the message that this one replaces; its mode is `interrupt` then.
create or replace function submit_message(p jsonb) returns jsonb language plpgsql as $$
declare
  organization uuid := (p->>'organizationId')::uuid;
  conversation uuid := (p->>'conversationId')::uuid;
  wanted text := p->>'mode';
  applied text := wanted;
  c conversations;
  m messages;
  did record;
  facts jsonb := '[]';
  before text;
  was text;
  reply jsonb;
  action text;
  place int;
  seat bigint;
  steering bigint;
  doomed jsonb := '[]';
  created boolean := false;
  busy boolean;
  head boolean;
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
  perform check_agent((p->>'agentId')::uuid);
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

  was := c.state;
  busy := was <> 'idle';
  before := c.head_epoch || '-' || c.head_n;
  if wanted = 'reject' and (busy or c.queue_depth > 0) then perform refuse('turn_in_progress'); end if;
  if wanted = 'steer' and not busy then perform refuse('nothing_to_steer'); end if;
  if not busy and (wanted in ('collect', 'reject') or wanted = 'interrupt' and c.queue_depth = 0) then applied := 'auto'; end if;
  head := wanted = 'interrupt' or (p->>'invoke')::boolean and not busy;
  runs := not busy and wanted <> 'queue' and (c.queue_depth = 0 or head);
  if not runs then
    if c.queue_depth >= (p->>'queueMax')::int then perform refuse('queue_full'); end if;
    if wanted = 'steer' and c.has_steer then
      select count(*) into steering from messages where conversation_id = c.id and state = 'queued' and steers_turn is not null;
      if steering >= (p->>'queueMax')::int then perform refuse('queue_full'); end if;
    end if;
  end if;
  if p->>'edits' is not null then
    select * into did from cut_branch(c, (p->>'edits')::uuid, (p->>'expectedVersion')::int, (p->>'messageId')::uuid);
    c := did.c;
    facts := did.facts;
  end if;

  seat := c.next_seq;
  if head and c.queue_depth > 0 then
    -- Ahead of all that waits, with room for the messages of a turn that could not be steered any more.
    select min(seq) - 1024 into seat from messages where conversation_id = c.id and state = 'queued';
  end if;
  insert into messages (id, organization_id, conversation_id, turn_id, seq, mode, state, text, files, end_user, options, agent_version,
    principal_id, idempotency_key, invoked, steers_turn, expires_at, merge_chars_max, merge_files_max)
  values ((p->>'messageId')::uuid, organization, c.id, (p->>'turnId')::uuid,
    seat,
    -- As what it is kept is what was applied: `collect` that stands for `auto` is a message of its own, merged with none.
    applied, case when runs then 'running' else 'queued' end, p->>'text', p->'files', nullif(p->'user', 'null'), p->'options',
    -- Nothing that waits goes into the turn of an invoke, nor into that of an edit.
    (p->>'agentVersion')::int, p->>'principalId', p->>'idempotencyKey', (p->>'invoke')::boolean or p->>'edits' is not null,
    case when wanted = 'steer' then c.turn_id end, case when not runs then now() + (p->>'keptMs')::bigint * interval '1 millisecond' end,
    (p->>'messageCharsMax')::int, (p->>'filesMax')::int)
  returning * into m;
  c.next_seq := c.next_seq + 1;
  c.wakes := 0;
  -- The turn was stopped and has not ended yet: this message is the next explicit action.
  if busy and wanted <> 'queue' then c.held := false; end if;

  if runs then
    action := 'started';
    select * into did from begin_turn(c, m, '[]');
    c := did.c;
    facts := facts || did.facts;
  elsif wanted = 'steer' then
    action := 'steering';
    c.has_steer := true;
    facts := facts || jsonb_build_array(queue_event(c, 'enqueue', m.id));
    if was = 'paused' then
      select * into did from close_cards(c, 'superseded');
      c := did.c;
      facts := facts || did.facts;
      select * into did from resume_turn(c, null);
      c := did.c;
      facts := facts || did.facts;
    end if;
  else
    action := 'queued';
    -- A conversation that starts with a waiting message is there to be looked at, too.
    insert into executions (id, organization_id, conversation_id, agent_id, agent_version, mode, input, end_user, options, title)
    values (c.id, organization, c.id, c.agent_id, m.agent_version, 'root', jsonb_build_object('text', m.text, 'files', m.files), m.end_user,
      m.options, m.options->>'title')
    on conflict (id) do nothing;
    c.queue_depth := c.queue_depth + 1;
    facts := facts || jsonb_build_array(queue_event(c, 'enqueue', m.id));
    if wanted = 'interrupt' and was = 'running' then
      if c.stopped_through_turn < c.turn_number then
        c.stopped_through_turn := c.turn_number;
        c.stop_reason := 'superseded';
      end if;
    elsif wanted = 'interrupt' then
      -- Nobody runs the turn under way: it ends here, and this message begins with it.
      action := 'started';
      select * into did from end_turn(c, outcome_from_outside(c, coalesce(stop_reason_of(c), 'superseded')));
      c := did.c;
      facts := facts || did.facts;
    elsif not busy and wanted = 'queue' and not c.held then
      c.due_at := coalesce(c.due_at, clock_timestamp() + (p->>'graceMs')::int * interval '1 millisecond');
    elsif not busy and wanted <> 'queue' then
      select * into did from begin_next_turn(c);
      c := did.c;
      facts := facts || did.facts;
    end if;
  end if;
  place := case when action <> 'queued' then 0 when head then 1 else c.queue_depth end;
  select * into did from post_events(c, facts);
  c := did.c;
  perform save_conversation(c);
  if wanted = 'interrupt' and busy or p->>'edits' is not null then doomed := doomed_children(c.id); end if;

  reply := jsonb_build_object('action', action, 'mode', applied, 'conversationId', c.id,
    'messageId', m.id, 'turnId', m.turn_id, 'position', place, 'queueDepth', c.queue_depth,
    'cursor', before, 'replayed', false, 'at', iso(now()));
  if p->>'idempotencyKey' is not null then
    perform keep_answer(p, reply);
  end if;
  reply := reply || posted(c, did.appended) || jsonb_build_object('kick', c.state = 'ready' and (was <> 'ready' or action = 'started'),
    'doomed', doomed);
  -- A conversation's first turn is made of nothing but what the caller sent.
  if (p->>'wantsExecution')::boolean and not (created and runs) then
    reply := reply || jsonb_build_object('execution', (select execution_json(e) from executions e where e.id = c.id));
  end if;
  return reply;
end $$;
