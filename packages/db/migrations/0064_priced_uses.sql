-- Everything that has a price is charged by it: sound and pictures of model calls, what a price takes for each call, agents, and peers.

alter table direct_calls add column audio_ms bigint not null default 0;
alter table direct_calls add column images int not null default 0;
alter table usage_records add column images int not null default 0;

alter table charges drop constraint charges_source_type_check;
-- `peer`: one call of a peer, whatever became of it once it was taken up. `agent`: one run of an agent that has a price of its own, beside what its models use.
alter table charges add constraint charges_source_type_check check (source_type in ('turn', 'direct', 'peer', 'agent')) not valid;
alter table charges add column audio_ms bigint not null default 0;
alter table charges add column images int not null default 0;
-- By what the peer's own row in the registry said when it was called.
alter table charges add column registered boolean not null default false;

-- Calls of peers are an outbox, too. Earlier ones are not charged afterwards.
alter table peer_usage add column unposted boolean not null default false;
alter table peer_usage alter column unposted set default true;
create index peer_usage_unposted on peer_usage (organization_id) where unposted;
create policy sweep on peer_usage for select to parley_sweep using (true);
grant select (organization_id, unposted) on peer_usage to parley_sweep;

-- The fallback knows sound and peers, too, dear enough to be noticed.
insert into prices (kind, name, input_pico, output_pico, audio_pico, unit_pico, effective_from) values
  ('model', '*', 5000000, 25000000, 100000000, 0, '2020-01-02'),
  ('peer', '*', 0, 0, 0, 10000000000, '2020-01-01');

-- What one use costs, in micro-units: rounded once, half up. Cached tokens are part of the input, reasoning part of the output.
create function use_micros(p prices, input bigint, output bigint, cached bigint, reasoning bigint, audio_ms bigint, images int) returns bigint
language sql immutable as $$
  select floor((greatest(input - cached, 0)::numeric * p.input_pico + cached::numeric * coalesce(p.cached_pico, p.input_pico)
    + greatest(output - reasoning, 0)::numeric * p.output_pico + reasoning::numeric * coalesce(p.reasoning_pico, p.output_pico)
    + audio_ms::numeric * p.audio_pico / 1000 + images::numeric * p.image_pico + p.unit_pico + 500000) / 1000000)::bigint
$$;

-- The price book's price of a peer: by its id, else by its name.
create function peer_price(organization uuid, ref text, called text, moment timestamptz) returns prices language plpgsql stable as $$
declare
  by_ref prices := price_of(organization, 'peer', ref, moment);
begin
  if by_ref.id is not null and by_ref.name <> '*' then return by_ref; end if;
  return price_of(organization, 'peer', called, moment);
end $$;

-- What a call of a peer is going to cost: {micros, assumed: nobody has said so, but the fallback, or not even that}. Takes {organizationId, id}.
create function price_peer_call(p jsonb) returns jsonb language plpgsql as $$
declare
  k peer_calls;
  rate prices;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  select * into k from peer_calls where id = (p->>'id')::uuid;
  if k.price_micros is not null then return jsonb_build_object('micros', k.price_micros, 'assumed', false); end if;
  rate := peer_price(k.organization_id, k.peer_ref, k.target->>'name', clock_timestamp());
  return jsonb_build_object('micros', coalesce(use_micros(rate, 0, 0, 0, 0, 0, 0), 0),
    'assumed', rate.id is null or (rate.name = '*' and rate.organization_id is null));
end $$;

-- Takes a list of calls, of any organizations; one that is there already is left as it is, so that a write whose outcome is not known
-- may be made again.
create or replace function record_direct_calls(calls jsonb) returns void language plpgsql as $$
begin
  perform set_config('parley.organizations', (select array_agg(distinct (call->>'organizationId')::uuid)::text from jsonb_array_elements(calls) call), true);
  perform 1 from responses where id = any (array(
    select (call->>'responseId')::uuid from jsonb_array_elements(calls) call where call->>'responseId' is not null)) order by id for share;
  insert into direct_calls (id, organization_id, principal_id, route, model, outcome, tries, input_tokens, output_tokens, cached_tokens,
    reasoning_tokens, model_calls, estimated, latency_ms, request_id, at, response_id, epoch, superseded,
    audio_ms, images)
  select (call->>'id')::uuid, (call->>'organizationId')::uuid, call->>'principalId', call->>'route', call->>'model', call->>'outcome',
    (call->>'tries')::int, (call->>'inputTokens')::bigint, (call->>'outputTokens')::bigint, (call->>'cachedTokens')::bigint,
    (call->>'reasoningTokens')::bigint, (call->>'modelCalls')::int, (call->>'estimated')::boolean, (call->>'latencyMs')::bigint,
    call->>'requestId', (call->>'at')::timestamptz, (call->>'responseId')::uuid, (call->>'epoch')::int,
    coalesce((select r.attempt_epoch > (call->>'epoch')::int from responses r where r.id = (call->>'responseId')::uuid), false),
    coalesce((call->>'audioMs')::bigint, 0), coalesce((call->>'images')::int, 0)
  from jsonb_array_elements(calls) call
  on conflict (id) do nothing;
end $$;

-- Usage is a fact about the past: accepted from any epoch, once per (turn, execution, attempt, step, try).
create or replace function record_usage(c_organization uuid, c_conversation uuid, c_month date, lines jsonb) returns void language sql as $$
  insert into usage_records as u (organization_id, conversation_id, month, turn_id, execution_id, attempt, step, try, model,
    input_tokens, output_tokens, cached_tokens, reasoning_tokens, estimated, images)
  select c_organization, c_conversation, c_month, (line->>'turnId')::uuid, (line->>'executionId')::uuid, (line->>'attempt')::int,
    (line->>'step')::int, (line->>'try')::int, line->>'model', (line->>'inputTokens')::bigint, (line->>'outputTokens')::bigint,
    (line->>'cachedTokens')::bigint, (line->>'reasoningTokens')::bigint, (line->>'estimated')::boolean,
    coalesce((line->>'images')::int, 0)
  from jsonb_array_elements(lines) line
  on conflict (turn_id, execution_id, attempt, step, try, month) do update set model = excluded.model, input_tokens = excluded.input_tokens,
    output_tokens = excluded.output_tokens, cached_tokens = excluded.cached_tokens, reasoning_tokens = excluded.reasoning_tokens,
    estimated = excluded.estimated, images = excluded.images, provisional = false
  where u.provisional and u.unposted
$$;

-- What the attempt before this one has noted and not written. Its lines that are there already stay as they are.
create or replace function record_lost_usage(c conversations, lost_attempt int) returns void language sql as $$
  insert into usage_records (organization_id, conversation_id, month, turn_id, execution_id, attempt, step, try, model,
    input_tokens, output_tokens, cached_tokens, reasoning_tokens, estimated, images, provisional)
  select c.organization_id, c.id, c.month, k.turn_id, (line->>'executionId')::uuid, lost_attempt, (line->>'step')::int, (line->>'try')::int,
    line->>'model', (line->>'inputTokens')::bigint, (line->>'outputTokens')::bigint, (line->>'cachedTokens')::bigint,
    (line->>'reasoningTokens')::bigint, (line->>'estimated')::boolean,
    coalesce((line->>'images')::int, 0), true
  from checkpoints k, jsonb_array_elements(k.usage) line
  where k.turn_id = c.turn_id and (line->>'attempt')::int = lost_attempt
  on conflict do nothing
$$;

-- Sets more aside, all of it or nothing. `firm` has to be there; of the slice behind it only a beginning, so that the last of the money can be used:
-- what is set aside goes beyond what there is by one slice at most. While others hold something, a new hold is begun only where they could double
-- theirs: better a turn that begins later than many that end in the middle. Takes {organizationId, id, kind, principalId, agentId, userId, model,
-- firmMicros, inputTokens, firmOutputTokens, audioMs, images, calls (firm), sliceTokens, spareMicros (held already and free), refuseUnpriced}. Returns
-- {outcome: granted, addedMicros, neededMicros, price} | {outcome: refused, mayWait: others hold something} | {outcome: unpriced}.
create or replace function grow_hold(p jsonb) returns jsonb language plpgsql as $$
declare
  organization uuid := (p->>'organizationId')::uuid;
  h holds;
  b ledger_balances;
  counter jsonb;
  slot budget_periods;
  allowed bigint;
  rate prices;
  prepaid boolean;
  own bigint;
  firm bigint := (p->>'firmMicros')::bigint;
  needed bigint;
  added bigint;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  needed := firm;
  if p->>'model' is not null then
    rate := price_of(organization, 'model', p->>'model', clock_timestamp());
    if (p->>'refuseUnpriced')::boolean and (rate.id is null or rate.name = '*') then return '{"outcome": "unpriced"}'; end if;
    if rate.id is not null then
      firm := firm + ceil(((p->>'inputTokens')::numeric * rate.input_pico
        + (p->>'firmOutputTokens')::numeric * greatest(rate.output_pico, coalesce(rate.reasoning_pico, 0))
        + coalesce((p->>'audioMs')::numeric, 0) * rate.audio_pico / 1000 + coalesce((p->>'images')::numeric, 0) * rate.image_pico
        + coalesce((p->>'calls')::numeric, 0) * rate.unit_pico) / 1000000);
      needed := firm + ceil((p->>'sliceTokens')::numeric * greatest(rate.output_pico, coalesce(rate.reasoning_pico, 0)) / 1000000);
    end if;
  end if;
  added := greatest(needed - (p->>'spareMicros')::bigint, 0);
  firm := greatest(firm - (p->>'spareMicros')::bigint, 0);

  -- Looked at without a lock first: many that wait for money ask again and again, and those who have it are not to wait for them.
  prepaid := exists (select from billing_accounts where organization_id = organization and mode = 'prepaid');
  own := coalesce((select amount_micros from holds where organization_id = organization and id = (p->>'id')::uuid), 0);
  if prepaid then
    select * into b from ledger_balances where organization_id = organization and account = 'customer';
    if not may_hold(coalesce(b.balance_micros, 0), coalesce(b.held_micros, 0), own, firm, added) then
      return jsonb_build_object('outcome', 'refused', 'mayWait', coalesce(b.held_micros, 0) > own);
    end if;
  end if;

  select * into h from holds where organization_id = organization and id = (p->>'id')::uuid for update;
  if not found then
    insert into holds (organization_id, id, kind, on_balance, counters)
    select organization, (p->>'id')::uuid, p->>'kind', prepaid,
      (select coalesce(jsonb_agg(jsonb_build_object('budgetId', u.id, 'startsOn', period_start(u.period, now())) order by u.id), '[]')
        from budgets u where u.organization_id = organization and u.hard and budget_covers(u, p->>'principalId', (p->>'agentId')::uuid, p->>'userId'))
    on conflict do nothing;
    select * into h from holds where organization_id = organization and id = (p->>'id')::uuid for update;
    insert into budget_periods (organization_id, budget_id, starts_on)
    select organization, (c->>'budgetId')::uuid, (c->>'startsOn')::date from jsonb_array_elements(h.counters) c
    where exists (select from budgets where id = (c->>'budgetId')::uuid) order by 2 on conflict do nothing;
  end if;

  -- Budgets in the order of their ids, the balance last: all who lock several lock them so.
  for counter in select * from jsonb_array_elements(h.counters) loop
    select limit_micros into allowed from budgets where id = (counter->>'budgetId')::uuid;
    continue when not found;
    select * into slot from budget_periods where budget_id = (counter->>'budgetId')::uuid and starts_on = (counter->>'startsOn')::date for update;
    if not may_hold(allowed - slot.spent_micros, slot.held_micros, h.amount_micros, firm, added) then
      return jsonb_build_object('outcome', 'refused', 'mayWait', slot.held_micros > h.amount_micros);
    end if;
  end loop;
  if h.on_balance then
    select * into b from ledger_balances where organization_id = organization and account = 'customer' for update;
    if not may_hold(coalesce(b.balance_micros, 0), coalesce(b.held_micros, 0), h.amount_micros, firm, added) then
      return jsonb_build_object('outcome', 'refused', 'mayWait', coalesce(b.held_micros, 0) > h.amount_micros);
    end if;
    update ledger_balances set held_micros = held_micros + added where organization_id = organization and account = 'customer';
  end if;
  update budget_periods n set held_micros = n.held_micros + added from jsonb_array_elements(h.counters) c
  where n.budget_id = (c->>'budgetId')::uuid and n.starts_on = (c->>'startsOn')::date;
  update holds set amount_micros = amount_micros + added, touched_at = clock_timestamp() where organization_id = organization and id = h.id;
  return jsonb_build_object('outcome', 'granted', 'addedMicros', added, 'neededMicros', needed, 'price', price_json(rate));
end $$;

-- Organizations with something to post or to let go of, for the sweep.
create or replace function find_unposted(rows_max int) returns jsonb language sql stable as $$
  select coalesce(jsonb_agg(organization_id), '[]') from (
    select organization_id from usage_records where unposted
    union select organization_id from direct_calls where unposted
    union select organization_id from peer_usage where unposted
    union select organization_id from holds
    limit rows_max) found
$$;

-- What a turn has used that is not charged yet, at today's prices: its hold has to cover that before anything else. Takes {organizationId, turnId}.
create or replace function read_pending(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  return (
    select jsonb_build_object('heldMicros', coalesce((select amount_micros from holds where organization_id = (p->>'organizationId')::uuid and id = (p->>'turnId')::uuid), 0),
      'usedMicros', (
        select coalesce(sum(use_micros(price_of(u.organization_id, 'model', u.model, u.created_at), u.input_tokens, u.output_tokens, u.cached_tokens,
          u.reasoning_tokens, 0, u.images)), 0)
        from usage_records u where u.turn_id = (p->>'turnId')::uuid and u.unposted) + (
        select coalesce(sum(coalesce(x.price_micros, use_micros(peer_price(x.organization_id, x.peer_ref, x.name, x.at), 0, 0, 0, 0, 0, 0))), 0)
        from peer_usage x where x.organization_id = (p->>'organizationId')::uuid and x.turn_id = (p->>'turnId')::uuid and x.unposted)));
end $$;

-- What was charged, in groups, dearest first: [{name, calls, tokens…, amountMicros, …}]. Takes {organizationId, agentIds, from, to, by: day | key |
-- agent | model | user | null, limit}. Null bounds are open; what the house bears is not among it.
create or replace function read_statement(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  return (
    with sums as (
      select case p->>'by' when 'day' then to_char(at at time zone 'utc', 'YYYY-MM-DD') when 'key' then principal_id when 'agent' then agent_id::text
          when 'model' then model when 'user' then user_id end as name,
        count(*) as calls, sum(input_tokens) as input, sum(output_tokens) as output, sum(cached_tokens) as cached, sum(reasoning_tokens) as reasoning,
        sum(amount_micros) as micros, count(*) filter (where estimated) as estimated, count(*) filter (where assumed) as assumed,
        count(*) filter (where price_id is null and not registered) as unpriced,
        sum(audio_ms) as audio, sum(images) as images
      from charges
      where organization_id = (p->>'organizationId')::uuid and payer = 'customer' and (jsonb_typeof(p->'agentIds') = 'null' or p->'agentIds' ? agent_id::text)
        and (p->>'from' is null or at >= (p->>'from')::timestamptz) and (p->>'to' is null or at < (p->>'to')::timestamptz)
      group by 1 order by micros desc, name limit (p->>'limit')::int
    )
    select coalesce(jsonb_agg(jsonb_build_object('name', name, 'calls', calls, 'inputTokens', input, 'outputTokens', output, 'cachedTokens', cached,
      'reasoningTokens', reasoning, 'audioMs', audio, 'images', images, 'amountMicros', micros, 'estimatedCalls', estimated, 'assumedCalls', assumed, 'unpricedCalls', unpriced)
      order by micros desc, name), '[]') from sums);
end $$;

-- Single charges, oldest first, from after a place: [{at, sourceType, sourceId, …}]. Takes {organizationId, agentIds, from, to, after: {at, sourceId} |
-- null, limit}.
create or replace function read_charges(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  return (
    with part as (
      select * from charges
      where organization_id = (p->>'organizationId')::uuid and (jsonb_typeof(p->'agentIds') = 'null' or p->'agentIds' ? agent_id::text)
        and (p->>'from' is null or at >= (p->>'from')::timestamptz) and (p->>'to' is null or at < (p->>'to')::timestamptz)
        and (p->'after' = 'null' or (at, source_id) > ((p->'after'->>'at')::timestamptz, p->'after'->>'sourceId'))
      order by at, source_id limit (p->>'limit')::int
    )
    select coalesce(jsonb_agg(jsonb_build_object('at', at, 'sourceType', source_type, 'sourceId', source_id, 'payer', payer, 'amountMicros', amount_micros,
      'priceId', price_id, 'assumed', assumed, 'principalId', principal_id, 'agentId', agent_id, 'userId', user_id, 'conversationId', conversation_id,
      'turnId', turn_id, 'model', model, 'inputTokens', input_tokens, 'outputTokens', output_tokens, 'cachedTokens', cached_tokens,
      'reasoningTokens', reasoning_tokens, 'estimated', estimated, 'audioMs', audio_ms, 'images', images, 'registered', registered) order by at, source_id), '[]') from part);
end $$;

drop function line_micros;
