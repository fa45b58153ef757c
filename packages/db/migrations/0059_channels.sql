-- Payments through channels: money that a payer has locked on a chain, and totals that it signs for beside its calls.

create table payment_channels (
  -- Lower case.
  id text primary key,
  organization_id uuid not null,
  payer text not null,
  -- As the standard's own code writes it; what was sold for it stands beside it.
  state text not null,
  -- What the payer has signed for, as a total: only the highest is kept.
  voucher_micros bigint not null check (voucher_micros >= 0),
  deposit_micros bigint not null check (deposit_micros >= 0),
  spent_micros bigint not null default 0 check (spent_micros >= 0),
  reserved_micros bigint not null default 0 check (reserved_micros >= 0),
  units int not null default 0,
  status text not null default 'open' check (status in ('open', 'closing', 'closed')),
  -- Grows with every change, so that what was read can be written back only where nothing has changed since.
  version bigint not null default 1,
  created_at timestamptz not null default clock_timestamp(),
  used_at timestamptz not null default clock_timestamp(),
  reviewed_at timestamptz not null default clock_timestamp(),
  check (spent_micros + reserved_micros <= voucher_micros)
) with (fillfactor = 50);
create index payment_channels_to_review on payment_channels (reviewed_at) where status <> 'closed' and spent_micros > 0;

do $$
begin
  alter table payment_channels enable row level security;
  alter table payment_channels force row level security;
  create policy tenant on payment_channels to parley_app
    using (organization_id = any (nullif(current_setting('parley.organizations', true), '')::uuid[]))
    with check (organization_id = any (nullif(current_setting('parley.organizations', true), '')::uuid[]));
  grant select, insert, update on payment_channels to parley_app;
end $$;
create policy sweep on payment_channels to parley_sweep using (true) with check (true);
grant select (organization_id, id, status, spent_micros, used_at, reviewed_at), update (reviewed_at) on payment_channels to parley_sweep;

alter table purchases drop constraint purchases_method_check;
alter table purchases add constraint purchases_method_check check (method in ('credits', 'session', 'mpp', 'channel')) not valid;

-- Takes {organizationId, id}; {state, version, spentMicros, reservedMicros, units}, null where there is none.
create function read_payment_channel(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  return (select jsonb_build_object('state', c.state, 'version', c.version, 'spentMicros', c.spent_micros, 'reservedMicros', c.reserved_micros, 'units', c.units)
    from payment_channels c where c.id = p->>'id');
end $$;

-- Takes {organizationId, id, version (null: it is new), state, payer, voucherMicros, depositMicros, status}. False where it has changed since that version: then
-- nothing is written. What was signed for only grows.
create function write_payment_channel(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  if p->'version' = 'null' then
    insert into payment_channels (id, organization_id, payer, state, voucher_micros, deposit_micros, status)
    values (p->>'id', (p->>'organizationId')::uuid, p->>'payer', p->>'state', (p->>'voucherMicros')::bigint, (p->>'depositMicros')::bigint, p->>'status')
    on conflict do nothing;
    return to_jsonb(found);
  end if;
  update payment_channels set state = p->>'state', voucher_micros = greatest(voucher_micros, (p->>'voucherMicros')::bigint),
    deposit_micros = (p->>'depositMicros')::bigint, status = p->>'status', version = version + 1, used_at = clock_timestamp()
  where id = p->>'id' and version = (p->>'version')::bigint;
  return to_jsonb(found);
end $$;

-- Takes {organizationId, id}; {spentMicros, with what is under way, voucherMicros, units}.
create function payment_channel_sums(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  return (select jsonb_build_object('spentMicros', c.spent_micros + c.reserved_micros, 'voucherMicros', c.voucher_micros, 'units', c.units)
    from payment_channels c where c.id = p->>'id');
end $$;

-- Channels with something to collect, those first that were not looked at for longest: [{organizationId, id, isIdle}]. For the sweep; each is taken once in a while.
create function find_open_channels(idle interval, rows_max int) returns jsonb language sql volatile as $$
  with taken as (
    update payment_channels set reviewed_at = clock_timestamp() where id in (
      select id from payment_channels where status <> 'closed' and spent_micros > 0 and reviewed_at < clock_timestamp() - interval '1 minute'
      order by reviewed_at limit rows_max)
    returning organization_id, id, status, used_at)
  select coalesce(jsonb_agg(jsonb_build_object('organizationId', organization_id, 'id', id,
    'isIdle', status = 'closing' or used_at < clock_timestamp() - idle)), '[]') from taken
$$;
