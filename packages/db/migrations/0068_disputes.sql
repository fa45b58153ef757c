-- A payment may be disputed more than once, in parts: each dispute has its own course, and the payment has what is left of all of them.

create table card_disputes (
  dispute_id text primary key,
  organization_id uuid not null,
  payment_id text not null,
  disputed_micros bigint not null check (disputed_micros >= 0),
  ended boolean not null
);
create index card_disputes_of_payment on card_disputes (payment_id);
alter table card_disputes enable row level security;
alter table card_disputes force row level security;
create policy tenant on card_disputes to parley_app
  using (organization_id = any (nullif(current_setting('parley.organizations', true), '')::uuid[]))
  with check (organization_id = any (nullif(current_setting('parley.organizations', true), '')::uuid[]));
grant select, insert, update, delete on card_disputes to parley_app;
-- What was known without a name: under the payment's, until its dispute is heard of again.
insert into card_disputes select payment_id, organization_id, payment_id, disputed_micros, dispute_ended from card_payments where disputed_micros > 0 or dispute_ended;

-- Notes an event and books what it changes, in one transaction: who is told that it is booked may forget it. Totals only grow, but for a dispute
-- that ends. Takes {organizationId, id, type, createdAt, paymentId, kind, paidMicros?, refundedMicros?, disputeId?, disputedMicros?, customerId?}; false where
-- it was noted before.
create or replace function take_card_event(p jsonb) returns jsonb language plpgsql as $$
declare
  organization uuid := (p->>'organizationId')::uuid;
  has_ended boolean := p->>'kind' = 'dispute_ended';
  pay card_payments;
  change bigint;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  if not exists (select from organizations where id = organization) then perform refuse('not_found'); end if;
  insert into card_events (id, organization_id, payment_id, type, created_at)
  values (p->>'id', organization, p->>'paymentId', p->>'type', (p->>'createdAt')::timestamptz) on conflict do nothing;
  if not found then return 'false'; end if;
  insert into card_payments (payment_id, organization_id) values (p->>'paymentId', organization) on conflict do nothing;
  select * into pay from card_payments where payment_id = p->>'paymentId' for update;
  -- Another organization's payment.
  if not found then perform refuse('not_found'); end if;
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
