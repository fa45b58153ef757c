-- From usage to the ledger, and what can be read of it.

-- Charges what was used and is not charged yet, of one organization: usage of turns that have ended or wait for people, and of direct calls,
-- where they are for a background response of one that has ended.
-- Each line is priced as of its moment and rounded once; the ledger gets one transaction for all of them. What an attempt used for a step that
-- a later one has made again is borne by the house. Holds go with the last line of what they were for. One at a time for each organization;
-- rows that somebody is writing are left for the next time. Takes {organizationId, rowsMax, callKeptMs}; returns {posted, released, more}.
-- Everything is looked up by its key: a plan that reads whole tables suits an empty database alone.
create function post_usage(p jsonb) returns jsonb language plpgsql
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
  moments := array(select distinct effective_from from prices where kind = 'model' and (organization_id is null or organization_id = organization) order by 1);

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
  ), used as (
    select 'turn' as source_type, concat_ws('/', u.turn_id, u.execution_id, u.attempt, u.step, u.try) as source_id,
      case when exists (select from usage_records later where later.turn_id = u.turn_id and later.execution_id = u.execution_id and later.step = u.step
        and later.attempt > u.attempt and later.month = u.month) then 'house' else 'customer' end as payer,
      coalesce(case when m.principal_id not like 'execution:%' then m.principal_id end, principal_of(u.conversation_id, coalesce(t.number, 2147483647))) as principal_id,
      coalesce(x.agent_id, c.agent_id) as agent_id, user_of(coalesce(t.end_user, c.end_user)) as user_id, u.conversation_id, t.id as turn_id,
      u.model, u.input_tokens, u.output_tokens, u.cached_tokens, u.reasoning_tokens, u.estimated, u.created_at as at
    from of_turns u left join turns t on t.id = u.turn_id left join messages m on m.id = t.message_id
      left join conversations c on c.id = u.conversation_id left join executions x on x.id = u.execution_id
    union all
    select 'direct', d.id::text, case when d.superseded then 'house' else 'customer' end, d.principal_id, null, null, null, null,
      d.model, d.input_tokens, d.output_tokens, d.cached_tokens, d.reasoning_tokens, d.estimated, d.at
    from of_calls d where d.model_calls > 0
  ), rates as materialized (
    select model, version, price_of(organization, 'model', model, coalesce(moments[version], '-infinity')) as price
    from (select distinct model, width_bucket(at, moments) as version from used) v
  ), priced as (
    select u.*, (r.price).id as price_id, (r.price).name is not distinct from '*' and (r.price).organization_id is null as assumed,
      coalesce(line_micros(r.price, u.input_tokens, u.output_tokens, u.cached_tokens, u.reasoning_tokens), 0) as micros
    from used u join rates r on r.model = u.model and r.version = width_bucket(u.at, moments)
  )
  select array_agg(row(organization, source_type, source_id, case when micros > 0 then batch end, payer, micros, price_id, assumed, principal_id,
    agent_id, user_id, conversation_id, turn_id, model, input_tokens, output_tokens, cached_tokens, reasoning_tokens, estimated, at)::charges)
  into lines from priced;

  -- A turn that waits for people holds no money either.
  ended := array(
    select h.id from holds h left join turns t on h.kind = 'turn' and t.id = h.id
    where h.organization_id = organization and case h.kind
      when 'turn' then (t.id is null or t.status not in ('pending', 'running'))
        and not exists (select from usage_records u where u.turn_id = h.id and u.unposted)
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

-- A budget has come near its limit, or reached it: those who administrate are told, and endpoints that want it.
create function tell_budget(organization uuid, facts jsonb) returns void language sql as $$
  select tell_activity(organization, 'diagnostic:billing_snapshot', null, null, facts);
  insert into webhook_deliveries (organization_id, endpoint_id, type, payload)
  select organization, e.id, 'budget.alert', jsonb_build_object('type', 'budget.alert', 'timestamp', iso(clock_timestamp()), 'data',
    jsonb_build_object('organizationId', organization) || facts)
  from webhook_endpoints e where e.organization_id = organization and e.disabled_at is null and e.agent_ids is null and 'budget.alert' = any (e.events)
$$;

-- Organizations with something to post or to let go of, for the sweep.
create function find_unposted(rows_max int) returns jsonb language sql stable as $$
  select coalesce(jsonb_agg(organization_id), '[]') from (
    select organization_id from usage_records where unposted
    union select organization_id from direct_calls where unposted
    union select organization_id from holds
    limit rows_max) found
$$;

-- What a turn has used that is not charged yet, at today's prices: its hold has to cover that before anything else. Takes {organizationId, turnId}.
create function read_pending(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  return (
    select jsonb_build_object('heldMicros', coalesce((select amount_micros from holds where organization_id = (p->>'organizationId')::uuid and id = (p->>'turnId')::uuid), 0),
      'usedMicros', coalesce(sum(line_micros(price_of(u.organization_id, 'model', u.model, u.created_at), u.input_tokens, u.output_tokens, u.cached_tokens, u.reasoning_tokens)), 0))
    from usage_records u where u.turn_id = (p->>'turnId')::uuid and u.unposted);
end $$;

-- Statements -------------------------------------------------------------------------------------------------------------

-- What was charged, in groups, dearest first: [{name, calls, tokens…, amountMicros, …}]. Takes {organizationId, agentIds, from, to, by: day | key |
-- agent | model | user | null, limit}. Null bounds are open; what the house bears is not among it.
create function read_statement(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  return (
    with sums as (
      select case p->>'by' when 'day' then to_char(at at time zone 'utc', 'YYYY-MM-DD') when 'key' then principal_id when 'agent' then agent_id::text
          when 'model' then model when 'user' then user_id end as name,
        count(*) as calls, sum(input_tokens) as input, sum(output_tokens) as output, sum(cached_tokens) as cached, sum(reasoning_tokens) as reasoning,
        sum(amount_micros) as micros, count(*) filter (where estimated) as estimated, count(*) filter (where assumed) as assumed,
        count(*) filter (where price_id is null) as unpriced
      from charges
      where organization_id = (p->>'organizationId')::uuid and payer = 'customer' and (jsonb_typeof(p->'agentIds') = 'null' or p->'agentIds' ? agent_id::text)
        and (p->>'from' is null or at >= (p->>'from')::timestamptz) and (p->>'to' is null or at < (p->>'to')::timestamptz)
      group by 1 order by micros desc, name limit (p->>'limit')::int
    )
    select coalesce(jsonb_agg(jsonb_build_object('name', name, 'calls', calls, 'inputTokens', input, 'outputTokens', output, 'cachedTokens', cached,
      'reasoningTokens', reasoning, 'amountMicros', micros, 'estimatedCalls', estimated, 'assumedCalls', assumed, 'unpricedCalls', unpriced)
      order by micros desc, name), '[]') from sums);
end $$;

-- Single charges, oldest first, from after a place: [{at, sourceType, sourceId, …}]. Takes {organizationId, agentIds, from, to, after: {at, sourceId} |
-- null, limit}.
create function read_charges(p jsonb) returns jsonb language plpgsql as $$
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
      'reasoningTokens', reasoning_tokens, 'estimated', estimated) order by at, source_id), '[]') from part);
end $$;

-- Newest first: {items, total}. Takes {organizationId, account, offset, limit}.
create function list_entries(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  return jsonb_build_object(
    'total', (select count(*) from ledger_entries where organization_id = (p->>'organizationId')::uuid and (p->>'account' is null or account = p->>'account')),
    'items', (select coalesce(jsonb_agg(jsonb_build_object('id', e.id, 'transactionId', e.transaction_id, 'account', e.account, 'amountMicros', e.amount_micros,
        'sourceType', e.source_type, 'sourceId', e.source_id, 'note', e.note, 'at', iso(e.at)) order by e.id desc), '[]') from (
      select * from ledger_entries where organization_id = (p->>'organizationId')::uuid and (p->>'account' is null or account = p->>'account')
      order by id desc limit (p->>'limit')::int offset (p->>'offset')::int) e));
end $$;

-- Whether an organization's books are in order, all of it as of one moment: {ok, sumMicros, heldMicros, entries, problems: [text]}. Takes {organizationId}.
create function check_ledger(p jsonb) returns jsonb language plpgsql as $$
declare
  organization uuid := (p->>'organizationId')::uuid;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  return (
    with sums as (
      select account, sum(amount_micros) as micros from ledger_entries where organization_id = organization group by account
    ), problems as (
      select 'The entries add up to ' || sum(micros) || '.' as text from sums having sum(micros) <> 0
      union all
      select 'Account ' || account || ' is kept as ' || coalesce(b.balance_micros, 0) || ', but its entries add up to ' || coalesce(s.micros, 0) || '.'
      from sums s full join (select * from ledger_balances where organization_id = organization) b using (account)
      where coalesce(b.balance_micros, 0) <> coalesce(s.micros, 0)
      union all
      select 'Held is kept as ' || b.held_micros || ', but the holds add up to ' || h.micros || '.' from (
        select coalesce(sum(amount_micros) filter (where on_balance), 0) as micros from holds where organization_id = organization) h,
        (select coalesce(max(held_micros), 0) as held_micros from ledger_balances where organization_id = organization and account = 'customer') b
      where b.held_micros <> h.micros
      union all
      select 'Of budget ' || n.budget_id || ' ' || n.held_micros || ' is held, but its holds add up to ' || coalesce(h.micros, 0) || '.'
      from budget_periods n left join (
        select (c->>'budgetId')::uuid as budget_id, (c->>'startsOn')::date as starts_on, sum(h.amount_micros) as micros
        from holds h, jsonb_array_elements(h.counters) c where h.organization_id = organization group by 1, 2) h using (budget_id, starts_on)
      where n.organization_id = organization and n.held_micros <> coalesce(h.micros, 0)
      union all
      select 'Transaction ' || e.transaction_id || ' has ' || e.amount_micros || ' for charges of ' || coalesce(s.micros, 0) || '.'
      from ledger_entries e left join (
        select transaction_id, sum(amount_micros) as micros from charges where organization_id = organization group by 1) s using (transaction_id)
      where e.organization_id = organization and e.source_type = 'usage' and e.account = 'revenue' and e.amount_micros <> coalesce(s.micros, 0)
    )
    select jsonb_build_object('ok', not exists (select from problems), 'sumMicros', (select coalesce(sum(micros), 0) from sums),
      'heldMicros', (select coalesce(sum(amount_micros), 0) from holds where organization_id = organization),
      'entries', (select count(*) from ledger_entries where organization_id = organization),
      'problems', (select coalesce(jsonb_agg(text), '[]') from (select text from problems limit 100) listed)));
end $$;
revoke all on function find_unposted from public;
grant execute on function find_unposted to parley_sweep;
