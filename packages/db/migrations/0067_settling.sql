-- Sold calls whose process dies, or does not hear what became of them: each has one holder at a time, who says that it is alive, and ends once, together with
-- the answer under the call's key.

alter table purchases add column touched_at timestamptz not null default now();
-- The key of the call that it is for, where there is one: principal, route and key.
alter table purchases add column call_key text;
drop index purchases_under_way;
create index purchases_under_way on purchases (touched_at) where state = 'reserved';
create index purchases_of_call on purchases (organization_id, call_key) where state = 'reserved';
grant select (touched_at) on purchases to parley_sweep;

-- Whoever is at it goes on. Takes {organizationId, id}; false where it has ended.
create function hold_purchase(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  update purchases set touched_at = clock_timestamp() where id = (p->>'id')::uuid and state = 'reserved';
  return to_jsonb(found);
end $$;

-- Takes the money for what was done, or lets it go; and keeps the answer under the call's key in the same transaction, so that who repeats the call neither
-- pays again nor gets anything else. Takes {organizationId, id, capture, keep?: {principalId, route, idempotencyKey, token, answer}}. True where it has ended so,
-- now or before; false where it has ended otherwise, or where the key has gone to another: then nothing is taken, and nobody may be given the answer.
create or replace function end_purchase(p jsonb) returns jsonb language plpgsql as $$
declare
  organization uuid := (p->>'organizationId')::uuid;
  captured boolean := (p->>'capture')::boolean;
  wanted text := case when captured then 'captured' else 'released' end;
  keep jsonb := nullif(p->'keep', 'null');
  u purchases;
  paid bigint;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  -- The session or channel before its purchase, as whoever buys locks them: the other way round one that shows the same voucher and this wait for each other.
  perform from wallet_sessions where id = (select session_id from purchases where id = (p->>'id')::uuid and method = 'session') for update;
  perform from payment_channels where id = (select session_id from purchases where id = (p->>'id')::uuid and method = 'channel') for update;
  select * into u from purchases where id = (p->>'id')::uuid for update;
  if u.state is distinct from 'reserved' then return to_jsonb(coalesce(u.state = wanted, not captured)); end if;
  if captured and keep is not null then
    keep := keep || jsonb_build_object('organizationId', organization);
    perform from idempotency_keys where organization_id = organization and principal_id = keep->>'principalId' and route = keep->>'route'
      and key = keep->>'idempotencyKey' and claim = (keep->>'token')::uuid for update;
    captured := found;
  end if;
  paid := case when captured then u.amount_micros else 0 end;
  update purchases set state = case when captured then 'captured' else 'released' end, ended_at = clock_timestamp() where id = u.id;
  if u.method = 'credits' then
    if captured then perform capture_hold(jsonb_build_object('organizationId', organization, 'id', u.id, 'amountMicros', u.amount_micros, 'note', u.plugin));
    else perform release_hold(jsonb_build_object('organizationId', organization, 'id', u.id));
    end if;
  elsif u.method = 'channel' then
    update payment_channels set reserved_micros = reserved_micros - u.amount_micros, spent_micros = spent_micros + paid,
      units = units + case when captured then 1 else 0 end, version = version + 1 where id = u.session_id;
    if paid > 0 then perform transfer(organization, 'purchase', u.id::text, 'clearing', 'revenue', paid, u.plugin); end if;
  else
    update wallet_sessions set reserved_micros = reserved_micros - u.amount_micros, spent_micros = spent_micros + paid where id = u.session_id;
    if paid > 0 then perform transfer(organization, 'purchase', u.id::text, 'sessions', 'revenue', paid, u.plugin); end if;
    perform return_session(u.session_id);
  end if;
  if captured and keep is not null then perform settle_claim(keep); end if;
  return to_jsonb(captured = (wanted = 'captured'));
end $$;

-- What an earlier holder of the same call's key has set aside goes back: it was not heard of in time, and can take nothing any more.
create function release_call(organization uuid, wanted text) returns void language plpgsql as $$
declare
  earlier uuid;
begin
  if wanted is null then return; end if;
  for earlier in select id from purchases where organization_id = organization and call_key = wanted and state = 'reserved' loop
    perform end_purchase(jsonb_build_object('organizationId', organization, 'id', earlier, 'capture', false));
  end loop;
end $$;

-- Sets the price of one call aside in a session: one conditional statement, so that any number at once never take more than there is. What is reserved under the same
-- nonce by one who has not been heard of goes back first: a nonce pays once, and until then it is its wallet's. Takes
-- {organizationId, id, sessionId, wallet, plugin, amountMicros, nonce, signature, signedMicros (as a total; null: for this call alone), callKey?, quietMs?}. Returns {outcome:
-- reserved, remainingMicros} | insufficient, with what is left | invalid: no open session of that wallet | used: that nonce was, or is just now
-- (underWay) | unsigned: the wallet has signed for less in all.
create or replace function reserve_in_session(p jsonb) returns jsonb language plpgsql as $$
declare
  organization uuid := (p->>'organizationId')::uuid;
  micros bigint := (p->>'amountMicros')::bigint;
  signed bigint := (p->>'signedMicros')::bigint;
  s wallet_sessions;
  u purchases;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  perform release_call(organization, p->>'callKey');
  perform from wallet_sessions where id = p->>'sessionId' and wallet = p->>'wallet' and status = 'active' for update;
  if not found then return '{"outcome": "invalid"}'; end if;
  select * into u from purchases where session_id = p->>'sessionId' and nonce = p->>'nonce' and state <> 'released';
  if u.state = 'captured' then return '{"outcome": "used"}'; end if;
  if u.state = 'reserved' then
    if u.touched_at > clock_timestamp() - coalesce((p->>'quietMs')::float8, 60000) * interval '1 millisecond' then return '{"outcome": "used", "underWay": true}'; end if;
    perform end_purchase(jsonb_build_object('organizationId', organization, 'id', u.id, 'capture', false));
  end if;
  update wallet_sessions set reserved_micros = reserved_micros + micros, signed_micros = greatest(signed_micros, signed)
  where id = p->>'sessionId' and wallet = p->>'wallet' and status = 'active' and deposit_micros - spent_micros - reserved_micros >= micros
    and (signed is null or greatest(signed_micros, signed) >= spent_micros + reserved_micros + micros)
  returning * into s;
  if s.id is null then
    select * into s from wallet_sessions where id = p->>'sessionId';
    return jsonb_build_object('outcome', case when s.deposit_micros - s.spent_micros - s.reserved_micros >= micros then 'unsigned' else 'insufficient' end,
      'remainingMicros', s.deposit_micros - s.spent_micros - s.reserved_micros);
  end if;
  insert into purchases (id, organization_id, method, plugin, amount_micros, session_id, nonce, signature, state, call_key)
  values ((p->>'id')::uuid, organization, 'session', p->>'plugin', micros, s.id, p->>'nonce', p->>'signature', 'reserved', p->>'callKey');
  return jsonb_build_object('outcome', 'reserved', 'remainingMicros', s.deposit_micros - s.spent_micros - s.reserved_micros);
end $$;

-- The same of an organization's own credits. Takes {organizationId, id, principalId, plugin, amountMicros, callKey?}; {outcome: reserved | insufficient}.
create or replace function reserve_credits(p jsonb) returns jsonb language plpgsql as $$
declare
  organization uuid := (p->>'organizationId')::uuid;
  grown jsonb;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  perform release_call(organization, p->>'callKey');
  grown := grow_hold(jsonb_build_object('organizationId', organization, 'id', p->>'id', 'kind', 'purchase', 'principalId', p->>'principalId', 'agentId', null,
    'userId', null, 'model', null, 'firmMicros', (p->>'amountMicros')::bigint, 'inputTokens', 0, 'firmOutputTokens', 0, 'sliceTokens', 0, 'spareMicros', 0,
    'refuseUnpriced', false));
  if grown->>'outcome' <> 'granted' then return '{"outcome": "insufficient"}'; end if;
  insert into purchases (id, organization_id, method, plugin, amount_micros, state, call_key)
  values ((p->>'id')::uuid, organization, 'credits', p->>'plugin', (p->>'amountMicros')::bigint, 'reserved', p->>'callKey');
  return '{"outcome": "reserved"}';
end $$;

-- The same of what a payer has signed for in a channel: one conditional statement. Takes {organizationId, id, channelId, plugin, amountMicros, callKey?}. Returns
-- {outcome: reserved, spentMicros, voucherMicros, units} | {short, requiredMicros, voucherMicros, depositMicros} | gone.
create function reserve_in_channel(p jsonb) returns jsonb language plpgsql as $$
declare
  organization uuid := (p->>'organizationId')::uuid;
  micros bigint := (p->>'amountMicros')::bigint;
  c payment_channels;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  perform release_call(organization, p->>'callKey');
  update payment_channels set reserved_micros = reserved_micros + micros, version = version + 1, used_at = clock_timestamp()
  where id = p->>'channelId' and status = 'open' and spent_micros + reserved_micros + micros <= least(voucher_micros, deposit_micros) returning * into c;
  if c.id is null then
    select * into c from payment_channels where id = p->>'channelId' and status = 'open';
    if c.id is null then return '{"outcome": "gone"}'; end if;
    return jsonb_build_object('outcome', 'short', 'requiredMicros', c.spent_micros + c.reserved_micros + micros, 'voucherMicros', c.voucher_micros,
      'depositMicros', c.deposit_micros);
  end if;
  insert into purchases (id, organization_id, method, plugin, amount_micros, session_id, nonce, state, call_key)
  values ((p->>'id')::uuid, organization, 'channel', p->>'plugin', micros, c.id, p->>'id', 'reserved', p->>'callKey');
  return jsonb_build_object('outcome', 'reserved', 'spentMicros', c.spent_micros + c.reserved_micros, 'voucherMicros', c.voucher_micros, 'units', c.units + 1);
end $$;

-- Purchases whose process died with them: nobody was given anything for them that is known of. For the sweep.
create or replace function find_left_purchases(older_than interval, rows_max int) returns jsonb language sql stable as $$
  select coalesce(jsonb_agg(jsonb_build_object('organizationId', organization_id, 'id', id)), '[]') from (
    select organization_id, id from purchases where state = 'reserved' and touched_at < clock_timestamp() - older_than order by touched_at limit rows_max) found
$$;

-- Lets one of them go, unless it has been heard of again. Takes {organizationId, id, quietMs}.
create function release_left_purchase(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  if not exists (select from purchases where id = (p->>'id')::uuid and state = 'reserved'
    and touched_at < clock_timestamp() - (p->>'quietMs')::float8 * interval '1 millisecond') then return 'false'; end if;
  return end_purchase(jsonb_build_object('organizationId', p->>'organizationId', 'id', p->>'id', 'capture', false));
end $$;

-- Payments by challenge ---------------------------------------------------------------------------------------------------

-- Grows with every claim: what an earlier one finds or answers changes nothing any more.
alter table payment_challenges add column epoch int not null default 0;
-- How often a payment of unknown outcome was looked for, and when it is looked for again.
alter table payment_challenges add column looks int not null default 0;
alter table payment_challenges add column due_at timestamptz not null default now();
drop index payment_challenges_unknown;
create index payment_challenges_unknown on payment_challenges (due_at) where state in ('verifying', 'unknown');
grant select (due_at) on payment_challenges to parley_sweep;

-- Who may go on with a challenge that was paid, or is said to be: one at a time. Takes {organizationId, id, plugin, digest, credential, shown, leaseMs}; returns
-- {outcome: verify, epoch, challenge} | {outcome: run, epoch, amountMicros, receipt, payer} | {outcome: done, answer} | busy | expired | mismatch | refunded.
create or replace function claim_challenge(p jsonb) returns jsonb language plpgsql as $$
declare
  c payment_challenges;
  left_alone boolean;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  select * into c from payment_challenges where id = p->>'id' for update;
  if c.id is null or c.plugin <> p->>'plugin' or c.body_digest <> p->>'digest' then return '{"outcome": "mismatch"}'; end if;
  left_alone := c.touched_at < clock_timestamp() - (p->>'leaseMs')::float8 * interval '1 millisecond';
  -- What was shown in time and was not on the chain yet may be shown later, too.
  if c.state = 'open' and c.expires_at < clock_timestamp() and c.credential is distinct from p->>'credential' then return '{"outcome": "expired"}'; end if;
  if c.state <> 'open' and c.credential <> p->>'credential' then return '{"outcome": "mismatch"}'; end if;
  if c.state = 'done' then return jsonb_build_object('outcome', 'done', 'answer', c.answer); end if;
  if c.state in ('refunding', 'refunded') then return '{"outcome": "refunded"}'; end if;
  if c.state in ('verifying', 'running') and not left_alone then return '{"outcome": "busy"}'; end if;
  update payment_challenges set touched_at = clock_timestamp(), due_at = clock_timestamp(), epoch = epoch + 1, credential = p->>'credential', shown = p->>'shown',
    state = case when state in ('paid', 'running') then 'running' else 'verifying' end where id = c.id returning * into c;
  if c.state = 'running' then
    return jsonb_build_object('outcome', 'run', 'epoch', c.epoch, 'amountMicros', c.amount_micros, 'receipt', c.receipt, 'payer', c.payer);
  end if;
  return jsonb_build_object('outcome', 'verify', 'epoch', c.epoch, 'challenge', c.challenge);
end $$;

-- Whoever is at it goes on. Takes {organizationId, id, epoch}; false where another is.
create function hold_challenge(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  update payment_challenges set touched_at = clock_timestamp()
  where id = p->>'id' and epoch = (p->>'epoch')::int and state in ('verifying', 'running');
  return to_jsonb(found);
end $$;

-- What the chain says of it: {organizationId, id, epoch, outcome: paid, reference, payer, receipt, then} books it and lets the work begin, or wait for its payer; refused:
-- another payment may be shown; absent: that one, too; unknown: the same is looked at again. Returns kept, used where that payment has paid for another
-- call, or lost where somebody else looks for it now, or has found it.
drop function verify_challenge(jsonb);
create function verify_challenge(p jsonb) returns jsonb language plpgsql as $$
declare
  c payment_challenges;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  if p->>'outcome' <> 'paid' then
    update payment_challenges set state = case p->>'outcome' when 'unknown' then 'unknown' else 'open' end,
      credential = case p->>'outcome' when 'refused' then null else credential end, touched_at = clock_timestamp(),
      looks = looks + 1, due_at = clock_timestamp() + least(5 * power(2, least(looks, 10)), 600) * interval '1 second'
    where id = p->>'id' and state = 'verifying' and epoch = (p->>'epoch')::int;
    return case when found then '"kept"' else '"lost"' end;
  end if;
  begin
    update payment_challenges set state = coalesce(p->>'then', 'running'), shown = null, reference = p->>'reference', payer = p->>'payer',
      receipt = p->>'receipt', touched_at = clock_timestamp()
    where id = p->>'id' and state = 'verifying' and epoch = (p->>'epoch')::int returning * into c;
  exception when unique_violation then
    update payment_challenges set state = 'open', credential = null where id = p->>'id' and state = 'verifying' and epoch = (p->>'epoch')::int;
    return '"used"';
  end;
  if c.id is null then
    -- Said again, because the first time was not heard.
    return case when exists (select from payment_challenges where id = p->>'id' and epoch = (p->>'epoch')::int and reference = p->>'reference'
      and state = coalesce(p->>'then', 'running')) then '"kept"' else '"lost"' end;
  end if;
  perform transfer(c.organization_id, 'payment', c.id, 'clearing', 'revenue', c.amount_micros, c.plugin);
  return '"kept"';
end $$;

-- The work is done, with its answer, or it failed: then it is paid for still, or, of a card, to be paid back: {refund: its reference}. Takes {organizationId, id,
-- epoch, answer (null: failed)}. `kept` is false where another has taken it over: then nobody may be given the answer.
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
    answer = nullif(p->'answer', 'null'), touched_at = clock_timestamp() where id = c.id returning * into c;
  return jsonb_build_object('refund', case when c.state = 'refunding' then c.reference end, 'kept', true);
end $$;

-- Payments whose outcome nobody knows, and that nobody looks for just now. For the sweep.
create or replace function find_unknown_payments(quiet interval, rows_max int) returns jsonb language sql stable as $$
  select coalesce(jsonb_agg(jsonb_build_object('organizationId', organization_id, 'id', id)), '[]') from (
    select organization_id, id from payment_challenges
    where state in ('verifying', 'unknown') and due_at < clock_timestamp() and (state = 'unknown' or touched_at < clock_timestamp() - quiet)
    order by due_at limit rows_max) found
$$;

-- Takes one of them up: {epoch, method, plugin, challenge, shown}; null where somebody else has. Takes {organizationId, id, quietMs}.
create or replace function take_unknown_payment(p jsonb) returns jsonb language plpgsql as $$
declare
  c payment_challenges;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  update payment_challenges set state = 'verifying', touched_at = clock_timestamp(), epoch = epoch + 1
  where id = p->>'id' and state in ('verifying', 'unknown') and due_at < clock_timestamp()
    and (state = 'unknown' or touched_at < clock_timestamp() - (p->>'quietMs')::float8 * interval '1 millisecond')
  returning * into c;
  return case when c.id is null then null
    else jsonb_build_object('epoch', c.epoch, 'method', c.method, 'plugin', c.plugin, 'challenge', c.challenge, 'shown', c.shown) end;
end $$;
