-- Plans that are paid by the month: what the payment service says of each subscription, and what each paid invoice has given.

create table card_subscriptions (
  subscription_id text primary key,
  organization_id uuid not null,
  plan text not null,
  -- As the payment service calls it.
  status text not null,
  ends_at timestamptz,
  cancels_at_end boolean not null default false,
  -- The moment and the step of the event that says so: an older one changes nothing. Within one second a beginning comes before a change, a change before an end.
  told_at timestamptz not null,
  told_step int not null,
  created_at timestamptz not null default clock_timestamp()
);
create index card_subscriptions_of_organization on card_subscriptions (organization_id, created_at desc);

-- Once for each invoice, however often and under whatever event it is told.
create table plan_invoices (
  invoice_id text primary key,
  organization_id uuid not null,
  subscription_id text not null,
  plan text not null,
  paid_micros bigint not null check (paid_micros >= 0),
  credit_micros bigint not null check (credit_micros >= 0),
  paid_at timestamptz not null,
  booked_at timestamptz not null default clock_timestamp()
);
create index plan_invoices_of_organization on plan_invoices (organization_id, paid_at desc);

do $$
declare
  name text;
begin
  foreach name in array array['card_subscriptions', 'plan_invoices'] loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format(
      'create policy tenant on %I to parley_app using (organization_id = any (nullif(current_setting(''parley.organizations'', true), '''')::uuid[]))'
      ' with check (organization_id = any (nullif(current_setting(''parley.organizations'', true), '''')::uuid[]))', name);
    execute format('grant select, insert, update on %I to parley_app', name);
  end loop;
end $$;

-- Notes an event of a plan and books what it changes, in one transaction. Takes {organizationId, id, type, createdAt, kind (subscription | invoice_paid | invoice_failed),
-- subscriptionId, plan, step, status, endsAt?, cancelsAtEnd?, customerId?} and of a paid invoice {invoiceId, paidMicros, creditMicros (0: it gives nothing)}. False
-- where it was noted before.
create function take_plan_event(p jsonb) returns jsonb language plpgsql as $$
declare
  organization uuid := (p->>'organizationId')::uuid;
  moment timestamptz := (p->>'createdAt')::timestamptz;
  step int := (p->>'step')::int;
  paid bigint := coalesce((p->>'paidMicros')::bigint, 0);
  credit bigint := coalesce((p->>'creditMicros')::bigint, 0);
  s card_subscriptions;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  if not exists (select from organizations where id = organization) then perform refuse('not_found'); end if;
  insert into card_events (id, organization_id, payment_id, type, created_at)
  values (p->>'id', organization, p->>'subscriptionId', p->>'type', moment) on conflict do nothing;
  if not found then return 'false'; end if;
  insert into card_subscriptions (subscription_id, organization_id, plan, status, ends_at, cancels_at_end, told_at, told_step)
  values (p->>'subscriptionId', organization, p->>'plan', p->>'status', (p->>'endsAt')::timestamptz, coalesce((p->>'cancelsAtEnd')::boolean, false), moment, step)
  on conflict do nothing;
  select * into s from card_subscriptions where subscription_id = p->>'subscriptionId' for update;
  -- Another organization's.
  if not found then perform refuse('not_found'); end if;
  if (moment, step) >= (s.told_at, s.told_step) and s.status not in ('canceled', 'incomplete_expired') then
    update card_subscriptions set status = p->>'status', told_at = moment, told_step = step where subscription_id = s.subscription_id;
    -- An invoice says nothing of these.
    if p->>'kind' = 'subscription' then
      update card_subscriptions set plan = p->>'plan', ends_at = (p->>'endsAt')::timestamptz, cancels_at_end = (p->>'cancelsAtEnd')::boolean
      where subscription_id = s.subscription_id;
    end if;
  end if;
  if p->>'customerId' is not null then
    insert into card_customers (organization_id, customer_id) values (organization, p->>'customerId')
    on conflict (organization_id) do update set customer_id = excluded.customer_id;
  end if;
  if p->>'kind' <> 'invoice_paid' then return 'true'; end if;
  insert into plan_invoices (invoice_id, organization_id, subscription_id, plan, paid_micros, credit_micros, paid_at)
  values (p->>'invoiceId', organization, p->>'subscriptionId', p->>'plan', paid, credit, moment) on conflict do nothing;
  if not found then return 'true'; end if;
  -- What was paid becomes credits; what is paid beyond them is the plan's price, and what is given beyond it is the operator's gift.
  if least(paid, credit) > 0 then perform transfer(organization, 'plan', p->>'invoiceId', 'clearing', 'customer', least(paid, credit), p->>'plan'); end if;
  if paid > credit then perform transfer(organization, 'plan_fee', p->>'invoiceId', 'clearing', 'revenue', paid - credit, p->>'plan'); end if;
  if credit > paid then perform transfer(organization, 'plan_gift', p->>'invoiceId', 'credits', 'customer', credit - paid, p->>'plan'); end if;
  return 'true';
end $$;

-- Takes {organizationId, invoicesMax}; {subscription: the newest that has not ended, or null, invoices: newest first}.
create function read_plan(p jsonb) returns jsonb language plpgsql as $$
declare
  organization uuid := (p->>'organizationId')::uuid;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  return jsonb_build_object(
    'subscription', (select jsonb_build_object('plan', s.plan, 'status', s.status, 'endsAt', iso(s.ends_at), 'cancelsAtEnd', s.cancels_at_end)
      from card_subscriptions s where s.organization_id = organization and s.status not in ('canceled', 'incomplete', 'incomplete_expired')
      order by s.created_at desc limit 1),
    'invoices', (select coalesce(jsonb_agg(jsonb_build_object('id', i.invoice_id, 'plan', i.plan, 'paidMicros', i.paid_micros, 'creditMicros', i.credit_micros,
        'paidAt', iso(i.paid_at)) order by i.paid_at desc, i.booked_at desc), '[]')
      from (select * from plan_invoices where organization_id = organization order by paid_at desc, booked_at desc limit (p->>'invoicesMax')::int) i));
end $$;
