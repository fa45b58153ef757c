-- The tables. Hot ones carry no foreign keys: the engine's functions keep them true, and a key check would lock the
-- organization's row in every turn.

create table organizations (
  id uuid primary key,
  name text not null,
  created_at timestamptz not null default now()
);

create table api_keys (
  id text primary key,
  organization_id uuid not null references organizations,
  name text not null,
  prefix text not null,
  -- SHA-256 of the key; the key itself is shown once and never stored.
  hash bytea not null unique,
  scopes text[] not null,
  agent_ids uuid[],
  expires_at timestamptz,
  revoked_at timestamptz,
  created_at timestamptz not null default now()
);
create index api_keys_of_organization on api_keys (organization_id, created_at);

create table agents (
  id uuid primary key,
  organization_id uuid not null references organizations,
  -- The newest deployed version. Version 0 is the draft.
  version int not null default 1,
  created_at timestamptz not null default now()
);
create index agents_of_organization on agents (organization_id, created_at);

create table agent_versions (
  organization_id uuid not null,
  agent_id uuid not null references agents on delete cascade,
  version int not null,
  name text not null,
  description text not null,
  config jsonb not null,
  created_at timestamptz not null default now(),
  primary key (agent_id, version)
);

-- One row per log: a thread with its queue, or an async child's run (then `parent_conversation_id` is set).
create table conversations (
  id uuid primary key,
  organization_id uuid not null,
  agent_id uuid not null,
  -- Month of creation: the partition of its events and usage.
  month date not null,
  -- An async child tells its parent when it ends, and stops when its root is stopped through the turn it was born in.
  parent_conversation_id uuid,
  root_conversation_id uuid,
  root_turn_number int,
  wakes_parent boolean not null default false,
  -- Logs above this one. Several rows are locked deepest first.
  depth int not null default 0,
  state text not null default 'idle' check (state in ('idle', 'ready', 'running', 'paused')),
  -- After a stop the queue waits for the next explicit action.
  held boolean not null default false,
  epoch bigint not null default 0,
  head_epoch bigint not null default 0,
  head_n int not null default 0,
  lease_owner text,
  lease_until timestamptz,
  ready_at timestamptz,
  -- Kicks given again since `ready_at`; each waits twice as long as the one before.
  kicks int not null default 0,
  -- When the sweep may start an idle queue by itself.
  due_at timestamptz,
  -- A drain was ordered and is not done yet.
  drain_at timestamptz,
  turn_id uuid,
  turn_number int not null default 0,
  stopped_through_turn int not null default 0,
  queue_depth int not null default 0,
  next_seq bigint not null default 1,
  cards_open int not null default 0,
  -- Turns begun by background results since a caller's last message.
  wakes int not null default 0,
  -- A checkpoint of the current turn was written.
  has_checkpoint boolean not null default false,
  -- Something waits in the inbox for the holder.
  has_inbox boolean not null default false,
  version int not null default 1,
  end_user jsonb,
  sub_tasks text,
  created_at timestamptz not null default now()
) with (fillfactor = 70);
create index conversations_of_root on conversations (root_conversation_id) where root_conversation_id is not null;

create table executions (
  id uuid primary key,
  organization_id uuid not null,
  conversation_id uuid not null,
  agent_id uuid not null,
  agent_version int not null,
  parent_id uuid,
  mode text not null check (mode in ('root', 'sync', 'async')),
  status text not null default 'pending',
  input jsonb not null,
  end_user jsonb,
  options jsonb not null default '{}',
  result text,
  reason text,
  title text,
  turn_id uuid,
  turn_number int not null default 0,
  attempt int not null default 0,
  stopped_by_user boolean not null default false,
  usage jsonb,
  created_at timestamptz not null default now(),
  started_at timestamptz,
  finished_at timestamptz,
  updated_at timestamptz not null default now()
) with (fillfactor = 70);
create index executions_of_organization on executions (organization_id, created_at desc, id);
create index executions_within_conversation on executions (conversation_id) where mode = 'sync';
create index executions_of_parent on executions (parent_id) where parent_id is not null;

create table messages (
  id uuid primary key,
  organization_id uuid not null,
  conversation_id uuid not null,
  turn_id uuid not null,
  -- Order in the queue; an invoke on an idle queue goes before the first.
  seq bigint not null,
  mode text not null,
  state text not null check (state in ('queued', 'running', 'done', 'merged', 'cancelled', 'expired')),
  text text not null,
  files jsonb not null,
  end_user jsonb,
  options jsonb not null,
  agent_version int not null,
  principal_id text not null,
  idempotency_key text,
  enqueued_at timestamptz not null default now()
) with (fillfactor = 80);
create index messages_waiting on messages (conversation_id, seq) where state = 'queued';
create index messages_of_conversation on messages (conversation_id);

create table turns (
  id uuid primary key,
  organization_id uuid not null,
  conversation_id uuid not null,
  number int not null,
  message_id uuid not null,
  agent_version int not null,
  status text not null default 'pending',
  text text not null,
  files jsonb not null,
  end_user jsonb,
  options jsonb not null,
  attempt int not null default 0,
  -- Attempts that ended by giving the lease back; they do not count against the limit.
  give_backs int not null default 0,
  -- Completed steps of the root execution, and where the unfinished one starts in the log.
  step int not null default 0,
  step_epoch bigint not null default 0,
  step_n int not null default 0,
  result text,
  reason text,
  usage jsonb,
  created_at timestamptz not null default now(),
  started_at timestamptz,
  finished_at timestamptz
) with (fillfactor = 70);
create unique index turns_by_number on turns (conversation_id, number);

-- What a turn did, step by step: the model's response, an intent before each act, the act's result.
create table journal (
  organization_id uuid not null,
  turn_id uuid not null,
  execution_id uuid not null,
  step int not null,
  kind text not null check (kind in ('response', 'intent', 'result')),
  call_index int not null,
  payload jsonb not null,
  epoch bigint not null,
  created_at timestamptz not null default now(),
  primary key (turn_id, execution_id, step, kind, call_index)
);

-- The running turn's text and the cursor that it reaches to; gone when the turn ends.
create table checkpoints (
  turn_id uuid primary key,
  organization_id uuid not null,
  conversation_id uuid not null,
  epoch bigint not null,
  n int not null,
  texts jsonb not null,
  updated_at timestamptz not null default now()
) with (fillfactor = 50);

create table cards (
  id uuid primary key,
  organization_id uuid not null,
  conversation_id uuid not null,
  turn_id uuid not null,
  execution_id uuid not null,
  step int not null,
  call_index int not null,
  kind text not null check (kind in ('questions')),
  body jsonb not null,
  status text not null default 'open'
    check (status in ('open', 'answered', 'approved', 'denied', 'expired', 'superseded', 'cancelled')),
  expires_at timestamptz,
  created_at timestamptz not null default now(),
  closed_at timestamptz
);
create index cards_open_of_conversation on cards (conversation_id) where status = 'open';

-- Facts for the log from those who do not hold the lease; the holder folds them in at its next write.
create table inbox (
  id bigint generated always as identity primary key,
  organization_id uuid not null,
  conversation_id uuid not null,
  event jsonb not null,
  created_at timestamptz not null default now()
);
create index inbox_of_conversation on inbox (conversation_id, id);

create table idempotency_keys (
  organization_id uuid not null,
  principal_id text not null,
  route text not null,
  key text not null,
  body_hash bytea not null,
  answer jsonb,
  created_at timestamptz not null default now(),
  primary key (organization_id, principal_id, route, key)
);
create index idempotency_keys_by_age on idempotency_keys (created_at);

create table events (
  organization_id uuid not null,
  conversation_id uuid not null,
  month date not null,
  epoch bigint not null,
  n int not null,
  -- The durable head before this epoch; set on its first event only.
  previous text,
  type text not null,
  execution_id uuid not null,
  turn_id uuid,
  data jsonb not null,
  at timestamptz not null,
  primary key (conversation_id, epoch, n, month)
) partition by range (month);
create table events_other partition of events default;

-- Append-only, accepted from any epoch: what was used was used.
create table usage_records (
  organization_id uuid not null,
  conversation_id uuid not null,
  month date not null,
  turn_id uuid not null,
  execution_id uuid not null,
  attempt int not null,
  step int not null,
  -- Tries of one step: retries and fallback models each used something.
  try int not null,
  model text not null,
  input_tokens bigint not null,
  output_tokens bigint not null,
  cached_tokens bigint not null,
  reasoning_tokens bigint not null,
  -- Counted by us because the provider sent no usage.
  estimated boolean not null,
  created_at timestamptz not null default now(),
  primary key (turn_id, execution_id, attempt, step, try, month)
) partition by range (month);
create table usage_records_other partition of usage_records default;
create index usage_records_of_conversation on usage_records (conversation_id);

-- Who does what only one may do.
create table elections (
  name text primary key,
  holder text not null,
  until timestamptz not null
);

-- Makes the partitions of this month and the next two. Owned by the owner, so that the sweep may call it.
create function ensure_partitions() returns void language plpgsql security definer set search_path = public as $$
declare
  first date;
begin
  for offset_months in 0..2 loop
    first := (date_trunc('month', now() at time zone 'utc') + make_interval(months => offset_months))::date;
    execute format('create table if not exists events_%s partition of events for values from (%L) to (%L)',
      to_char(first, 'YYYYMM'), first, first + interval '1 month');
    execute format('create table if not exists usage_records_%s partition of usage_records for values from (%L) to (%L)',
      to_char(first, 'YYYYMM'), first, first + interval '1 month');
  end loop;
end $$;

select ensure_partitions();
