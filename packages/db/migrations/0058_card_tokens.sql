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

-- Who may go on with a challenge that was paid, or is said to be: one at a time. Takes {organizationId, id, plugin, digest, credential, shown, leaseMs}; returns
-- {outcome: verify, challenge} | {outcome: run, amountMicros, receipt, payer} | {outcome: done, answer} | busy | expired | mismatch | refunded.
create or replace function claim_challenge(p jsonb) returns jsonb language plpgsql as $$
declare
  c payment_challenges;
  left_alone boolean;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  select * into c from payment_challenges where id = p->>'id' for update;
  if c.id is null or c.plugin <> p->>'plugin' or c.body_digest <> p->>'digest' then return '{"outcome": "mismatch"}'; end if;
  left_alone := c.touched_at < clock_timestamp() - (p->>'leaseMs')::float8 * interval '1 millisecond';
  if c.state = 'open' and c.expires_at < clock_timestamp() then return '{"outcome": "expired"}'; end if;
  if c.state <> 'open' and c.credential <> p->>'credential' then return '{"outcome": "mismatch"}'; end if;
  if c.state = 'done' then return jsonb_build_object('outcome', 'done', 'answer', c.answer); end if;
  if c.state in ('refunding', 'refunded') then return '{"outcome": "refunded"}'; end if;
  if c.state in ('verifying', 'running') and not left_alone then return '{"outcome": "busy"}'; end if;
  update payment_challenges set touched_at = clock_timestamp(), credential = p->>'credential', shown = p->>'shown',
    state = case when state in ('paid', 'running') then 'running' else 'verifying' end where id = c.id returning * into c;
  if c.state = 'running' then
    return jsonb_build_object('outcome', 'run', 'amountMicros', c.amount_micros, 'receipt', c.receipt, 'payer', c.payer);
  end if;
  return jsonb_build_object('outcome', 'verify', 'challenge', c.challenge);
end $$;

-- The work is done, with its answer, or it failed: then it is paid for still, or, of a card, to be paid back: {refund: its reference}. Takes {organizationId, id,
-- answer (null: failed)}.
create or replace function finish_challenge(p jsonb) returns jsonb language plpgsql as $$
declare
  failed boolean := p->'answer' = 'null';
  c payment_challenges;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  update payment_challenges set state = case when not failed then 'done' when method = 'stripe/charge' then 'refunding' else 'paid' end,
    answer = nullif(p->'answer', 'null'), touched_at = clock_timestamp() where id = p->>'id' and state = 'running' returning * into c;
  return jsonb_build_object('refund', case when c.state = 'refunding' then c.reference end);
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

-- Takes a payment of unknown outcome up: {method, plugin, challenge, shown}; null where somebody else has. Takes {organizationId, id, quietMs}.
create or replace function take_unknown_payment(p jsonb) returns jsonb language plpgsql as $$
declare
  c payment_challenges;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  update payment_challenges set state = 'verifying', touched_at = clock_timestamp()
  where id = p->>'id' and state in ('verifying', 'unknown') and touched_at < clock_timestamp() - (p->>'quietMs')::float8 * interval '1 millisecond'
  returning * into c;
  return case when c.id is null then null
    else jsonb_build_object('method', c.method, 'plugin', c.plugin, 'challenge', c.challenge, 'shown', c.shown) end;
end $$;
