-- What is paid back or disputed of a plan's invoice, and of single calls by card, is booked as it is for credits: totals, and the ledger is brought to their difference.

-- What a payment has bought: credits, one call, or a month of a plan, which is its invoice's.
alter table card_payments add column purpose text not null default 'credits' check (purpose in ('credits', 'call', 'plan'));
alter table card_payments add column invoice_id text;
alter table card_payments add constraint card_payments_invoice check ((purpose = 'plan') = (invoice_id is not null));
create index card_payments_of_invoice on card_payments (invoice_id) where invoice_id is not null;

-- What the ledger has of an invoice.
alter table plan_invoices add column posted_paid_micros bigint not null default 0;
alter table plan_invoices add column posted_credit_micros bigint not null default 0;
alter table plan_invoices no force row level security;
update plan_invoices set posted_paid_micros = paid_micros, posted_credit_micros = credit_micros;
alter table plan_invoices force row level security;

-- Single calls that were paid by card before: their payments are rows like others from here on.
alter table payment_challenges no force row level security;
alter table card_payments no force row level security;
insert into card_payments (payment_id, organization_id, purpose, paid_micros, refunded_micros, posted_micros)
select reference, organization_id, 'call', amount_micros, case state when 'refunded' then amount_micros else 0 end,
  case state when 'refunded' then 0 else amount_micros end
from payment_challenges where method = 'stripe/charge' and reference is not null on conflict do nothing;
alter table card_payments force row level security;
alter table payment_challenges force row level security;

-- Moves money one way, or, below zero, the other.
create function shift_money(organization uuid, source_type text, source_id text, from_account text, to_account text, micros bigint, note text)
returns void language plpgsql as $$
begin
  if micros > 0 then perform transfer(organization, source_type, source_id, from_account, to_account, micros, note);
  elsif micros < 0 then perform transfer(organization, source_type, source_id, to_account, from_account, -micros, note);
  end if;
end $$;

-- Brings the ledger to what is left of an invoice: of a month of which a part was paid back, the same part of its credits, of its price beyond them and of the operator's gift
-- is taken back. Nothing where the invoice is not known yet. Whoever changes an invoice or its payments takes its lock before (`lock_invoice`).
create function post_invoice(wanted text, source text) returns void language plpgsql as $$
declare
  i plan_invoices;
  paid bigint;
  credit bigint;
begin
  select * into i from plan_invoices where invoice_id = wanted for update;
  if i.invoice_id is null then return; end if;
  select greatest(i.paid_micros - coalesce(sum(refunded_micros + disputed_micros), 0), 0) into paid from card_payments where invoice_id = wanted;
  credit := case when i.paid_micros = 0 then i.credit_micros else round(i.credit_micros::numeric * paid / i.paid_micros) end;
  perform shift_money(i.organization_id, 'plan', source, 'clearing', 'customer',
    least(paid, credit) - least(i.posted_paid_micros, i.posted_credit_micros), i.plan);
  perform shift_money(i.organization_id, 'plan_fee', source, 'clearing', 'revenue',
    greatest(paid - credit, 0) - greatest(i.posted_paid_micros - i.posted_credit_micros, 0), i.plan);
  perform shift_money(i.organization_id, 'plan_gift', source, 'credits', 'customer',
    greatest(credit - paid, 0) - greatest(i.posted_credit_micros - i.posted_paid_micros, 0), i.plan);
  update plan_invoices set posted_paid_micros = paid, posted_credit_micros = credit where invoice_id = wanted;
end $$;

-- Until this transaction ends nobody else books anything of that invoice: without it, a refund and its invoice that are told at once do not see each other.
create function lock_invoice(wanted text) returns void language sql as $$
  select pg_advisory_xact_lock(hashtextextended('invoice ' || wanted, 0))
$$;

-- Notes an event and books what it changes, in one transaction: who is told that it is booked may forget it. Totals only grow, but for a dispute
-- that ends. Takes {organizationId, id, type, createdAt, paymentId, kind, paidMicros?, refundedMicros?, disputeId?, disputedMicros?, customerId?, invoiceId? (that it
-- pays)}; false where it was noted before.
create or replace function take_card_event(p jsonb) returns jsonb language plpgsql as $$
declare
  organization uuid := (p->>'organizationId')::uuid;
  has_ended boolean := p->>'kind' = 'dispute_ended';
  pay card_payments;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  if not exists (select from organizations where id = organization) then perform refuse('not_found'); end if;
  insert into card_events (id, organization_id, payment_id, type, created_at)
  values (p->>'id', organization, p->>'paymentId', p->>'type', (p->>'createdAt')::timestamptz) on conflict do nothing;
  if not found then return 'false'; end if;
  insert into card_payments (payment_id, organization_id, purpose, invoice_id)
  values (p->>'paymentId', organization, case when p->>'invoiceId' is null then 'credits' else 'plan' end, p->>'invoiceId') on conflict do nothing;
  select * into pay from card_payments where payment_id = p->>'paymentId' for update;
  -- Another organization's payment.
  if not found then perform refuse('not_found'); end if;
  if pay.purpose = 'plan' then perform lock_invoice(pay.invoice_id); end if;
  if p->>'disputeId' is not null then
    delete from card_disputes where dispute_id = pay.payment_id;
    insert into card_disputes as d values (p->>'disputeId', organization, pay.payment_id, (p->>'disputedMicros')::bigint, has_ended)
    on conflict (dispute_id) do update set ended = d.ended or has_ended,
      disputed_micros = case when has_ended then excluded.disputed_micros when d.ended then d.disputed_micros
        else greatest(d.disputed_micros, excluded.disputed_micros) end;
  end if;
  update card_payments set
    paid_micros = greatest(paid_micros, coalesce((p->>'paidMicros')::bigint, 0)),
    refunded_micros = greatest(refunded_micros, coalesce((p->>'refundedMicros')::bigint, 0)),
    disputed_micros = (select coalesce(sum(d.disputed_micros), 0) from card_disputes d where d.payment_id = pay.payment_id),
    dispute_ended = dispute_ended or has_ended
  where payment_id = pay.payment_id returning * into pay;
  -- Before the ledger, as an event of a plan locks them.
  if p->>'customerId' is not null then
    insert into card_customers (organization_id, customer_id) values (organization, p->>'customerId')
    on conflict (organization_id) do update set customer_id = excluded.customer_id;
  end if;
  perform post_card_payment(pay.payment_id, p->>'id');
  -- Who has all of it back for good is owed neither the work nor the money.
  if pay.purpose = 'call' and pay.refunded_micros + (select coalesce(sum(d.disputed_micros), 0) from card_disputes d where d.payment_id = pay.payment_id and d.ended)
    >= pay.paid_micros then
    update payment_challenges set state = 'refunded', touched_at = clock_timestamp() where reference = pay.payment_id and state in ('paid', 'refunding');
  end if;
  return 'true';
end $$;

-- Notes an event of a plan and books what it changes, in one transaction. Takes {organizationId, id, type, createdAt, kind (subscription | invoice_paid | invoice_failed),
-- subscriptionId, plan, step, status, endsAt?, cancelsAtEnd?, customerId?} and of a paid invoice {invoiceId, paidMicros, creditMicros (0: it gives nothing)}. False
-- where it was noted before.
create or replace function take_plan_event(p jsonb) returns jsonb language plpgsql as $$
declare
  organization uuid := (p->>'organizationId')::uuid;
  moment timestamptz := (p->>'createdAt')::timestamptz;
  step int := (p->>'step')::int;
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
  perform lock_invoice(p->>'invoiceId');
  insert into plan_invoices (invoice_id, organization_id, subscription_id, plan, paid_micros, credit_micros, paid_at)
  values (p->>'invoiceId', organization, p->>'subscriptionId', p->>'plan', coalesce((p->>'paidMicros')::bigint, 0), coalesce((p->>'creditMicros')::bigint, 0), moment)
  on conflict do nothing;
  -- What was paid becomes credits; what is paid beyond them is the plan's price, and what is given beyond it is the operator's gift.
  if found then perform post_invoice(p->>'invoiceId', p->>'invoiceId'); end if;
  return 'true';
end $$;

-- The card has its money back: booked once, whoever tells of it first. Takes {organizationId, id}.
create or replace function refund_challenge(p jsonb) returns jsonb language plpgsql as $$
declare
  payment text;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  select reference into payment from payment_challenges where id = p->>'id';
  -- The payment before its call, as whoever books an event locks them.
  perform from card_payments where payment_id = payment for update;
  update payment_challenges set state = 'refunded', touched_at = clock_timestamp() where id = p->>'id' and state = 'refunding';
  if not found then return 'false'; end if;
  update card_payments set refunded_micros = greatest(refunded_micros, paid_micros) where payment_id = payment;
  perform post_card_payment(payment, p->>'id');
  return 'true';
end $$;
