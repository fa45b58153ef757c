-- Money that comes in by card, and money that wallets have set aside.

-- Each event of the payment service that was booked: another time it changes nothing.
create table card_events (
  id text primary key,
  organization_id uuid not null,
  payment_id text not null,
  type text not null,
  created_at timestamptz not null,
  received_at timestamptz not null default clock_timestamp()
);
create index card_events_of_payment on card_events (payment_id);

-- What a payment comes to, as totals: whatever the order in which they are told, the ledger is brought to paid less refunded less disputed.
create table card_payments (
  payment_id text primary key,
  organization_id uuid not null,
  paid_micros bigint not null default 0 check (paid_micros >= 0),
  refunded_micros bigint not null default 0 check (refunded_micros >= 0),
  disputed_micros bigint not null default 0 check (disputed_micros >= 0),
  dispute_ended boolean not null default false,
  -- What the ledger has of it.
  posted_micros bigint not null default 0,
  created_at timestamptz not null default clock_timestamp()
);

-- What the payment service knows an organization as.
create table card_customers (
  organization_id uuid primary key,
  customer_id text not null
);

do $$
declare
  name text;
begin
  foreach name in array array['card_events', 'card_payments', 'card_customers'] loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format(
      'create policy tenant on %I to parley_app using (organization_id = any (nullif(current_setting(''parley.organizations'', true), '''')::uuid[]))'
      ' with check (organization_id = any (nullif(current_setting(''parley.organizations'', true), '''')::uuid[]))', name);
    execute format('grant select, insert, update on %I to parley_app', name);
  end loop;
  execute format('create policy lookup on card_payments for select to %I using (true)', current_user);
end $$;

-- Whose payment that is, for events that do not say it.
create function card_payer(payment text) returns uuid language sql stable security definer set search_path = public as $$
  select organization_id from card_payments where payment_id = payment
$$;
revoke all on function card_payer from public;
grant execute on function card_payer to parley_app;

-- Takes {organizationId}.
create function read_card_customer(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  return (select to_jsonb(customer_id) from card_customers where organization_id = (p->>'organizationId')::uuid);
end $$;

-- Notes an event and books what it changes, in one transaction: who is told that it is booked may forget it. Totals only grow, but for a dispute
-- that ends. Takes {organizationId, id, type, createdAt, paymentId, kind, paidMicros?, refundedMicros?, disputedMicros?, customerId?}; false where
-- it was noted before.
create function take_card_event(p jsonb) returns jsonb language plpgsql as $$
declare
  organization uuid := (p->>'organizationId')::uuid;
  pay card_payments;
  change bigint;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  if not exists (select from organizations where id = organization) then perform refuse('not_found'); end if;
  insert into card_events (id, organization_id, payment_id, type, created_at)
  values (p->>'id', organization, p->>'paymentId', p->>'type', (p->>'createdAt')::timestamptz) on conflict do nothing;
  if not found then return 'false'; end if;
  insert into card_payments (payment_id, organization_id) values (p->>'paymentId', organization) on conflict do nothing;
  update card_payments set
    paid_micros = greatest(paid_micros, coalesce((p->>'paidMicros')::bigint, 0)),
    refunded_micros = greatest(refunded_micros, coalesce((p->>'refundedMicros')::bigint, 0)),
    disputed_micros = case p->>'kind' when 'dispute_ended' then (p->>'disputedMicros')::bigint
      when 'disputed' then case when dispute_ended then disputed_micros else greatest(disputed_micros, (p->>'disputedMicros')::bigint) end
      else disputed_micros end,
    dispute_ended = dispute_ended or p->>'kind' = 'dispute_ended'
  where payment_id = p->>'paymentId' returning * into pay;
  -- Another organization's payment.
  if not found then perform refuse('not_found'); end if;
  change := greatest(pay.paid_micros - pay.refunded_micros - pay.disputed_micros, 0) - pay.posted_micros;
  if change > 0 then perform transfer(organization, 'card', p->>'id', 'clearing', 'customer', change, pay.payment_id);
  elsif change < 0 then perform transfer(organization, 'card', p->>'id', 'customer', 'clearing', -change, pay.payment_id);
  end if;
  update card_payments set posted_micros = posted_micros + change where payment_id = pay.payment_id and change <> 0;
  if p->>'customerId' is not null then
    insert into card_customers (organization_id, customer_id) values (organization, p->>'customerId')
    on conflict (organization_id) do update set customer_id = excluded.customer_id;
  end if;
  return 'true';
end $$;

-- What the plugins of the contract cost, by the call.
insert into prices (kind, name, input_pico, output_pico, unit_pico, effective_from) values
  ('plugin', 'agent', 0, 0, 50000000000, '2020-01-01'),
  ('plugin', 'generate-text', 0, 0, 10000000000, '2020-01-01'),
  ('plugin', 'tts', 0, 0, 30000000000, '2020-01-01'),
  ('plugin', 'stt', 0, 0, 20000000000, '2020-01-01');
