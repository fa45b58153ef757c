-- Calls on the direct path: what each has used, and keys of calls that hold no transaction while they run.

-- Append-only: what was used was used. No reference to the organization, whose usage outlives it.
create table direct_calls (
  id uuid primary key,
  organization_id uuid not null,
  principal_id text not null,
  -- The route's name in the registry.
  route text not null,
  -- The one that answered, or was tried last.
  model text not null,
  outcome text not null check (outcome in ('answered', 'refused', 'cut', 'cancelled')),
  -- Of all models together.
  tries int not null,
  input_tokens bigint not null,
  output_tokens bigint not null,
  cached_tokens bigint not null,
  reasoning_tokens bigint not null,
  model_calls int not null,
  -- Counted by us because the provider sent no usage.
  estimated boolean not null,
  latency_ms bigint not null,
  request_id text not null,
  -- When the call ended.
  at timestamptz not null,
  created_at timestamptz not null default now()
);
create index direct_calls_of_organization on direct_calls (organization_id, at);
create index direct_calls_by_age on direct_calls (created_at);

alter table direct_calls enable row level security;
alter table direct_calls force row level security;
create policy tenant on direct_calls to parley_app
  using (organization_id = any (nullif(current_setting('parley.organizations', true), '')::uuid[]))
  with check (organization_id = any (nullif(current_setting('parley.organizations', true), '')::uuid[]));
grant select, insert on direct_calls to parley_app;
create policy sweep on direct_calls to parley_sweep using (true);
grant select (id, created_at), delete on direct_calls to parley_sweep;

-- Takes a list of calls, of any organizations; one that is there already is left as it is, so that a write whose outcome is not known
-- may be made again.
create function record_direct_calls(calls jsonb) returns void language plpgsql as $$
begin
  perform set_config('parley.organizations', (select array_agg(distinct (call->>'organizationId')::uuid)::text from jsonb_array_elements(calls) call), true);
  insert into direct_calls (id, organization_id, principal_id, route, model, outcome, tries, input_tokens, output_tokens, cached_tokens,
    reasoning_tokens, model_calls, estimated, latency_ms, request_id, at)
  select (call->>'id')::uuid, (call->>'organizationId')::uuid, call->>'principalId', call->>'route', call->>'model', call->>'outcome',
    (call->>'tries')::int, (call->>'inputTokens')::bigint, (call->>'outputTokens')::bigint, (call->>'cachedTokens')::bigint,
    (call->>'reasoningTokens')::bigint, (call->>'modelCalls')::int, (call->>'estimated')::boolean, (call->>'latencyMs')::bigint,
    call->>'requestId', (call->>'at')::timestamptz
  from jsonb_array_elements(calls) call
  on conflict (id) do nothing;
end $$;

create function forget_direct_calls(older_than interval, rows_max int) returns int language plpgsql as $$
declare
  gone int;
begin
  perform set_config('lock_timeout', '500ms', true);
  delete from direct_calls where id = any (array(
    select id from direct_calls where created_at < now() - older_than order by created_at limit rows_max));
  get diagnostics gone = row_count;
  return gone;
end $$;

-- Whoever runs the call under a key, and until when nobody else may.
alter table idempotency_keys add column claim uuid;
alter table idempotency_keys add column claimed_until timestamptz;

-- Takes a key for a call, with {token, holdMs} beside what `replay` takes. Returns {state}: `claimed`; `busy` while another holds it; `done`
-- with the answer that was kept. Another body under the same key is refused.
create function claim_call(p jsonb) returns jsonb language plpgsql as $$
declare
  known idempotency_keys;
  until timestamptz := now() + make_interval(secs => (p->>'holdMs')::int / 1000.0);
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  insert into idempotency_keys (organization_id, principal_id, route, key, body_hash, claim, claimed_until)
  values ((p->>'organizationId')::uuid, p->>'principalId', p->>'route', p->>'idempotencyKey', decode(p->>'bodyHash', 'hex'),
    (p->>'token')::uuid, until)
  on conflict do nothing;
  if found then return '{"state": "claimed"}'; end if;
  select * into known from idempotency_keys where organization_id = (p->>'organizationId')::uuid
    and principal_id = p->>'principalId' and route = p->>'route' and key = p->>'idempotencyKey' for update;
  -- Left free just now: whoever asks again may have it.
  if not found then return '{"state": "busy"}'; end if;
  if known.body_hash <> decode(p->>'bodyHash', 'hex') then perform refuse('idempotency_mismatch'); end if;
  if known.answer is not null then return jsonb_build_object('state', 'done', 'answer', known.answer); end if;
  if known.claimed_until > now() then return '{"state": "busy"}'; end if;
  update idempotency_keys set claim = (p->>'token')::uuid, claimed_until = until where organization_id = known.organization_id
    and principal_id = known.principal_id and route = known.route and key = known.key;
  return '{"state": "claimed"}';
end $$;

create function hold_claim(p jsonb) returns void language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  update idempotency_keys set claimed_until = now() + make_interval(secs => (p->>'holdMs')::int / 1000.0)
  where organization_id = (p->>'organizationId')::uuid and principal_id = p->>'principalId' and route = p->>'route'
    and key = p->>'idempotencyKey' and claim = (p->>'token')::uuid and answer is null;
end $$;

-- Keeps the answer, or frees the key where there is none. A claim that was taken over changes nothing.
create function settle_claim(p jsonb) returns void language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  if jsonb_typeof(p->'answer') = 'object' then
    update idempotency_keys set answer = p->'answer', claim = null, claimed_until = null
    where organization_id = (p->>'organizationId')::uuid and principal_id = p->>'principalId' and route = p->>'route'
      and key = p->>'idempotencyKey' and claim = (p->>'token')::uuid;
  else
    delete from idempotency_keys where organization_id = (p->>'organizationId')::uuid and principal_id = p->>'principalId'
      and route = p->>'route' and key = p->>'idempotencyKey' and claim = (p->>'token')::uuid and answer is null;
  end if;
end $$;
