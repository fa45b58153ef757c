-- What a message may do to a turn under way (steer, interrupt, collect), and the queue that callers may change.

alter table conversations
  -- Why the turns up to `stopped_through_turn` were stopped, where it was not the user.
  add column stop_reason text,
  -- Messages wait to be handed to the current turn at its next step boundary.
  add column has_steer boolean not null default false,
  -- The turns of the current branch. An edit cuts off a tail; the numbers of later turns are in again.
  add column visible int4multirange not null default '{(,)}',
  add column branch int not null default 0,
  -- The parent's turn that an async child was born in.
  add column parent_turn_number int;

alter table messages
  -- The turn that this message is handed to while that turn runs; null again when the turn ended first.
  add column steers_turn uuid,
  -- An invoke keeps its turn to itself: nothing is merged with it.
  add column invoked boolean not null default false,
  -- The turn of the message that this one was merged with.
  add column merged_into uuid,
  -- When a message that still waits is given up.
  add column expires_at timestamptz;
create index messages_expiring on messages (expires_at) where state = 'queued' and expires_at is not null;
create index messages_merged on messages (turn_id) where merged_into is not null;

alter table turns
  -- Messages that were handed to this turn while it ran.
  add column steers int not null default 0,
  add column cards int not null default 0,
  -- A decision was made: the next claim goes on where the turn paused.
  add column resumed boolean not null default false,
  add column paused_at timestamptz,
  add column paused_ms bigint not null default 0;

alter table journal drop constraint journal_kind_check;
alter table journal add constraint journal_kind_check check (kind in ('response', 'intent', 'started', 'result', 'steer'));

-- What an edit has cut off stays readable as a branch.
create table branches (
  organization_id uuid not null,
  conversation_id uuid not null references conversations on delete cascade,
  branch int not null,
  visible int4multirange not null,
  -- The message whose edit ended it.
  edited_message_id uuid not null,
  ended_at timestamptz not null default now(),
  primary key (conversation_id, branch)
);
alter table branches enable row level security;
alter table branches force row level security;
create policy tenant on branches to parley_app
  using (organization_id = any (nullif(current_setting('parley.organizations', true), '')::uuid[]))
  with check (organization_id = any (nullif(current_setting('parley.organizations', true), '')::uuid[]));
grant select, insert, update, delete on branches to parley_app;

-- `visible` and `branch` are left out: only an edit changes them, by a statement of its own.
create or replace function save_conversation(c conversations) returns void language plpgsql as $$
begin
  update conversations set
    state = c.state, held = c.held, epoch = c.epoch, head_epoch = c.head_epoch, head_n = c.head_n,
    lease_owner = c.lease_owner, lease_until = c.lease_until, ready_at = c.ready_at, kicks = c.kicks, due_at = c.due_at,
    drain_at = c.drain_at, turn_id = c.turn_id, turn_number = c.turn_number, stopped_through_turn = c.stopped_through_turn,
    stop_reason = c.stop_reason, has_steer = c.has_steer, queue_depth = c.queue_depth, next_seq = c.next_seq,
    cards_open = c.cards_open, has_inbox = c.has_inbox, has_checkpoint = c.has_checkpoint, wakes = c.wakes,
    version = c.version, end_user = c.end_user, sub_tasks = c.sub_tasks
  where id = c.id;
end $$;

-- Why the current turn must end, or null. A background child ends with the turn that it was born in, and with that turn's
-- place in the branch, however far above.
create function stop_reason_of(c conversations) returns text language plpgsql stable as $$
declare
  child conversations := c;
  above conversations;
  born int;
begin
  if c.stopped_through_turn >= c.turn_number then return coalesce(c.stop_reason, 'user_stop'); end if;
  while child.parent_conversation_id is not null loop
    select * into above from conversations where id = child.parent_conversation_id;
    exit when not found;
    born := coalesce(child.parent_turn_number, child.root_turn_number);
    if above.stopped_through_turn >= born then return coalesce(above.stop_reason, 'user_stop'); end if;
    if not above.visible @> born then return 'superseded'; end if;
    child := above;
  end loop;
  return null;
end $$;

create or replace function is_stopped(c conversations) returns boolean language sql stable as $$ select stop_reason_of(c) is not null $$;

-- One fact for many messages: `messageIds` where it is not about a single one.
create function queue_event(c conversations, action text, ids uuid[]) returns jsonb language sql immutable as $$
  select make_event('queue.updated', c.id, c.turn_id,
    jsonb_build_object('action', action, 'messageId', null, 'messageIds', to_jsonb(ids), 'queueDepth', c.queue_depth))
$$;

drop function begin_turn(conversations, messages);

-- Makes a message the turn that runs next: the conversation is ready, its root execution pending. `merged` are the
-- messages whose text is in it, too: [{messageId, turnId}].
create function begin_turn(inout c conversations, in m messages, in merged jsonb, out facts jsonb) language plpgsql as $$
begin
  c.turn_number := c.turn_number + 1;
  c.turn_id := m.turn_id;
  c.state := 'ready';
  c.held := false;
  c.stop_reason := null;
  c.ready_at := clock_timestamp();
  c.kicks := 0;
  c.due_at := null;
  c.drain_at := null;
  c.version := c.version + 1;
  c.end_user := coalesce(m.end_user, c.end_user);
  c.sub_tasks := coalesce(m.options->>'subTasks', c.sub_tasks);
  insert into turns (id, organization_id, conversation_id, number, message_id, agent_version, text, files, end_user, options)
  values (m.turn_id, c.organization_id, c.id, c.turn_number, m.id, m.agent_version, m.text, m.files, c.end_user, m.options);
  insert into executions as e (id, organization_id, conversation_id, agent_id, agent_version, mode, input, end_user, options, title,
    turn_id, turn_number)
  values (c.id, c.organization_id, c.id, c.agent_id, m.agent_version, 'root', jsonb_build_object('text', m.text, 'files', m.files),
    c.end_user, m.options, m.options->>'title', m.turn_id, c.turn_number)
  on conflict (id) do update set agent_version = excluded.agent_version, status = 'pending', input = excluded.input,
    end_user = excluded.end_user, options = excluded.options, title = coalesce(excluded.title, e.title), result = null, reason = null,
    turn_id = excluded.turn_id, turn_number = excluded.turn_number, attempt = 0, stopped_by_user = false, usage = null,
    started_at = null, finished_at = null, updated_at = now();
  facts := jsonb_build_array(make_event('turn.created', c.id, m.turn_id, jsonb_build_object(
    'messageId', m.id, 'turnId', m.turn_id, 'input', jsonb_build_object('text', m.text, 'files', m.files), 'user', c.end_user,
    'options', m.options, 'mode', m.mode) || case when merged = '[]' then '{}' else jsonb_build_object('merged', merged) end));
end $$;

-- Takes the head of the queue and begins its turn; the `collect` messages right behind it that come from the same caller for the same
-- user with the same options go into it. No facts when nothing waits.
create or replace function begin_next_turn(inout c conversations, out facts jsonb) language plpgsql as $$
declare
  m messages;
  other messages;
  merged jsonb := '[]';
  begun record;
begin
  facts := '[]';
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
        -- One turn's text stays within what one message may have.
        or length(m.text) + length(other.text) > 262144 or jsonb_array_length(m.files) + jsonb_array_length(other.files) > 32;
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

-- Messages that were to steer a turn which has ended go to the head of the queue, behind what interrupts.
create function defer_steers(inout c conversations, out facts jsonb) language plpgsql as $$
declare
  first_seq bigint;
  waiting uuid[];
begin
  c.has_steer := false;
  select array_agg(id order by seq, id) into waiting from messages
  where conversation_id = c.id and state = 'queued' and steers_turn is not null;
  facts := '[]';
  if waiting is null then return; end if;
  select coalesce(min(seq), c.next_seq) into first_seq from messages
  where conversation_id = c.id and state = 'queued' and steers_turn is null and mode <> 'interrupt';
  -- What interrupts makes room.
  update messages set seq = seq - cardinality(waiting)
  where conversation_id = c.id and state = 'queued' and steers_turn is null and mode = 'interrupt' and seq < first_seq;
  update messages m set steers_turn = null, seq = first_seq - cardinality(waiting) + listed.place - 1
  from unnest(waiting) with ordinality as listed (id, place) where m.id = listed.id;
  c.queue_depth := c.queue_depth + cardinality(waiting);
  select jsonb_agg(make_event('steer.deferred', c.id, c.turn_id, jsonb_build_object('messageId', id, 'queueDepth', c.queue_depth)) order by place)
  into facts from unnest(waiting) with ordinality as listed (id, place);
end $$;

-- Closes what is still asked in the current turn.
create function close_cards(inout c conversations, in outcome text, out facts jsonb) language plpgsql as $$
begin
  facts := '[]';
  if c.cards_open = 0 then return; end if;
  with shut as (
    update cards set status = outcome, closed_at = now() where conversation_id = c.id and status = 'open' returning id, execution_id
  )
  select coalesce(jsonb_agg(make_event('card.closed', execution_id, c.turn_id, jsonb_build_object('cardId', id, 'outcome', outcome)) order by id), '[]')
  into facts from shut;
  c.cards_open := 0;
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

-- What a turn that nobody runs has said, and used, until now: the outcome of ending it from outside.
create function outcome_from_outside(c conversations, reason text) returns jsonb language sql stable as $$
  select jsonb_build_object('status', 'stopped', 'reason', reason, 'usage', used_tokens(c, c.turn_id, c.id), 'result', (
    select string_agg(part->>'text', '') from checkpoints k, jsonb_array_elements(k.texts) part
    where k.turn_id = c.turn_id and part->>'executionId' = c.id::text))
$$;

-- The paused turn goes on: its cards are closed, a worker is wanted.
create function resume_turn(inout c conversations, in card uuid, out facts jsonb) language plpgsql as $$
declare
  asked_by int;
begin
  c.state := 'ready';
  c.ready_at := clock_timestamp();
  c.kicks := 0;
  -- Waiting for people counts neither as an attempt nor as the turn's time.
  update turns set status = 'pending', resumed = true, give_backs = give_backs + 1, paused_at = null,
    paused_ms = paused_ms + coalesce((extract(epoch from clock_timestamp() - paused_at) * 1000)::bigint, 0)
  where id = c.turn_id returning attempt into asked_by;
  update executions set status = 'pending', updated_at = now() where id = c.id;
  facts := jsonb_build_array(make_event('turn.resumed', c.id, c.turn_id, jsonb_build_object('cardId', card, 'attempt', asked_by)));
end $$;

-- Cuts the tail off from the turn of that message on; it stays as a branch. Its background children end, as their turn is not visible
-- any more. A tail under way is ended by whoever calls this.
create function cut_branch(inout c conversations, in message uuid, in expected_version int, in new_message uuid, out facts jsonb)
language plpgsql as $$
declare
  edited messages;
  cut int;
begin
  select * into edited from messages where id = message and conversation_id = c.id;
  if not found or edited.state in ('cancelled', 'expired') then perform refuse('not_found'); end if;
  if edited.principal_id like 'execution:%' then perform refuse('not_a_user_message'); end if;
  if edited.state = 'queued' then perform refuse('message_still_waiting'); end if;
  select number into cut from turns where id = coalesce(edited.merged_into, edited.steers_turn, edited.turn_id);
  if expected_version is not null and expected_version <> c.version or not c.visible @> cut then
    perform refuse('version_mismatch');
  end if;
  insert into branches (organization_id, conversation_id, branch, visible, edited_message_id)
  values (c.organization_id, c.id, c.branch, c.visible * int4multirange(int4range(null, c.turn_number, '[]')), message);
  c.visible := c.visible * int4multirange(int4range(null, cut)) + int4multirange(int4range(c.turn_number + 1, null));
  c.branch := c.branch + 1;
  c.version := c.version + 1;
  update conversations set visible = c.visible, branch = c.branch where id = c.id;
  facts := jsonb_build_array(make_event('conversation.edited', c.id, null,
    jsonb_build_object('messageId', message, 'newMessageId', new_message, 'branch', c.branch, 'fromTurn', cut)));
end $$;

-- Background children that live and belong to a stopped or cut off turn of this conversation, or of one below it; with those
-- that run them, to be told at once.
create function doomed_children(conversation uuid) returns jsonb language sql stable as $$
  with recursive below as (
    select * from conversations where parent_conversation_id = conversation
    union all select child.* from conversations child join below on child.parent_conversation_id = below.id
  )
  select coalesce(jsonb_agg(jsonb_build_object('executionId', id, 'agentId', agent_id, 'mode', 'async', 'owner', lease_owner) order by id), '[]')
  from below where state <> 'idle' and is_stopped(row(below.*)::conversations)
$$;

-- Accepts a message: one transaction from the key to the ready mark.
-- Takes {organizationId, principalId, route, conversationId, isNew, mayCreate, agentId, agentVersion, messageId, turnId, text, files,
-- user, options, mode, invoke, keepNothingWhenIdle, edits, expectedVersion, idempotencyKey, bodyHash, queueMax, graceMs, keptMs,
-- wantsExecution}. `edits` names the message that this one replaces; its mode is `interrupt` then.
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
  if not busy and (wanted = 'collect' or wanted = 'interrupt' and c.queue_depth = 0) then applied := 'auto'; end if;
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
    principal_id, idempotency_key, invoked, steers_turn, expires_at)
  values ((p->>'messageId')::uuid, organization, c.id, (p->>'turnId')::uuid,
    -- Ahead of all that waits, with room for the messages of a turn that could not be steered any more.
    case when head and c.queue_depth > 0 then (select min(seq) - 1024 from messages where conversation_id = c.id and state = 'queued')
      else c.next_seq end,
    wanted, case when runs then 'running' else 'queued' end, p->>'text', p->'files', nullif(p->'user', 'null'), p->'options',
    (p->>'agentVersion')::int, p->>'principalId', p->>'idempotencyKey', (p->>'invoke')::boolean,
    case when wanted = 'steer' then c.turn_id end, case when not runs then now() + (p->>'keptMs')::bigint * interval '1 millisecond' end)
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

drop function stop_conversation(uuid, uuid, uuid, boolean);

-- Ends the current turn by the user's word, and all that turns up to it have started in the background. Takes
-- {organizationId, conversationId, turnId (the turn meant, or null for whichever is current), clearQueue}; answers with a list of what was
-- stopped.
create function stop_conversation(p jsonb) returns jsonb language plpgsql as $$
declare
  c conversations := lock_conversation((p->>'organizationId')::uuid, (p->>'conversationId')::uuid);
  meant_turn uuid := (p->>'turnId')::uuid;
  stopped_turn uuid;
  cleared uuid[] := '{}';
  did record;
  facts jsonb := '[]';
  children jsonb := '[]';
  doomed jsonb;
  cards jsonb := '[]';
  outcome jsonb;
  parent jsonb;
begin
  if c.id is null then perform refuse('not_found'); end if;
  if c.turn_id is not null and (meant_turn is null or meant_turn = c.turn_id) then
    stopped_turn := c.turn_id;
    c.stopped_through_turn := c.turn_number;
    c.stop_reason := null;
    c.held := true;
    select coalesce(jsonb_agg(jsonb_build_object('executionId', id, 'agentId', agent_id, 'mode', 'sync') order by id), '[]') into children
    from executions where conversation_id = c.id and turn_id = c.turn_id and mode = 'sync' and status in ('pending', 'executing', 'paused');
    if c.cards_open > 0 then
      select jsonb_agg(id order by id) into cards from cards where conversation_id = c.id and status = 'open';
    end if;
  elsif c.turn_id is null and meant_turn is null then
    c.stopped_through_turn := c.turn_number;
    c.stop_reason := null;
    -- What waits was about to start by itself.
    c.held := c.held or c.queue_depth > 0;
  end if;
  if stopped_turn is not null or meant_turn is null then
    c.due_at := null;
    c.drain_at := null;
  end if;
  if (p->>'clearQueue')::boolean then
    with gone as (update messages set state = 'cancelled' where conversation_id = c.id and state = 'queued' returning id)
    select coalesce(array_agg(id order by id), '{}') into cleared from gone;
    c.queue_depth := 0;
    c.has_steer := false;
    c.due_at := null;
    if cleared <> '{}' then facts := jsonb_build_array(queue_event(c, 'clear', cleared)); end if;
  end if;
  if stopped_turn is not null and c.state <> 'running' then
    -- Nobody runs it: ready or paused. Its end is written here.
    outcome := outcome_from_outside(c, 'user_stop');
    select * into did from end_turn(c, outcome);
    c := did.c;
    facts := facts || did.facts;
    if c.parent_conversation_id is not null then parent := tell_parent(c, outcome, 0); end if;
  end if;
  select * into did from post_events(c, facts);
  c := did.c;
  perform save_conversation(c);
  doomed := doomed_children(c.id);
  return posted(c, did.appended) || jsonb_build_object('stopped', stopped_turn is not null or doomed <> '[]', 'turnId', stopped_turn,
    'children', children || (select coalesce(jsonb_agg(child - 'owner'), '[]') from jsonb_array_elements(doomed) child), 'cards', cards,
    'parent', parent, 'queueCleared', cardinality(cleared), 'queueDepth', c.queue_depth, 'nudge', c.lease_owner, 'doomed', doomed, 'kick', false);
end $$;

create or replace function cancel_message(organization uuid, conversation uuid, message uuid) returns jsonb language plpgsql as $$
declare
  c conversations := lock_conversation(organization, conversation);
  m messages;
  did record;
begin
  if c.id is null then perform refuse('not_found'); end if;
  select * into m from messages where id = message and conversation_id = c.id;
  if not found then perform refuse('not_found'); end if;
  if m.state <> 'queued' then perform refuse('message_not_waiting'); end if;
  update messages set state = 'cancelled' where id = message;
  if m.steers_turn is null then
    c.queue_depth := c.queue_depth - 1;
    if c.queue_depth = 0 then c.due_at := null; end if;
  else
    c.has_steer := exists (select from messages where conversation_id = c.id and state = 'queued' and steers_turn is not null);
  end if;
  select * into did from post_events(c, jsonb_build_array(queue_event(c, 'cancel', message)));
  c := did.c;
  perform save_conversation(c);
  return posted(c, did.appended) || jsonb_build_object('cancelled', 1, 'queueDepth', c.queue_depth, 'kick', false);
end $$;

create or replace function clear_queue(organization uuid, conversation uuid) returns jsonb language plpgsql as $$
declare
  c conversations := lock_conversation(organization, conversation);
  cleared uuid[];
  did record;
begin
  if c.id is null then perform refuse('not_found'); end if;
  with gone as (update messages set state = 'cancelled' where conversation_id = c.id and state = 'queued' returning id)
  select coalesce(array_agg(id order by id), '{}') into cleared from gone;
  c.queue_depth := 0;
  c.has_steer := false;
  c.due_at := null;
  select * into did from post_events(c, case when cleared = '{}' then '[]' else jsonb_build_array(queue_event(c, 'clear', cleared)) end);
  c := did.c;
  perform save_conversation(c);
  return posted(c, did.appended) || jsonb_build_object('cancelled', cardinality(cleared), 'queueDepth', 0, 'kick', false);
end $$;

-- Changes a message that still waits: its text and files, its place in the queue (1 is the head), or both. Null leaves as it is.
-- Takes {organizationId, conversationId, messageId, text, files, position}.
create function change_message(p jsonb) returns jsonb language plpgsql as $$
declare
  c conversations := lock_conversation((p->>'organizationId')::uuid, (p->>'conversationId')::uuid);
  m messages;
  waiting uuid[];
  place int;
  did record;
  facts jsonb := '[]';
begin
  if c.id is null then perform refuse('not_found'); end if;
  select * into m from messages where id = (p->>'messageId')::uuid and conversation_id = c.id;
  if not found then perform refuse('not_found'); end if;
  if m.state <> 'queued' then perform refuse('message_not_waiting'); end if;
  if p->>'text' is not null or p->>'files' is not null then
    update messages set text = coalesce(p->>'text', text), files = coalesce(nullif(p->'files', 'null'), files) where id = m.id returning * into m;
    facts := jsonb_build_array(make_event('message.edited', c.id, c.turn_id,
      jsonb_build_object('messageId', m.id, 'input', jsonb_build_object('text', m.text, 'files', m.files))));
  end if;
  select array_agg(id order by seq, id) into waiting from messages where conversation_id = c.id and state = 'queued' and steers_turn is null;
  if p->>'position' is not null and m.steers_turn is null then
    place := least((p->>'position')::int, cardinality(waiting));
    waiting := array_remove(waiting, m.id);
    waiting := waiting[:place - 1] || m.id || waiting[place:];
    update messages moved set seq = lowest.seq + listed.place - 1
    from unnest(waiting) with ordinality as listed (id, place), (select min(seq) as seq from messages where id = any (waiting)) lowest
    where moved.id = listed.id;
    facts := facts || queue_event(c, 'reorder', m.id);
  end if;
  select * into did from post_events(c, facts);
  c := did.c;
  perform save_conversation(c);
  return posted(c, did.appended) || jsonb_build_object('messageId', m.id, 'position', coalesce(array_position(waiting, m.id), 0),
    'queueDepth', c.queue_depth, 'kick', false);
end $$;

-- One message as it stands now. Null where the organization's conversation has none such.
create function read_message(organization uuid, conversation uuid, message uuid) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  return (
    select jsonb_build_object('id', m.id, 'conversationId', m.conversation_id, 'agentId', c.agent_id, 'state', m.state, 'mode', m.mode,
      'turnId', coalesce(m.merged_into, m.steers_turn, m.turn_id), 'steering', m.state = 'queued' and m.steers_turn is not null,
      'text', m.text, 'files', m.files, 'user', m.end_user, 'enqueuedAt', iso(m.enqueued_at), 'expiresAt', iso(m.expires_at),
      'position', case when m.state = 'queued' and m.steers_turn is null then (
        select count(*) from messages other where other.conversation_id = m.conversation_id and other.state = 'queued'
          and other.steers_turn is null and (other.seq, other.id) <= (m.seq, m.id)) else 0 end)
    from messages m join conversations c on c.id = m.conversation_id where m.id = message and m.conversation_id = conversation);
end $$;
