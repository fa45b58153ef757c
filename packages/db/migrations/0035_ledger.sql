-- Money: a ledger in double entry, and what things cost. Amounts are integer micro-units; rates integer pico-units, a millionth of them.

-- Append-only: the application's role may read and insert, nothing else. Of each transaction the amounts add up to zero, and so do all
-- accounts of an organization together. `customer` above zero is money that the organization has left, below zero what it owes; `revenue`
-- what was earned; `house` what the operator bears itself; `credits` what the operator gave; `clearing` what came in by a payment.
create table ledger_entries (
  id bigint generated always as identity primary key,
  organization_id uuid not null,
  transaction_id uuid not null,
  account text not null check (account in ('customer', 'revenue', 'house', 'credits', 'clearing')),
  amount_micros bigint not null check (amount_micros <> 0),
  -- What the entry is for: the same is never written twice.
  source_type text not null,
  source_id text not null,
  note text not null default '',
  at timestamptz not null default clock_timestamp()
);
create unique index ledger_entries_once on ledger_entries (organization_id, source_type, source_id, account);
create index ledger_entries_of_organization on ledger_entries (organization_id, id);

-- What the entries add up to, kept by the ledger itself: nobody else may write it. `held_micros` is what is set aside of `customer`.
create table ledger_balances (
  organization_id uuid not null,
  account text not null,
  balance_micros bigint not null default 0,
  held_micros bigint not null default 0 check (held_micros >= 0),
  primary key (organization_id, account)
) with (fillfactor = 50);

-- What something costs from a moment on; a newer version never changes what an older one has priced. An organization's own price goes before
-- everybody's (null), an exact name before a prefix (`local/*`), a longer prefix before a shorter one. `*` alone is the fallback: what it has
-- priced is marked as assumed.
create table prices (
  id uuid primary key default uuidv7(),
  organization_id uuid,
  kind text not null check (kind in ('model', 'plugin', 'agent', 'peer')),
  name text not null,
  -- Per token. Without a rate of their own, cached tokens cost what others do, and so do those of reasoning.
  input_pico bigint not null check (input_pico >= 0),
  output_pico bigint not null check (output_pico >= 0),
  cached_pico bigint check (cached_pico >= 0),
  reasoning_pico bigint check (reasoning_pico >= 0),
  -- Per second of sound, per image, per call.
  audio_pico bigint not null default 0 check (audio_pico >= 0),
  image_pico bigint not null default 0 check (image_pico >= 0),
  unit_pico bigint not null default 0 check (unit_pico >= 0),
  -- From here on there is no such price.
  withdrawn boolean not null default false,
  effective_from timestamptz not null default now(),
  created_at timestamptz not null default clock_timestamp()
);
create unique index prices_versions on prices (kind, name, organization_id, effective_from) nulls not distinct;

do $$
declare
  name text;
begin
  foreach name in array array['ledger_entries', 'ledger_balances', 'prices'] loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
  end loop;
  foreach name in array array['ledger_entries', 'ledger_balances'] loop
    execute format(
      'create policy tenant on %I to parley_app using (organization_id = any (nullif(current_setting(''parley.organizations'', true), '''')::uuid[]))'
      ' with check (organization_id = any (nullif(current_setting(''parley.organizations'', true), '''')::uuid[]))', name);
  end loop;
  -- The ledger's own functions run as the owner, who is under row-level security too where it is no superuser.
  execute format('create policy keeper on ledger_balances to %I using (true) with check (true)', current_user);
  execute format('create policy keeper on prices to %I using (true) with check (true)', current_user);
end $$;
grant select, insert on ledger_entries to parley_app;
grant select, insert, update (held_micros) on ledger_balances to parley_app;

-- Everybody's prices are seen by all; only the operator's transactions write them.
create policy tenant on prices to parley_app
  using (organization_id is null or organization_id = any (nullif(current_setting('parley.organizations', true), '')::uuid[]))
  with check (organization_id = any (nullif(current_setting('parley.organizations', true), '')::uuid[])
    or organization_id is null and current_setting('parley.operator', true) = 'on');
grant select, insert on prices to parley_app;

-- The built-in models are cheap and not free, so that what they use is seen; the fallback is dear enough to be noticed.
insert into prices (kind, name, input_pico, output_pico, cached_pico, effective_from) values
  ('model', 'local/*', 100000, 400000, 50000, '2020-01-01'),
  ('model', '*', 5000000, 25000000, null, '2020-01-01');

-- Entries in, balances up to date: in the same statement, whoever wrote it. One that does not add up is refused.
create function keep_balances() returns trigger language plpgsql security definer set search_path = public as $$
begin
  if exists (select from added group by organization_id, transaction_id having sum(amount_micros) <> 0) then
    raise exception 'A transaction of the ledger does not add up to zero.' using errcode = '23514';
  end if;
  -- In the order of the key, so that two of these wait for one another and never both.
  insert into ledger_balances as b (organization_id, account, balance_micros)
  select organization_id, account, sum(amount_micros) from added group by organization_id, account order by organization_id, account
  on conflict (organization_id, account) do update set balance_micros = b.balance_micros + excluded.balance_micros;
  return null;
end $$;
create trigger keep_balances after insert on ledger_entries referencing new table as added
for each statement execute function keep_balances();
revoke all on function keep_balances from public;

-- One transaction of two sides: from one account to another. False where the same was written before; refused where that was another amount.
create function transfer(organization uuid, source_type text, source_id text, from_account text, to_account text, micros bigint, note text)
returns boolean language plpgsql as $$
declare
  known bigint;
  id uuid := uuidv7();
begin
  insert into ledger_entries (organization_id, transaction_id, account, amount_micros, source_type, source_id, note)
  values (organization, id, from_account, -micros, source_type, source_id, note), (organization, id, to_account, micros, source_type, source_id, note)
  on conflict do nothing;
  if found then return true; end if;
  select e.amount_micros into known from ledger_entries e
  where e.organization_id = organization and e.source_type = transfer.source_type and e.source_id = transfer.source_id and e.account = to_account;
  if known is distinct from micros then perform refuse('idempotency_mismatch'); end if;
  return false;
end $$;

-- Prices -----------------------------------------------------------------------------------------------------------------

-- The price that holds for a name at a moment; a null row where there is none.
create function price_of(organization uuid, wanted text, called text, moment timestamptz) returns prices language sql stable as $$
  select p.* from (
    select distinct on (p.organization_id, p.name) p.* from prices p
    where p.kind = wanted and p.effective_from <= moment and (p.organization_id is null or p.organization_id = organization)
      and (p.name = called or right(p.name, 1) = '*' and starts_with(called, left(p.name, -1)))
    order by p.organization_id, p.name, p.effective_from desc
  ) p where not withdrawn
  order by p.organization_id is null, p.name = called desc, length(p.name) desc limit 1
$$;

-- What tokens cost, in micro-units: rounded once, half up. Cached tokens are part of the input, reasoning part of the output.
create function line_micros(p prices, input bigint, output bigint, cached bigint, reasoning bigint) returns bigint language sql immutable as $$
  select floor((greatest(input - cached, 0)::numeric * p.input_pico + cached::numeric * coalesce(p.cached_pico, p.input_pico)
    + greatest(output - reasoning, 0)::numeric * p.output_pico + reasoning::numeric * coalesce(p.reasoning_pico, p.output_pico) + 500000) / 1000000)::bigint
$$;

create function price_json(p prices) returns jsonb language sql stable as $$
  select case when p.id is null then null else jsonb_build_object('id', p.id, 'own', p.organization_id is not null, 'kind', p.kind, 'name', p.name,
    'inputPico', p.input_pico, 'outputPico', p.output_pico, 'cachedPico', p.cached_pico, 'reasoningPico', p.reasoning_pico,
    'audioPico', p.audio_pico, 'imagePico', p.image_pico, 'unitPico', p.unit_pico, 'withdrawn', p.withdrawn, 'effectiveFrom', iso(p.effective_from),
    'createdAt', iso(p.created_at)) end
$$;

-- Takes {organizationId (null: everybody's), kind, name, inputPico, outputPico, cachedPico, reasoningPico, audioPico, imagePico, unitPico, withdrawn,
-- effectiveFrom (null: now), max}.
create function set_price(p jsonb) returns jsonb language plpgsql as $$
declare
  made prices;
begin
  if p->>'organizationId' is null then perform set_config('parley.operator', 'on', true);
  else perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true); end if;
  if (select count(*) from prices where organization_id is not distinct from (p->>'organizationId')::uuid) >= (p->>'max')::int then
    perform refuse('limit_reached');
  end if;
  insert into prices (organization_id, kind, name, input_pico, output_pico, cached_pico, reasoning_pico, audio_pico, image_pico, unit_pico,
    withdrawn, effective_from)
  values ((p->>'organizationId')::uuid, p->>'kind', p->>'name', (p->>'inputPico')::bigint, (p->>'outputPico')::bigint, (p->>'cachedPico')::bigint,
    (p->>'reasoningPico')::bigint, (p->>'audioPico')::bigint, (p->>'imagePico')::bigint, (p->>'unitPico')::bigint, (p->>'withdrawn')::boolean,
    coalesce((p->>'effectiveFrom')::timestamptz, clock_timestamp()))
  on conflict do nothing returning * into made;
  if made.id is null then perform refuse('version_mismatch'); end if;
  perform set_config('parley.operator', '', true);
  return price_json(made);
end $$;

-- Every version that the organization is under, by kind and name, the newest first: {items, total}. Takes {organizationId, kind, name, offset, limit}.
create function list_prices(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  return (
    with seen as (
      select p2 as price, row_number() over (order by p2.kind, p2.name, p2.organization_id nulls last, p2.effective_from desc) as place, count(*) over () as total
      from prices p2
      where (p2.organization_id is null or p2.organization_id = (p->>'organizationId')::uuid)
        and (p->>'kind' is null or p2.kind = p->>'kind') and (p->>'name' is null or p2.name = p->>'name')
    )
    select jsonb_build_object('total', coalesce(max(total), 0), 'items', coalesce(jsonb_agg(price_json(price) order by place)
      filter (where place > (p->>'offset')::int and place <= (p->>'offset')::int + (p->>'limit')::int), '[]')) from seen);
end $$;

-- Takes {organizationId, kind, name}; null where it has no price.
create function find_price(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  return price_json(price_of((p->>'organizationId')::uuid, p->>'kind', p->>'name', clock_timestamp()));
end $$;
