-- Whatever of a payment is left to do is an order of one queue: what is due is a row, and each look puts the next one off for longer. `find_left_purchases` and
-- `find_unknown_payments` stay for workers that are older than this.

alter table payment_channels add column due_at timestamptz not null default now() + interval '10 minutes';
alter table payment_channels add column looks int not null default 0;
create index payment_channels_due on payment_channels (due_at) where status <> 'closed' and spent_micros > 0;
drop index payment_channels_to_review;
drop function find_open_channels(interval, int);
alter table payment_channels drop column reviewed_at;
grant select (due_at) on payment_channels to parley_sweep;
drop function find_owed_refunds(interval, interval, int);

-- Takes one channel up: {isIdle}; null where somebody else has. Takes {organizationId, id, idleMs}. Where nothing is heard of it, it is looked at again
-- later and later, at least every hour.
create function take_channel(p jsonb) returns jsonb language plpgsql as $$
declare
  c payment_channels;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  update payment_channels set looks = looks + 1, due_at = clock_timestamp() + least(60 * power(2, least(looks, 10)), 3600) * interval '1 second'
  where id = p->>'id' and status <> 'closed' and due_at < clock_timestamp() returning * into c;
  if c.id is null then return null; end if;
  return jsonb_build_object('isIdle', c.status = 'closing' or c.used_at < clock_timestamp() - (p->>'idleMs')::float8 * interval '1 millisecond');
end $$;

-- It was looked at. Takes {organizationId, id}.
create function leave_channel(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  update payment_channels set looks = 0, due_at = clock_timestamp() + interval '10 minutes' where id = p->>'id';
  return to_jsonb(found);
end $$;

-- How often the card's service has refused to pay it back: each refusal has used up the name that it was asked under.
alter table payment_challenges add column refund_refusals int not null default 0;

-- The work is done, with its answer, or it failed: then it is paid for still, or, of a card, to be paid back: {refund: {reference, refusals}}. Takes {organizationId, id,
-- epoch, answer (null: failed)}. `kept` is false where another has taken it over: then nobody may be given the answer. Whoever is told of a refund makes it; a job does
-- where that was not heard of for a while.
create or replace function finish_challenge(p jsonb) returns jsonb language plpgsql as $$
declare
  failed boolean := p->'answer' = 'null';
  c payment_challenges;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  select * into c from payment_challenges where id = p->>'id' and epoch = (p->>'epoch')::int for update;
  -- Said again, because the first time was not heard.
  if c.state is distinct from 'running' then return jsonb_build_object('refund', null, 'kept', coalesce(c.state = 'done', false) and not failed); end if;
  update payment_challenges set state = case when not failed then 'done' when method = 'stripe/charge' then 'refunding' else 'paid' end,
    answer = nullif(p->'answer', 'null'), touched_at = clock_timestamp(), looks = 0, due_at = clock_timestamp() + interval '45 seconds'
  where id = c.id returning * into c;
  return jsonb_build_object('refund', case when c.state = 'refunding' then jsonb_build_object('reference', c.reference, 'refusals', c.refund_refusals) end, 'kept', true);
end $$;

-- Takes up what a card is owed: {reference, refusals}; null where somebody else has. Takes {organizationId, id, leftMs}. Where nothing is heard of the refund, it is
-- asked for again later and later, at least every ten minutes.
create or replace function take_owed_refund(p jsonb) returns jsonb language plpgsql as $$
declare
  c payment_challenges;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  update payment_challenges set state = 'refunding', touched_at = clock_timestamp(), looks = case state when 'refunding' then looks + 1 else 1 end,
    due_at = clock_timestamp() + least(5 * power(2, least(case state when 'refunding' then looks else 0 end, 10)), 600) * interval '1 second'
  where id = p->>'id' and method = 'stripe/charge' and state in ('paid', 'running', 'refunding')
    and case state when 'refunding' then due_at < clock_timestamp()
      else touched_at < clock_timestamp() - (p->>'leftMs')::float8 * interval '1 millisecond' end
  returning * into c;
  return case when c.id is not null then jsonb_build_object('reference', c.reference, 'refusals', c.refund_refusals) end;
end $$;

-- The card's service has refused it under one name: it is asked for under the next one. Takes {organizationId, id, refusals (those that were known when it was
-- asked)}; what two are told of the same name counts once.
create function note_refused_refund(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  update payment_challenges set refund_refusals = refund_refusals + 1
  where id = p->>'id' and state = 'refunding' and refund_refusals = (p->>'refusals')::int;
  return to_jsonb(found);
end $$;
