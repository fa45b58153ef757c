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

-- Charges what was used and is not charged yet, of one organization: usage of turns that have ended or wait for people, calls of peers made in them, and
-- direct calls, where they are for a background response of one that has ended.
-- Each line is priced as of its moment and rounded once; the ledger gets one transaction for all of them. What an attempt used for a step that
-- a later one has made again is borne by the house. Holds go with the last line of what they were for. One at a time for each organization;
-- rows that somebody is writing are left for the next time. Takes {organizationId, rowsMax, callKeptMs}; returns {posted, released, more}.
-- Everything is looked up by its key: a plan that reads whole tables suits an empty database alone.
create or replace function post_usage(p jsonb) returns jsonb language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
  organization uuid := (p->>'organizationId')::uuid;
  batch uuid := uuidv7();
  moments timestamptz[];
  lines charges[];
  ended uuid[];
  alert record;
  released int := 0;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  if not pg_try_advisory_xact_lock(4766, hashtext(organization::text)) then return '{"posted": 0, "released": 0, "more": false}'; end if;
  moments := array(select distinct effective_from from prices where (organization_id is null or organization_id = organization) order by 1);

  with due as (
    select u.turn_id, u.execution_id, u.attempt, u.step, u.try, u.month from usage_records u left join turns t on t.id = u.turn_id
    where u.organization_id = organization and u.unposted and (t.id is null or t.status not in ('pending', 'running'))
    limit (p->>'rowsMax')::int for update of u skip locked
  ), of_turns as (
    update usage_records u set unposted = false from due d where u.turn_id = d.turn_id and u.execution_id = d.execution_id and u.attempt = d.attempt
      and u.step = d.step and u.try = d.try and u.month = d.month
    returning u.*
  ), of_calls as (
    update direct_calls set unposted = false where id in (
      select d.id from direct_calls d where d.organization_id = organization and d.unposted and (d.response_id is null
        or not exists (select from responses r where r.id = d.response_id and r.status in ('queued', 'in_progress')))
      limit (p->>'rowsMax')::int for update of d skip locked)
    returning *
  ), of_peers as (
    update peer_usage set unposted = false where execution_id in (
      select x.execution_id from peer_usage x left join turns t on t.id = x.turn_id
      where x.organization_id = organization and x.unposted and (t.id is null or t.status not in ('pending', 'running'))
      limit (p->>'rowsMax')::int for update of x skip locked)
    returning *
  ), used as (
    select 'model' as kind, u.model as called, u.images, 0::bigint as audio_ms, null::text as ref, null::bigint as fixed, 'turn' as source_type, concat_ws('/', u.turn_id, u.execution_id, u.attempt, u.step, u.try) as source_id,
      case when exists (select from usage_records later where later.turn_id = u.turn_id and later.execution_id = u.execution_id and later.step = u.step
        and later.attempt > u.attempt and later.month = u.month) then 'house' else 'customer' end as payer,
      coalesce(case when m.principal_id not like 'execution:%' then m.principal_id end, principal_of(u.conversation_id, coalesce(t.number, 2147483647))) as principal_id,
      coalesce(x.agent_id, c.agent_id) as agent_id, user_of(coalesce(t.end_user, c.end_user)) as user_id, u.conversation_id, t.id as turn_id,
      u.model, u.input_tokens, u.output_tokens, u.cached_tokens, u.reasoning_tokens, u.estimated, u.created_at as at
    from of_turns u left join turns t on t.id = u.turn_id left join messages m on m.id = t.message_id
      left join conversations c on c.id = u.conversation_id left join executions x on x.id = u.execution_id
    union all
    select 'model', d.model, d.images, d.audio_ms, null, null, 'direct', d.id::text, case when d.superseded then 'house' else 'customer' end, d.principal_id, null, null, null, null,
      d.model, d.input_tokens, d.output_tokens, d.cached_tokens, d.reasoning_tokens, d.estimated, d.at
    from of_calls d where d.model_calls > 0
    union all
    -- What no peer has taken up has cost nothing.
    select 'peer', x.name, 0, 0, x.peer_ref, x.price_micros, 'peer', x.execution_id::text, 'customer',
      coalesce(case when m.principal_id not like 'execution:%' then m.principal_id end, principal_of(x.conversation_id, coalesce(t.number, 2147483647))),
      coalesce(e.agent_id, c.agent_id), user_of(coalesce(t.end_user, c.end_user)), x.conversation_id, t.id,
      'peer/' || x.name, 0, 0, 0, 0, false, x.at
    from of_peers x left join turns t on t.id = x.turn_id left join messages m on m.id = t.message_id
      left join conversations c on c.id = x.conversation_id left join executions e on e.id = x.execution_id left join peer_calls k on k.id = x.execution_id
    where k.id is null or k.task_id is not null or k.peer_state is distinct from 'failed'
    union all
    -- Runs that have completed: of the turn's own agent, and of those below it. Asked for only where any agent has a price.
    select 'agent', r.agent_id::text, 0, 0, null, null, 'agent', concat_ws('/', r.turn_id, r.execution_id), 'customer',
      coalesce(case when m.principal_id not like 'execution:%' then m.principal_id end, principal_of(t.conversation_id, t.number)),
      r.agent_id, user_of(coalesce(t.end_user, c.end_user)), t.conversation_id, t.id, 'agent/' || r.agent_id, 0, 0, 0, 0, false, t.finished_at
    from (
      select u.turn_id, u.execution_id, coalesce(e.agent_id, c.agent_id) as agent_id
      from of_turns u join turns t on t.id = u.turn_id join conversations c on c.id = u.conversation_id left join executions e on e.id = u.execution_id
      where case when u.execution_id = u.conversation_id then t.status = 'completed' else e.status = 'completed' end
      group by 1, 2, 3) r
      join turns t on t.id = r.turn_id left join messages m on m.id = t.message_id join conversations c on c.id = t.conversation_id
    where exists (select from prices a where a.kind = 'agent' and (a.organization_id is null or a.organization_id = organization))
      and not exists (select from charges k where k.organization_id = organization and k.source_type = 'agent'
        and k.source_id = concat_ws('/', r.turn_id, r.execution_id))
  ), rates as materialized (
    select kind, called, ref, version, case kind when 'peer' then peer_price(organization, ref, called, coalesce(moments[version], '-infinity'))
      else price_of(organization, kind, called, coalesce(moments[version], '-infinity')) end as price
    from (select distinct kind, called, ref, width_bucket(at, moments) as version from used) v
  ), priced as (
    select u.*, case when u.fixed is null then (r.price).id end as price_id,
      u.fixed is null and (r.price).name is not distinct from '*' and (r.price).organization_id is null as assumed,
      coalesce(u.fixed, use_micros(r.price, u.input_tokens, u.output_tokens, u.cached_tokens, u.reasoning_tokens, u.audio_ms, u.images), 0) as micros
    from used u join rates r on r.kind = u.kind and r.called = u.called and r.ref is not distinct from u.ref and r.version = width_bucket(u.at, moments)
    -- An agent without a price of its own costs what its models do.
    where u.kind <> 'agent' or (r.price).id is not null
  )
  select array_agg(row(organization, source_type, source_id, case when micros > 0 then batch end, payer, micros, price_id, assumed, principal_id,
    agent_id, user_id, conversation_id, turn_id, model, input_tokens, output_tokens, cached_tokens, reasoning_tokens, estimated, at, audio_ms, images, fixed is not null)::charges)
  into lines from priced;

  -- A turn that waits for people holds no money either.
  ended := array(
    select h.id from holds h left join turns t on h.kind = 'turn' and t.id = h.id
    where h.organization_id = organization and case h.kind
      when 'turn' then (t.id is null or t.status not in ('pending', 'running'))
        and not exists (select from usage_records u where u.turn_id = h.id and u.unposted)
        and not exists (select from peer_usage x where x.turn_id = h.id and x.organization_id = organization and x.unposted)
      when 'call' then h.id::text in (select source_id from unnest(lines) where source_type = 'direct')
        or exists (select from direct_calls d where d.id = h.id and not d.unposted)
        or h.touched_at < clock_timestamp() - (p->>'callKeptMs')::float8 * interval '1 millisecond'
      else false end
    order by h.id for update of h skip locked);

  if exists (select from budgets where organization_id = organization) then
    insert into budget_periods (organization_id, budget_id, starts_on)
    select distinct organization, b.id, period_start(b.period, l.at) from unnest(lines) l join budgets b on b.organization_id = organization
      and budget_covers(b, l.principal_id, l.agent_id, l.user_id) where l.payer = 'customer' order by 2, 3 on conflict do nothing;
    -- All of them at once and in their order, those of the holds as well.
    perform from budget_periods n where n.organization_id = organization and ((n.budget_id, n.starts_on) in (
        select b.id, period_start(b.period, l.at) from unnest(lines) l, budgets b where b.organization_id = organization)
      or (n.budget_id, n.starts_on) in (select (c->>'budgetId')::uuid, (c->>'startsOn')::date from holds h, jsonb_array_elements(h.counters) c
        where h.organization_id = organization and h.id = any (ended)))
    order by n.budget_id, n.starts_on for update;
    update budget_periods n set spent_micros = n.spent_micros + s.micros from (
      select b.id, period_start(b.period, l.at) as starts_on, sum(l.amount_micros) as micros from unnest(lines) l join budgets b
        on b.organization_id = organization and budget_covers(b, l.principal_id, l.agent_id, l.user_id) where l.payer = 'customer' group by 1, 2) s
    where n.budget_id = s.id and n.starts_on = s.starts_on;
    for alert in select b.*, n.starts_on, n.spent_micros, n.spent_micros >= b.limit_micros as is_reached from budgets b join budget_periods n on n.budget_id = b.id
      where b.organization_id = organization and n.starts_on = period_start(b.period, now())
        and (n.alerted_at is null and n.spent_micros >= b.limit_micros * b.alert_percent / 100.0 or n.reached_at is null and n.spent_micros >= b.limit_micros)
    loop
      update budget_periods set alerted_at = coalesce(alerted_at, clock_timestamp()),
        reached_at = case when alert.is_reached then clock_timestamp() end where budget_id = alert.id and starts_on = alert.starts_on;
      perform tell_budget(organization, jsonb_build_object('budgetId', alert.id, 'scope', alert.scope, 'subject', alert.subject, 'period', alert.period,
        'startsOn', alert.starts_on, 'limitMicros', alert.limit_micros, 'spentMicros', alert.spent_micros, 'isReached', alert.is_reached, 'hard', alert.hard));
    end loop;
  end if;

  insert into charges select (l).* from (select unnest(lines) as l) made;
  insert into ledger_entries (organization_id, transaction_id, account, amount_micros, source_type, source_id)
  select organization, batch, s.account, s.micros, 'usage', batch::text from (
    select l.payer as account, -sum(l.amount_micros) as micros from unnest(lines) l group by l.payer
    union all select 'revenue', sum(l.amount_micros) from unnest(lines) l) s
  where s.micros <> 0;
  if cardinality(ended) > 0 then released := drop_holds(organization, ended); end if;
  return jsonb_build_object('posted', coalesce(cardinality(lines), 0), 'released', released, 'more', coalesce(cardinality(lines), 0) >= (p->>'rowsMax')::int);
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
