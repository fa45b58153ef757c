-- What is over of payments goes after its time: sold calls, offers, events of the card service, payments. The ledger, charges, plans and their invoices stay.

create index purchases_ended on purchases (ended_at) where state <> 'reserved';
create index payment_challenges_ended on payment_challenges (touched_at) where state in ('done', 'refunded');
create index wallet_sessions_closed on wallet_sessions (closed_at) where status = 'closed';
create index card_events_received on card_events (received_at);
create index card_payments_made on card_payments (created_at) where purpose <> 'plan';

create policy sweep_forgets on purchases for delete to parley_sweep using (true);
create policy sweep_forgets on payment_challenges for delete to parley_sweep using (true);
create policy sweep on wallet_sessions for select to parley_sweep using (true);
create policy sweep_forgets on wallet_sessions for delete to parley_sweep using (true);
create policy sweep on card_events to parley_sweep using (true);
create policy sweep on card_payments to parley_sweep using (true);
create policy sweep on card_disputes to parley_sweep using (true);
grant select (ended_at, session_id), delete on purchases to parley_sweep;
grant select (expires_at, credential), delete on payment_challenges to parley_sweep;
grant select (id, status, closed_at), delete on wallet_sessions to parley_sweep;
grant select (id, received_at), delete on card_events to parley_sweep;
grant select (payment_id, purpose, created_at), delete on card_payments to parley_sweep;
grant select (dispute_id, payment_id, ended), delete on card_disputes to parley_sweep;

-- Takes {organizationId, id, method?, plugin, amountMicros, digest, challenge, expiresAt}.
create or replace function offer_challenge(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  insert into payment_challenges (id, organization_id, method, plugin, amount_micros, body_digest, challenge, expires_at)
  values (p->>'id', (p->>'organizationId')::uuid, coalesce(p->>'method', 'tempo/charge'), p->>'plugin', (p->>'amountMicros')::bigint, p->>'digest',
    p->'challenge', (p->>'expiresAt')::timestamptz);
  return 'true';
end $$;

-- Offers for which nothing was shown go shortly after they were good: nothing is bought with them any more. Returns how many rows it removed.
create function forget_offers(rows_max int) returns int language plpgsql as $$
declare
  gone int;
begin
  perform set_config('lock_timeout', '500ms', true);
  delete from payment_challenges where id = any (array(
    select id from payment_challenges where state = 'open' and credential is null and expires_at < clock_timestamp() - interval '5 minutes'
    order by expires_at limit rows_max));
  get diagnostics gone = row_count;
  return gone;
end $$;

-- Sold calls that are over, offers that were paid and answered or paid back, what was shown for an offer and never found, and sessions that are closed. What is under way, unknown,
-- owed, or paid and not yet called for stays. Returns how many rows it removed of the kind that had more.
create function forget_sold_calls(older_than interval, rows_max int) returns int language plpgsql as $$
declare
  since timestamptz := clock_timestamp() - older_than;
  gone int;
  most int;
begin
  perform set_config('lock_timeout', '500ms', true);
  delete from purchases where id = any (array(
    select id from purchases where state <> 'reserved' and ended_at < since order by ended_at limit rows_max));
  get diagnostics most = row_count;
  delete from payment_challenges where id = any (array(
    select id from payment_challenges where state in ('done', 'refunded') and touched_at < since order by touched_at limit rows_max));
  get diagnostics gone = row_count;
  most := greatest(most, gone);
  delete from payment_challenges where id = any (array(
    select id from payment_challenges where state = 'open' and expires_at < since and touched_at < since order by expires_at limit rows_max));
  get diagnostics gone = row_count;
  most := greatest(most, gone);
  delete from wallet_sessions where id = any (array(
    select id from wallet_sessions s where status = 'closed' and closed_at < since
      and not exists (select from purchases u where u.session_id = s.id) order by closed_at limit rows_max));
  get diagnostics gone = row_count;
  return greatest(most, gone);
end $$;

create function forget_card_events(older_than interval, rows_max int) returns int language plpgsql as $$
declare
  gone int;
begin
  perform set_config('lock_timeout', '500ms', true);
  delete from card_events where id = any (array(
    select id from card_events where received_at < clock_timestamp() - older_than order by received_at limit rows_max));
  get diagnostics gone = row_count;
  return gone;
end $$;

-- Payments by card with their disputes, but for those that are disputed now, and those of plans, which their invoices are reckoned from.
create function forget_card_payments(older_than interval, rows_max int) returns int language plpgsql as $$
declare
  past text[] := array(
    select payment_id from card_payments p where purpose <> 'plan' and created_at < clock_timestamp() - older_than
      and not exists (select from card_disputes d where d.payment_id = p.payment_id and not d.ended)
    order by created_at limit rows_max);
begin
  perform set_config('lock_timeout', '500ms', true);
  delete from card_disputes where payment_id = any (past);
  delete from card_payments where payment_id = any (past);
  return cardinality(past);
end $$;
