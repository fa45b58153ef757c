-- Agents that take no more turns, conversations that begin anew, memories that an administrator says, and the bounds of what is merged.

alter table agents add column state text not null default 'active' check (state in ('active', 'suspended', 'deleted'));

alter table messages
  -- What one message might have when this one was accepted: so much a turn may have that it is merged into. Null in rows of before.
  add column merge_chars_max int,
  add column merge_files_max int;

-- A branch that a reset has ended was ended by no message.
alter table branches alter column edited_message_id drop not null;

-- Whether the conversation's agent begins turns. Work that an agent was handed belongs to a turn that has begun.
create function takes_turns(c conversations) returns boolean language sql stable as $$
  select c.parent_conversation_id is not null or exists (select from agents where id = c.agent_id and state = 'active')
$$;

-- Refuses what is new to an agent that is suspended; one that is deleted is no agent to anybody.
create function check_agent(agent uuid) returns void language plpgsql as $$
declare
  standing text := (select state from agents where id = agent);
begin
  if standing <> 'active' then perform refuse(case standing when 'suspended' then 'agent_suspended' else 'not_found' end); end if;
end $$;

-- Takes the head of the queue and begins its turn; the `collect` messages right behind it that come from the same caller for the same
-- user with the same options go into it. No facts when nothing waits, nor where the agent takes no turns: then the queue is held.
create or replace function begin_next_turn(inout c conversations, out facts jsonb) language plpgsql as $$
declare
  m messages;
  other messages;
  merged jsonb := '[]';
  begun record;
begin
  facts := '[]';
  if not takes_turns(c) then
    c.held := true;
    c.due_at := null;
    return;
  end if;
  update messages set state = 'running' where id = (
    select id from messages where conversation_id = c.id and state = 'queued' and steers_turn is null order by seq, id limit 1)
  returning * into m;
  if not found then
    c.queue_depth := 0;
    return;
  end if;
  c.queue_depth := c.queue_depth - 1;
  if c.queue_depth > 0 and not m.invoked then
    for other in select * from messages where conversation_id = c.id and state = 'queued' and steers_turn is null order by seq, id loop
      exit when other.mode <> 'collect' or other.invoked or other.principal_id <> m.principal_id or other.options <> m.options
        or other.end_user is distinct from m.end_user or other.agent_version <> m.agent_version
        -- One turn's text stays within what one message might have when the later one was accepted.
        or length(m.text) + length(other.text) > coalesce(other.merge_chars_max, 262144)
        or jsonb_array_length(m.files) + jsonb_array_length(other.files) > coalesce(other.merge_files_max, 32);
      m.text := concat_ws(E'\n\n', nullif(m.text, ''), nullif(other.text, ''));
      m.files := m.files || other.files;
      merged := merged || jsonb_build_object('messageId', other.id, 'turnId', other.turn_id);
      update messages set state = 'merged', merged_into = m.turn_id where id = other.id;
      c.queue_depth := c.queue_depth - 1;
    end loop;
  end if;
  select * into begun from begin_turn(c, m, merged);
  c := begun.c;
  facts := jsonb_build_array(queue_event(c, 'drain', m.id)) || begun.facts;
end $$;

-- Ends the current turn, lets the lease go and, unless the queue is held or empty, begins the next turn in the same
-- transaction. `outcome` is {status, reason, text, result, usage}.
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
    finished_at = now() where id = ended_turn returning message_id, steers into answered, steered;
  update messages set state = 'done' where id = answered;
  if steered > 0 then
    update messages set state = 'done' where conversation_id = c.id and steers_turn = ended_turn and state = 'running';
  end if;
  update executions set status = ended_status, reason = outcome->>'reason', result = outcome->>'result', usage = outcome->'usage',
    stopped_by_user = (ended_status = 'stopped' and outcome->>'reason' = 'user_stop'), finished_at = now(), updated_at = now()
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
        else jsonb_build_object('status', ended_status, 'reason', outcome->>'reason', 'text', outcome->>'text') end
  ));
  if more then
    select * into did from begin_next_turn(c);
    c := did.c;
    facts := facts || did.facts;
  end if;
end $$;

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
  if not runs and (c.queue_depth >= (p->>'queueMax')::int or wanted = 'steer' and c.has_steer and (p->>'queueMax')::int <= (
      select count(*) from messages where conversation_id = c.id and state = 'queued' and steers_turn is not null)) then
    perform refuse('queue_full');
  end if;
  if p->>'edits' is not null then
    select * into did from cut_branch(c, (p->>'edits')::uuid, (p->>'expectedVersion')::int, (p->>'messageId')::uuid);
    c := did.c;
    facts := did.facts;
  end if;

  insert into messages (id, organization_id, conversation_id, turn_id, seq, mode, state, text, files, end_user, options, agent_version,
    principal_id, idempotency_key, invoked, steers_turn, expires_at, merge_chars_max, merge_files_max)
  values ((p->>'messageId')::uuid, organization, c.id, (p->>'turnId')::uuid,
    -- Ahead of all that waits, with room for the messages of a turn that could not be steered any more.
    case when head and c.queue_depth > 0 then (select min(seq) - 1024 from messages where conversation_id = c.id and state = 'queued')
      else c.next_seq end,
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

-- Orders a drain: a row, so that the order outlives Redis. Running, paused and empty conversations need none.
create or replace function order_drain(organization uuid, conversation uuid) returns jsonb language plpgsql as $$
declare
  c conversations := lock_conversation(organization, conversation);
  action text;
begin
  if c.id is null then perform refuse('not_found'); end if;
  action := case when c.state = 'paused' then 'paused' when c.state <> 'idle' then 'running' when c.queue_depth = 0 then 'empty' else 'draining' end;
  if action = 'draining' then perform check_agent(c.agent_id); end if;
  if action = 'draining' then update conversations set drain_at = clock_timestamp() where id = c.id; end if;
  -- A stopped turn that has not ended yet: the order is the next explicit action.
  if action = 'running' and c.held then update conversations set held = false where id = c.id; end if;
  return jsonb_build_object('action', action, 'queueDepth', c.queue_depth, 'cursor', c.head_epoch || '-' || c.head_n,
    'execution', (select execution_json(e) from executions e where e.id = c.id));
end $$;

-- Begins a conversation anew under its id: all turns until now leave the current branch and stay as one of its branches. Takes
-- {organizationId, conversationId}; refuses while a turn is under way. Atomic with the fact that says so.
create function reset_conversation(p jsonb) returns jsonb language plpgsql as $$
declare
  c conversations := lock_conversation((p->>'organizationId')::uuid, (p->>'conversationId')::uuid);
  did record;
  doomed jsonb;
  said int;
begin
  if c.id is null or c.parent_conversation_id is not null then perform refuse('not_found'); end if;
  if c.state <> 'idle' then perform refuse('turn_in_progress'); end if;
  select sum(1 + steers + (result is not null)::int) into said from turns where conversation_id = c.id and c.visible @> number;
  if said is null then
    return jsonb_build_object('branch', c.branch, 'messageCount', 0, 'events', '[]'::jsonb, 'kick', false, 'doomed', '[]'::jsonb);
  end if;
  insert into branches (organization_id, conversation_id, branch, visible)
  values (c.organization_id, c.id, c.branch, c.visible * int4multirange(int4range(null, c.turn_number, '[]')));
  c.visible := int4multirange(int4range(c.turn_number + 1, null));
  c.branch := c.branch + 1;
  c.version := c.version + 1;
  update conversations set visible = c.visible, branch = c.branch where id = c.id;
  select * into did from post_events(c, jsonb_build_array(make_event('conversation.reset', c.id, null,
    jsonb_build_object('branch', c.branch, 'throughTurn', c.turn_number))));
  c := did.c;
  perform save_conversation(c);
  -- What went on in the background for turns that are not visible any more.
  doomed := doomed_children(c.id);
  return posted(c, did.appended) || jsonb_build_object('branch', c.branch, 'messageCount', said, 'kick', false, 'doomed', doomed);
end $$;

-- Keeps [{id, scope, scopeId, agentId, text, tainted, conversationId, turnNumber, embedding: {model, vector} | null}], the conversation
-- and its turn null where there is none; beyond `per_scope_max` in a place its oldest are forgotten. Runs in a transaction that has named
-- its organization.
create or replace function save_memories(organization uuid, given jsonb, per_scope_max int) returns void language plpgsql as $$
begin
  -- Conversations before memories, as in every function that locks both; they cannot be deleted meanwhile.
  perform from conversations where id in (select (one->>'conversationId')::uuid from jsonb_array_elements(given) one) order by id for key share;
  with kept as (
    insert into memories as m (id, organization_id, scope, scope_id, agent_id, text, words, tainted, embedding, embedding_model)
    select distinct on (one->>'scope', one->>'scopeId', one->>'text') (one->>'id')::uuid, organization, one->>'scope', one->>'scopeId',
      (one->>'agentId')::uuid, one->>'text', words_of(one->>'text', null), (one->>'tainted')::boolean,
      (select array_agg(part::real order by place) from jsonb_array_elements_text(nullif(one->'embedding', 'null')->'vector') with ordinality as listed (part, place)),
      one->'embedding'->>'model'
    from jsonb_array_elements(given) one
    -- Nothing is learned from a conversation that was deleted meanwhile. What an administrator says was learned in none.
    where one->>'conversationId' is null or exists (select from conversations where id = (one->>'conversationId')::uuid)
    order by one->>'scope', one->>'scopeId', one->>'text'
    -- Said again by somebody who is trusted, it is trusted.
    on conflict (organization_id, scope, scope_id, md5(text)) do update set tainted = m.tainted and excluded.tainted
    returning m.id, m.scope, m.scope_id, m.text
  )
  insert into memory_sources (organization_id, memory_id, conversation_id, turn_number)
  select organization, kept.id, c.id, min((one->>'turnNumber')::int)
  from kept join jsonb_array_elements(given) one on one->>'scope' = kept.scope and one->>'scopeId' = kept.scope_id and one->>'text' = kept.text
    join conversations c on c.id = (one->>'conversationId')::uuid
  -- What is said everywhere does not name every place.
  where (select count(*) from memory_sources where memory_id = kept.id) < 100
  group by kept.id, c.id
  on conflict do nothing;
  delete from memories where id in (
    select m.id from (select distinct one->>'scope' as scope, one->>'scopeId' as scope_id from jsonb_array_elements(given) one) place,
      lateral (select id from memories where organization_id = organization and scope = place.scope and scope_id = place.scope_id
        order by created_at desc, id desc offset per_scope_max) m);
end $$;

-- Keeps one memory as `save_memories` does; returns its id, which is another one where the same text was there. Takes {organizationId,
-- memory, perScopeMax}.
create function store_memory(p jsonb) returns uuid language plpgsql as $$
declare
  given jsonb := p->'memory';
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  perform save_memories((p->>'organizationId')::uuid, jsonb_build_array(given), (p->>'perScopeMax')::int);
  return (select id from memories where organization_id = (p->>'organizationId')::uuid and scope = given->>'scope'
    and scope_id = given->>'scopeId' and md5(text) = md5(given->>'text'));
end $$;

-- An agent begins or ceases to take turns, or is gone.
create function tell_agent_state() returns trigger language plpgsql security definer set search_path = public as $$
begin
  if new.state = 'deleted' then
    perform tell_activity(new.organization_id, 'agent:hot_removed', new.id, null, jsonb_build_object('agentId', new.id));
  end if;
  perform tell_activity(new.organization_id, 'audit:event', new.id, null, audit_data(
    case new.state when 'active' then 'agent.resume' when 'suspended' then 'agent.suspend' else 'agent.delete' end,
    'configuration', jsonb_build_object('agentId', new.id)));
  return null;
end $$;
create trigger agent_state_changed after update of state on agents for each row when (old.state <> new.state)
  execute function tell_agent_state();
