-- Calls that are paid one by one by card, beside those that are paid on a chain: the same offers, and money that goes back where the work has failed.

alter table payment_challenges add column method text not null default 'tempo/charge' check (method in ('tempo/charge', 'stripe/charge'));
-- `refunding`: the work has failed and a card was charged; `refunded`: it has its money back.
alter table payment_challenges drop constraint payment_challenges_state_check;
alter table payment_challenges add constraint payment_challenges_state_check
  check (state in ('open', 'verifying', 'unknown', 'paid', 'running', 'done', 'refunding', 'refunded')) not valid;
create index payment_challenges_owed on payment_challenges (touched_at) where method = 'stripe/charge' and state in ('paid', 'running', 'refunding');

-- Takes {organizationId, id, method?, plugin, amountMicros, digest, challenge, expiresAt}. Old ones that nobody has paid go, some at a time.
create or replace function offer_challenge(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  delete from payment_challenges where id in (
    select id from payment_challenges where state = 'open' and expires_at < clock_timestamp() - interval '1 hour' limit 10 for update skip locked);
  insert into payment_challenges (id, organization_id, method, plugin, amount_micros, body_digest, challenge, expires_at)
  values (p->>'id', (p->>'organizationId')::uuid, coalesce(p->>'method', 'tempo/charge'), p->>'plugin', (p->>'amountMicros')::bigint, p->>'digest',
    p->'challenge', (p->>'expiresAt')::timestamptz);
  return 'true';
end $$;

-- The card has its money back: booked once. Takes {organizationId, id}.
create function refund_challenge(p jsonb) returns jsonb language plpgsql as $$
declare
  c payment_challenges;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  update payment_challenges set state = 'refunded', touched_at = clock_timestamp() where id = p->>'id' and state = 'refunding' returning * into c;
  if c.id is null then return 'false'; end if;
  perform transfer(c.organization_id, 'refund', c.id, 'revenue', 'clearing', c.amount_micros, c.plugin);
  return 'true';
end $$;

-- Cards that are owed money: a refund that was not heard of, or work that nobody has come back for. Longer than any work takes.
create function find_owed_refunds(quiet interval, left_after interval, rows_max int) returns jsonb language sql stable as $$
  select coalesce(jsonb_agg(jsonb_build_object('organizationId', organization_id, 'id', id)), '[]') from (
    select organization_id, id from payment_challenges where method = 'stripe/charge'
      and (state = 'refunding' and touched_at < clock_timestamp() - quiet or state in ('paid', 'running') and touched_at < clock_timestamp() - left_after)
    order by touched_at limit rows_max) found
$$;
grant select (method) on payment_challenges to parley_sweep;

-- Takes one of them up: its reference; null where somebody else has. Takes {organizationId, id, quietMs, leftMs}.
create function take_owed_refund(p jsonb) returns jsonb language plpgsql as $$
declare
  c payment_challenges;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  update payment_challenges set state = 'refunding', touched_at = clock_timestamp()
  where id = p->>'id' and method = 'stripe/charge' and touched_at < clock_timestamp() - interval '1 millisecond'
    * case state when 'refunding' then (p->>'quietMs')::float8 else (p->>'leftMs')::float8 end and state in ('paid', 'running', 'refunding')
  returning * into c;
  return to_jsonb(c.reference);
end $$;
