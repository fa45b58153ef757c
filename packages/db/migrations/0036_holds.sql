-- Who has to have money before anything is used, what is set aside for it, and budgets.

-- No row: `postpaid`, without a hard budget. Whoever has neither pays with not a single statement more per turn.
create table billing_accounts (
  organization_id uuid primary key,
  mode text not null default 'postpaid' check (mode in ('postpaid', 'prepaid')),
  hard_budgets int not null default 0,
  changed_at timestamptz not null default now()
);

create table budgets (
  id uuid primary key,
  organization_id uuid not null,
  scope text not null check (scope in ('organization', 'key', 'agent', 'user')),
  -- Of the organization's own budget empty.
  subject text not null,
  period text not null check (period in ('day', 'month', 'total')),
  limit_micros bigint not null check (limit_micros >= 0),
  -- Told when so much of it is spent.
  alert_percent int not null check (alert_percent between 1 and 100),
  -- Stops what would go beyond it.
  hard boolean not null,
  created_at timestamptz not null default now()
);
create unique index budgets_once on budgets (organization_id, scope, subject, period);

-- What was spent and is held of a budget in one of its periods (UTC), which begins on that day.
create table budget_periods (
  organization_id uuid not null,
  budget_id uuid not null references budgets on delete cascade,
  starts_on date not null,
  spent_micros bigint not null default 0,
  held_micros bigint not null default 0 check (held_micros >= 0),
  alerted_at timestamptz,
  reached_at timestamptz,
  primary key (budget_id, starts_on)
) with (fillfactor = 50);

-- Money set aside for what is under way, until what it has used is posted.
create table holds (
  organization_id uuid not null,
  -- The turn's id, or that of the record that the call will leave.
  id uuid not null,
  kind text not null check (kind in ('turn', 'call', 'purchase')),
  amount_micros bigint not null default 0 check (amount_micros >= 0),
  on_balance boolean not null,
  -- The budgets that it counts against, and their periods: [{budgetId, startsOn}].
  counters jsonb not null default '[]',
  created_at timestamptz not null default now(),
  -- The last sign of life of what it is for.
  touched_at timestamptz not null default clock_timestamp(),
  primary key (organization_id, id)
) with (fillfactor = 50);

-- What one usage line was charged, and to whom: `house` bears what an attempt used that another has superseded. Append-only.
create table charges (
  organization_id uuid not null,
  source_type text not null check (source_type in ('turn', 'direct')),
  source_id text not null,
  -- The ledger's transaction that it is part of; null where it costs nothing.
  transaction_id uuid,
  payer text not null check (payer in ('customer', 'house')),
  amount_micros bigint not null check (amount_micros >= 0),
  -- Null: it had none, and nothing was charged for that reason.
  price_id uuid,
  -- By the fallback, because its model has no price of its own.
  assumed boolean not null,
  principal_id text,
  agent_id uuid,
  user_id text,
  conversation_id uuid,
  turn_id uuid,
  model text not null,
  input_tokens bigint not null,
  output_tokens bigint not null,
  cached_tokens bigint not null,
  reasoning_tokens bigint not null,
  estimated boolean not null,
  -- When it was used.
  at timestamptz not null,
  primary key (organization_id, source_type, source_id)
);
create index charges_by_time on charges (organization_id, at, source_id);
create index charges_of_transaction on charges (transaction_id);

-- Usage is its own outbox. What was there before prices were is not charged afterwards.
alter table usage_records add column unposted boolean not null default false;
alter table usage_records alter column unposted set default true;
create index usage_records_unposted on usage_records (organization_id) where unposted;
alter table direct_calls add column unposted boolean not null default false;
alter table direct_calls alter column unposted set default true;
create index direct_calls_unposted on direct_calls (organization_id) where unposted;

do $$
declare
  name text;
begin
  foreach name in array array['billing_accounts', 'budgets', 'budget_periods', 'holds', 'charges'] loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format(
      'create policy tenant on %I to parley_app using (organization_id = any (nullif(current_setting(''parley.organizations'', true), '''')::uuid[]))'
      ' with check (organization_id = any (nullif(current_setting(''parley.organizations'', true), '''')::uuid[]))', name);
    execute format('grant select, insert on %I to parley_app', name);
  end loop;
  foreach name in array array['billing_accounts', 'budgets', 'budget_periods', 'holds'] loop
    execute format('grant update, delete on %I to parley_app', name);
  end loop;
end $$;
grant update (unposted) on direct_calls to parley_app;
create policy sweep on usage_records for select to parley_sweep using (true);
grant select (organization_id, unposted) on usage_records to parley_sweep;
grant select (organization_id, unposted) on direct_calls to parley_sweep;
create policy sweep on holds for select to parley_sweep using (true);
grant select (organization_id, touched_at) on holds to parley_sweep;
-- Deletes what is past its time; an update of its own it never makes.
create or replace function forget_direct_calls(older_than interval, rows_max int) returns int language plpgsql as $$
declare
  gone int;
begin
  perform set_config('lock_timeout', '500ms', true);
  delete from direct_calls where id = any (array(
    select id from direct_calls where created_at < now() - older_than and not unposted order by created_at limit rows_max));
  get diagnostics gone = row_count;
  return gone;
end $$;

-- Accounts ---------------------------------------------------------------------------------------------------------------

-- Takes {organizationId, mode}.
create function set_billing_mode(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  if not exists (select from organizations where id = (p->>'organizationId')::uuid) then perform refuse('not_found'); end if;
  insert into billing_accounts (organization_id, mode) values ((p->>'organizationId')::uuid, p->>'mode')
  on conflict (organization_id) do update set mode = excluded.mode, changed_at = now();
  return read_account(p);
end $$;

-- What an organization has, owes and has set aside. Takes {organizationId}.
create function read_account(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  return (
    select jsonb_build_object('organizationId', p->>'organizationId',
      'mode', coalesce((select mode from billing_accounts where organization_id = (p->>'organizationId')::uuid), 'postpaid'),
      'balanceMicros', coalesce(max(balance_micros) filter (where account = 'customer'), 0),
      'heldMicros', coalesce(max(held_micros) filter (where account = 'customer'), 0),
      'accounts', coalesce(jsonb_object_agg(account, balance_micros), '{}'))
    from ledger_balances where organization_id = (p->>'organizationId')::uuid);
end $$;

-- Gives money to an organization, from the operator's own (`credits`) or from what came in (`clearing`). Once for each source. Takes
-- {organizationId, from, amountMicros, sourceType, sourceId, note}; returns {done, account}.
create function credit_account(p jsonb) returns jsonb language plpgsql as $$
declare
  done boolean;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  if not exists (select from organizations where id = (p->>'organizationId')::uuid) then perform refuse('not_found'); end if;
  done := transfer((p->>'organizationId')::uuid, p->>'sourceType', p->>'sourceId', p->>'from', 'customer', (p->>'amountMicros')::bigint, p->>'note');
  return jsonb_build_object('done', done, 'account', read_account(p));
end $$;

-- Charges for something that needed no hold. Once for each source; where the organization has to have the money and has not, it is refused and
-- nothing is written. Takes {organizationId, amountMicros, sourceType, sourceId, note}; returns {done, account}.
create function debit_account(p jsonb) returns jsonb language plpgsql as $$
declare
  organization uuid := (p->>'organizationId')::uuid;
  left_micros bigint;
  done boolean;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  done := transfer(organization, p->>'sourceType', p->>'sourceId', 'customer', 'revenue', (p->>'amountMicros')::bigint, p->>'note');
  -- The ledger has taken it off already, under the balance's lock; where that was too much, all of it is undone.
  if done and exists (select from billing_accounts where organization_id = organization and mode = 'prepaid') then
    select balance_micros - held_micros into left_micros from ledger_balances where organization_id = organization and account = 'customer';
    if left_micros < 0 then perform refuse('budget_exhausted'); end if;
  end if;
  return jsonb_build_object('done', done, 'account', read_account(p));
end $$;

-- Budgets ----------------------------------------------------------------------------------------------------------------

create function period_start(period text, moment timestamptz) returns date language sql immutable as $$
  select case period when 'total' then date '2000-01-01' else date_trunc(period, moment at time zone 'utc')::date end
$$;

create function budget_json(b budgets) returns jsonb language sql stable as $$
  select jsonb_build_object('id', b.id, 'scope', b.scope, 'subject', b.subject, 'period', b.period, 'limitMicros', b.limit_micros,
    'alertPercent', b.alert_percent, 'hard', b.hard, 'createdAt', iso(b.created_at), 'startsOn', start, 'spentMicros', coalesce(now.spent_micros, 0),
    'heldMicros', coalesce(now.held_micros, 0), 'alertedAt', iso(now.alerted_at), 'reachedAt', iso(now.reached_at))
  from (select period_start(b.period, now()) as start) s left join budget_periods now on now.budget_id = b.id and now.starts_on = s.start
$$;

create function count_hard_budgets(organization uuid) returns void language sql as $$
  insert into billing_accounts (organization_id, hard_budgets) select organization, count(*) from budgets where organization_id = organization and hard
  on conflict (organization_id) do update set hard_budgets = excluded.hard_budgets, changed_at = now()
$$;

-- One per scope, subject and period: another with the same changes that one. Takes {organizationId, id, scope, subject, period, limitMicros,
-- alertPercent, hard, max}.
create function set_budget(p jsonb) returns jsonb language plpgsql as $$
declare
  organization uuid := (p->>'organizationId')::uuid;
  b budgets;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  if (select count(*) from budgets where organization_id = organization) >= (p->>'max')::int and not exists (select from budgets
    where organization_id = organization and scope = p->>'scope' and subject = p->>'subject' and period = p->>'period') then perform refuse('limit_reached'); end if;
  insert into budgets (id, organization_id, scope, subject, period, limit_micros, alert_percent, hard)
  values ((p->>'id')::uuid, organization, p->>'scope', p->>'subject', p->>'period', (p->>'limitMicros')::bigint, (p->>'alertPercent')::int, (p->>'hard')::boolean)
  on conflict (organization_id, scope, subject, period) do update
    set limit_micros = excluded.limit_micros, alert_percent = excluded.alert_percent, hard = excluded.hard
  returning * into b;
  -- One that is changed tells anew what is true of it from now on.
  update budget_periods set alerted_at = null, reached_at = null where budget_id = b.id;
  perform count_hard_budgets(organization);
  return budget_json(b);
end $$;

create function delete_budget(p jsonb) returns boolean language plpgsql as $$
declare
  gone boolean;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  delete from budgets where id = (p->>'id')::uuid;
  gone := found;
  if gone then perform count_hard_budgets((p->>'organizationId')::uuid); end if;
  return gone;
end $$;

-- Oldest first: {items, total}. Takes {organizationId, offset, limit}.
create function list_budgets(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  return jsonb_build_object('total', (select count(*) from budgets where organization_id = (p->>'organizationId')::uuid),
    'items', (select coalesce(jsonb_agg(budget_json(b) order by b.created_at, b.id), '[]') from (
      select * from budgets where organization_id = (p->>'organizationId')::uuid order by created_at, id
      limit (p->>'limit')::int offset (p->>'offset')::int) b));
end $$;

create function budget_covers(b budgets, principal text, agent uuid, end_user text) returns boolean language sql immutable as $$
  select case b.scope when 'organization' then true when 'key' then b.subject = principal when 'agent' then b.subject = agent::text
    else b.subject = end_user end
$$;

-- Holds ------------------------------------------------------------------------------------------------------------------

-- Whose caller a turn's use counts as: that of its own message or, where a background task began it, of the newest caller's before it.
create function principal_of(conversation uuid, number int) returns text language sql stable as $$
  select m.principal_id from conversations c join turns t on t.conversation_id = coalesce(c.root_conversation_id, c.id)
    join messages m on m.id = t.message_id
  where c.id = conversation and t.number <= coalesce(c.root_turn_number, principal_of.number) and m.principal_id not like 'execution:%'
  order by t.number desc limit 1
$$;

create function user_of(end_user jsonb) returns text language sql immutable as $$
  select coalesce(end_user->>'id', end_user->>'email')
$$;

-- Whether a conversation's turn has to have money first, and as whom: {principalId, userId}, mostly null. One look at one row where not.
create function spending_of(organization uuid, conversation uuid) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  if not exists (select from billing_accounts where organization_id = organization and (mode = 'prepaid' or hard_budgets > 0)) then return null; end if;
  return (select jsonb_build_object('principalId', principal_of(c.id, c.turn_number), 'userId', user_of(c.end_user)) from conversations c where c.id = conversation);
end $$;

-- The same of a whole organization: whether its calls need a hold.
create function needs_holds(organization uuid) returns boolean language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  return exists (select from billing_accounts where organization_id = organization and (mode = 'prepaid' or hard_budgets > 0));
end $$;

-- Whether so much more may be held, of which `firm` has to be there, by one who holds `own` of all that is held.
create function may_hold(there bigint, held bigint, own bigint, firm bigint, added bigint) returns boolean language sql immutable as $$
  select added = 0 or there - held > 0 and there - held >= firm and (own > 0 or held = 0 or there - held - added >= held)
$$;

-- Sets more aside, all of it or nothing. `firm` has to be there; of the slice behind it only a beginning, so that the last of the money can be used:
-- what is set aside goes beyond what there is by one slice at most. While others hold something, a new hold is begun only where they could double
-- theirs: better a turn that begins later than many that end in the middle. Takes {organizationId, id, kind, principalId, agentId, userId, model,
-- firmMicros, inputTokens, firmOutputTokens (firm), sliceTokens, spareMicros (held already and free), refuseUnpriced}. Returns {outcome: granted,
-- addedMicros, neededMicros, price} | {outcome: refused, mayWait: others hold something} | {outcome: unpriced}.
create function grow_hold(p jsonb) returns jsonb language plpgsql as $$
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
        + (p->>'firmOutputTokens')::numeric * greatest(rate.output_pico, coalesce(rate.reasoning_pico, 0))) / 1000000);
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

-- Lets go of holds; those that somebody is at are left for the next time. Takes rows that are to be locked here.
create function drop_holds(organization uuid, ids uuid[]) returns int language plpgsql as $$
declare
  gone holds[];
begin
  select array_agg(l) into gone from (
    select h.* from holds h where h.organization_id = organization and h.id = any (ids) order by h.id for update skip locked) l;
  if gone is null then return 0; end if;
  perform from budget_periods n where (n.budget_id, n.starts_on) in (
    select (c->>'budgetId')::uuid, (c->>'startsOn')::date from unnest(gone) g, jsonb_array_elements(g.counters) c) order by n.budget_id, n.starts_on for update;
  update budget_periods n set held_micros = n.held_micros - s.micros from (
    select (c->>'budgetId')::uuid as budget_id, (c->>'startsOn')::date as starts_on, sum(g.amount_micros) as micros
    from unnest(gone) g, jsonb_array_elements(g.counters) c group by 1, 2) s
  where n.budget_id = s.budget_id and n.starts_on = s.starts_on;
  update ledger_balances set held_micros = held_micros - (select coalesce(sum(g.amount_micros) filter (where g.on_balance), 0) from unnest(gone) g)
  where organization_id = organization and account = 'customer' and exists (select from unnest(gone) g where g.on_balance and g.amount_micros > 0);
  delete from holds h where h.organization_id = organization and h.id in (select g.id from unnest(gone) g);
  return cardinality(gone);
end $$;

-- Takes {organizationId, id}; returns whether there was one.
create function release_hold(p jsonb) returns boolean language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  perform from holds where organization_id = (p->>'organizationId')::uuid and id = (p->>'id')::uuid for update;
  return drop_holds((p->>'organizationId')::uuid, array[(p->>'id')::uuid]) > 0;
end $$;

-- Charges what was bought and lets its hold go, in one transaction; once for each hold. It may be less than was held, or more. Takes
-- {organizationId, id, amountMicros, note}; returns {done, account}.
create function capture_hold(p jsonb) returns jsonb language plpgsql as $$
declare
  organization uuid := (p->>'organizationId')::uuid;
  h holds;
  done boolean := false;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  select * into h from holds where organization_id = organization and id = (p->>'id')::uuid for update;
  if h.id is null and not exists (select from ledger_entries where organization_id = organization and source_type = 'purchase' and source_id = p->>'id') then
    perform refuse('not_found');
  end if;
  update budget_periods n set spent_micros = n.spent_micros + (p->>'amountMicros')::bigint from jsonb_array_elements(h.counters) c
  where n.budget_id = (c->>'budgetId')::uuid and n.starts_on = (c->>'startsOn')::date;
  if h.id is not null then perform drop_holds(organization, array[h.id]); end if;
  if (p->>'amountMicros')::bigint > 0 then
    done := transfer(organization, 'purchase', p->>'id', 'customer', 'revenue', (p->>'amountMicros')::bigint, p->>'note');
  end if;
  return jsonb_build_object('done', done, 'account', read_account(p));
end $$;
