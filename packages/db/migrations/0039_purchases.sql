-- What is sold by the call: money that wallets have set aside for it, and each purchase from its price to its end.

-- `sessions`: what wallets have set aside and not used yet.
alter table ledger_entries drop constraint ledger_entries_account_check;
alter table ledger_entries add constraint ledger_entries_account_check
  check (account in ('customer', 'revenue', 'house', 'credits', 'clearing', 'sessions')) not valid;

create table wallet_sessions (
  id text primary key,
  organization_id uuid not null,
  principal_id text not null,
  -- Lower case.
  wallet text not null,
  deposit_micros bigint not null check (deposit_micros >= 0),
  reserved_micros bigint not null default 0 check (reserved_micros >= 0),
  spent_micros bigint not null default 0 check (spent_micros >= 0),
  -- What the wallet has signed for, as a total; null: it signs for each call.
  signed_micros bigint,
  returned_micros bigint not null default 0,
  status text not null default 'active' check (status in ('active', 'closing', 'closed')),
  created_at timestamptz not null default clock_timestamp(),
  closed_at timestamptz,
  check (spent_micros + reserved_micros <= deposit_micros)
) with (fillfactor = 50);
create unique index wallet_sessions_open on wallet_sessions (organization_id, wallet) where status <> 'closed';
create index wallet_sessions_of_wallet on wallet_sessions (organization_id, wallet, created_at);

create table purchases (
  id uuid primary key,
  organization_id uuid not null,
  method text not null check (method in ('credits', 'session', 'mpp')),
  plugin text not null,
  amount_micros bigint not null check (amount_micros >= 0),
  session_id text,
  -- Of a voucher; made here where the session's owner called without one.
  nonce text,
  signature text,
  -- `reserved`: the money is set aside and the work under way.
  state text not null check (state in ('reserved', 'captured', 'released')),
  created_at timestamptz not null default clock_timestamp(),
  ended_at timestamptz
);
create unique index purchases_by_nonce on purchases (session_id, nonce);
create index purchases_of_session on purchases (session_id, created_at desc);
create index purchases_under_way on purchases (created_at) where state = 'reserved';

do $$
declare
  name text;
begin
  foreach name in array array['wallet_sessions', 'purchases'] loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format(
      'create policy tenant on %I to parley_app using (organization_id = any (nullif(current_setting(''parley.organizations'', true), '''')::uuid[]))'
      ' with check (organization_id = any (nullif(current_setting(''parley.organizations'', true), '''')::uuid[]))', name);
    execute format('grant select, insert, update on %I to parley_app', name);
  end loop;
  execute format('create policy lookup on wallet_sessions for select to %I using (true)', current_user);
end $$;
create policy sweep on purchases for select to parley_sweep using (true);
grant select (organization_id, id, state, created_at) on purchases to parley_sweep;

-- Sessions ---------------------------------------------------------------------------------------------------------------

-- Whose session that is, for wallets that come without a key.
create function wallet_session_owner(session text) returns uuid language sql stable security definer set search_path = public as $$
  select organization_id from wallet_sessions where id = session
$$;
revoke all on function wallet_session_owner from public;
grant execute on function wallet_session_owner to parley_app;

create function wallet_session_json(s wallet_sessions) returns jsonb language sql stable as $$
  select jsonb_build_object('id', s.id, 'organizationId', s.organization_id, 'wallet', s.wallet, 'depositMicros', s.deposit_micros, 'reservedMicros', s.reserved_micros,
    'spentMicros', s.spent_micros, 'returnedMicros', s.returned_micros, 'status', s.status, 'createdAt', iso(s.created_at), 'closedAt', iso(s.closed_at),
    'vouchers', (select coalesce(jsonb_agg(jsonb_build_object('plugin', v.plugin, 'amountMicros', v.amount_micros, 'state', v.state, 'createdAt', iso(v.created_at))
      order by v.created_at desc), '[]') from (select * from purchases where session_id = s.id order by created_at desc limit 50) v))
$$;

-- Moves money of the organization's into a session: its own credits, which have to be there, or the operator's gift.
create function fund_session(organization uuid, session text, step text, from_account text, micros bigint) returns void language plpgsql as $$
declare
  b ledger_balances;
begin
  perform transfer(organization, 'session', session || '/' || step, from_account, 'sessions', micros, session);
  if from_account <> 'customer' then return; end if;
  -- Taken off already, under the balance's lock; where that was too much, all of it is undone.
  select * into b from ledger_balances where organization_id = organization and account = 'customer';
  if b.balance_micros - b.held_micros < 0 then perform refuse('budget_exhausted'); end if;
end $$;

-- One open session per wallet: another gives that one. Takes {organizationId, principalId, id, wallet, depositMicros, from}; returns {created, session}.
create function open_wallet_session(p jsonb) returns jsonb language plpgsql as $$
declare
  organization uuid := (p->>'organizationId')::uuid;
  s wallet_sessions;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  insert into wallet_sessions (id, organization_id, principal_id, wallet, deposit_micros)
  values (p->>'id', organization, p->>'principalId', p->>'wallet', (p->>'depositMicros')::bigint)
  on conflict (organization_id, wallet) where status <> 'closed' do nothing returning * into s;
  if s.id is null then
    select * into s from wallet_sessions where organization_id = organization and wallet = p->>'wallet' and status <> 'closed';
    return jsonb_build_object('created', false, 'session', wallet_session_json(s));
  end if;
  perform fund_session(organization, s.id, 'open', p->>'from', s.deposit_micros);
  return jsonb_build_object('created', true, 'session', wallet_session_json(s));
end $$;

-- Takes {organizationId, id, step, depositMicros, depositMaxMicros, from}; null where there is no open one. `limit_reached` where it would hold more than it may.
create function top_up_wallet_session(p jsonb) returns jsonb language plpgsql as $$
declare
  s wallet_sessions;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  update wallet_sessions set deposit_micros = deposit_micros + (p->>'depositMicros')::bigint
  where id = p->>'id' and status = 'active' returning * into s;
  if s.id is null then return null; end if;
  if s.deposit_micros - s.spent_micros > (p->>'depositMaxMicros')::bigint then perform refuse('limit_reached'); end if;
  perform fund_session(s.organization_id, s.id, p->>'step', p->>'from', (p->>'depositMicros')::bigint);
  return wallet_session_json(s);
end $$;

-- Those of a wallet, newest first, or the one of that id. Takes {organizationId, wallet?, id?, limit}.
create function list_wallet_sessions(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  return (select coalesce(jsonb_agg(wallet_session_json(s) order by s.created_at desc), '[]') from (
    select * from wallet_sessions w where w.organization_id = (p->>'organizationId')::uuid
      and (p->>'id' is null or w.id = p->>'id') and (p->>'wallet' is null or w.wallet = p->>'wallet')
    order by created_at desc limit (p->>'limit')::int) s);
end $$;

-- Gives back what is left of one that takes nothing more, once nothing of it is under way.
create function return_session(session text) returns void language plpgsql as $$
declare
  s wallet_sessions;
  rest bigint;
begin
  update wallet_sessions set status = 'closed', closed_at = clock_timestamp(), returned_micros = deposit_micros - spent_micros
  where id = session and status = 'closing' and reserved_micros = 0 returning * into s;
  if s.id is null then return; end if;
  rest := s.returned_micros;
  if rest > 0 then perform transfer(s.organization_id, 'session', s.id || '/close', 'sessions', 'customer', rest, s.id); end if;
end $$;

-- From now on nothing more is bought with it; what is under way ends, and then the rest goes back. Takes {organizationId, id}; null where there is none.
create function close_wallet_session(p jsonb) returns jsonb language plpgsql as $$
declare
  s wallet_sessions;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  update wallet_sessions set status = 'closing' where id = p->>'id' and status = 'active';
  perform return_session(p->>'id');
  select * into s from wallet_sessions where id = p->>'id';
  return case when s.id is null then null else wallet_session_json(s) end;
end $$;

-- Purchases --------------------------------------------------------------------------------------------------------------

create function purchase_json(u purchases, remaining bigint) returns jsonb language sql stable as $$
  select jsonb_build_object('outcome', 'reserved', 'id', u.id, 'nonce', u.nonce, 'remainingMicros', remaining)
$$;

-- Sets the price of one call aside in a session: one conditional statement, so that any number at once never take more than there is. Takes
-- {organizationId, id, sessionId, wallet, plugin, amountMicros, nonce, signature, signedMicros (as a total; null: for this call alone)}. Returns {outcome:
-- reserved, remainingMicros} | insufficient, with what is left | invalid: no open session of that wallet | used: that nonce was | unsigned: the
-- wallet has signed for less in all.
create function reserve_in_session(p jsonb) returns jsonb language plpgsql as $$
declare
  organization uuid := (p->>'organizationId')::uuid;
  micros bigint := (p->>'amountMicros')::bigint;
  signed bigint := (p->>'signedMicros')::bigint;
  s wallet_sessions;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  update wallet_sessions set reserved_micros = reserved_micros + micros, signed_micros = greatest(signed_micros, signed)
  where id = p->>'sessionId' and wallet = p->>'wallet' and status = 'active' and deposit_micros - spent_micros - reserved_micros >= micros
    and (signed is null or greatest(signed_micros, signed) >= spent_micros + reserved_micros + micros)
  returning * into s;
  if s.id is null then
    select * into s from wallet_sessions where id = p->>'sessionId' and wallet = p->>'wallet' and status = 'active';
    if s.id is null then return '{"outcome": "invalid"}'; end if;
    return jsonb_build_object('outcome', case when s.deposit_micros - s.spent_micros - s.reserved_micros >= micros then 'unsigned' else 'insufficient' end,
      'remainingMicros', s.deposit_micros - s.spent_micros - s.reserved_micros);
  end if;
  insert into purchases (id, organization_id, method, plugin, amount_micros, session_id, nonce, signature, state)
  values ((p->>'id')::uuid, organization, 'session', p->>'plugin', micros, s.id, p->>'nonce', p->>'signature', 'reserved') on conflict do nothing;
  if not found then
    update wallet_sessions set reserved_micros = reserved_micros - micros where id = s.id;
    return '{"outcome": "used"}';
  end if;
  return jsonb_build_object('outcome', 'reserved', 'remainingMicros', s.deposit_micros - s.spent_micros - s.reserved_micros);
end $$;

-- The same of an organization's own credits. Takes {organizationId, id, principalId, plugin, amountMicros}; {outcome: reserved | insufficient}.
create function reserve_credits(p jsonb) returns jsonb language plpgsql as $$
declare
  organization uuid := (p->>'organizationId')::uuid;
  grown jsonb;
begin
  grown := grow_hold(jsonb_build_object('organizationId', organization, 'id', p->>'id', 'kind', 'purchase', 'principalId', p->>'principalId', 'agentId', null,
    'userId', null, 'model', null, 'firmMicros', (p->>'amountMicros')::bigint, 'inputTokens', 0, 'firmOutputTokens', 0, 'sliceTokens', 0, 'spareMicros', 0,
    'refuseUnpriced', false));
  if grown->>'outcome' <> 'granted' then return '{"outcome": "insufficient"}'; end if;
  insert into purchases (id, organization_id, method, plugin, amount_micros, state)
  values ((p->>'id')::uuid, organization, 'credits', p->>'plugin', (p->>'amountMicros')::bigint, 'reserved');
  return '{"outcome": "reserved"}';
end $$;

-- Takes the money for what was done, or lets it go: once, whatever comes later. Takes {organizationId, id, capture}; false where it had ended before.
create function end_purchase(p jsonb) returns jsonb language plpgsql as $$
declare
  organization uuid := (p->>'organizationId')::uuid;
  captured boolean := (p->>'capture')::boolean;
  u purchases;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  -- The session before its purchase, as whoever buys locks them: the other way round one that shows the same voucher and this wait for each other.
  perform from wallet_sessions where id = (select session_id from purchases where id = (p->>'id')::uuid) for update;
  update purchases set state = case when captured then 'captured' else 'released' end, ended_at = clock_timestamp()
  where id = (p->>'id')::uuid and state = 'reserved' returning * into u;
  if u.id is null then return 'false'; end if;
  if u.method = 'credits' then
    if captured then perform capture_hold(jsonb_build_object('organizationId', organization, 'id', u.id, 'amountMicros', u.amount_micros, 'note', u.plugin));
    else perform release_hold(jsonb_build_object('organizationId', organization, 'id', u.id));
    end if;
    return 'true';
  end if;
  update wallet_sessions set reserved_micros = reserved_micros - u.amount_micros,
    spent_micros = spent_micros + case when captured then u.amount_micros else 0 end where id = u.session_id;
  if captured and u.amount_micros > 0 then
    perform transfer(organization, 'purchase', u.id::text, 'sessions', 'revenue', u.amount_micros, u.plugin);
  end if;
  perform return_session(u.session_id);
  return 'true';
end $$;

-- Purchases whose process died with them: nobody was given anything for them that is known of. For the sweep.
create function find_left_purchases(older_than interval, rows_max int) returns jsonb language sql stable as $$
  select coalesce(jsonb_agg(jsonb_build_object('organizationId', organization_id, 'id', id)), '[]') from (
    select organization_id, id from purchases where state = 'reserved' and created_at < clock_timestamp() - older_than order by created_at limit rows_max) found
$$;

-- Payments by challenge ---------------------------------------------------------------------------------------------------

-- What was asked of somebody who is to pay for one call, and how far that has come: `open`, then `verifying` while the payment is looked for, `unknown` where
-- nobody could say whether it was made, `paid`, `running` while the work is done, `done` with its answer. Paid once, it stays paid: what failed after that is tried again.
create table payment_challenges (
  id text primary key,
  organization_id uuid not null,
  plugin text not null,
  amount_micros bigint not null check (amount_micros > 0),
  -- Of the call that it is for.
  body_digest text not null,
  -- As it was offered.
  challenge jsonb not null,
  expires_at timestamptz not null,
  state text not null default 'open' check (state in ('open', 'verifying', 'unknown', 'paid', 'running', 'done')),
  -- What it is paid with: the same comes back to the same purchase.
  credential text,
  -- The credential itself, for as long as it has to be looked for.
  shown text,
  reference text,
  payer text,
  receipt text,
  answer jsonb,
  touched_at timestamptz not null default clock_timestamp(),
  created_at timestamptz not null default clock_timestamp()
);
-- One payment pays one call.
create unique index payment_challenges_by_reference on payment_challenges (reference);
create index payment_challenges_unknown on payment_challenges (touched_at) where state in ('verifying', 'unknown');
create index payment_challenges_by_age on payment_challenges (expires_at) where state = 'open';

do $$
begin
  alter table payment_challenges enable row level security;
  alter table payment_challenges force row level security;
  create policy tenant on payment_challenges to parley_app
    using (organization_id = any (nullif(current_setting('parley.organizations', true), '')::uuid[]))
    with check (organization_id = any (nullif(current_setting('parley.organizations', true), '')::uuid[]));
  grant select, insert, update, delete on payment_challenges to parley_app;
  execute format('create policy lookup on payment_challenges for select to %I using (true)', current_user);
end $$;

create function challenge_owner(wanted text) returns uuid language sql stable security definer set search_path = public as $$
  select organization_id from payment_challenges where id = wanted
$$;
revoke all on function challenge_owner from public;
grant execute on function challenge_owner to parley_app;

-- Takes {organizationId, id, plugin, amountMicros, digest, challenge, expiresAt}. Old ones that nobody has paid go, some at a time.
create function offer_challenge(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  delete from payment_challenges where id in (
    select id from payment_challenges where state = 'open' and expires_at < clock_timestamp() - interval '1 hour' limit 10 for update skip locked);
  insert into payment_challenges (id, organization_id, plugin, amount_micros, body_digest, challenge, expires_at)
  values (p->>'id', (p->>'organizationId')::uuid, p->>'plugin', (p->>'amountMicros')::bigint, p->>'digest', p->'challenge', (p->>'expiresAt')::timestamptz);
  return 'true';
end $$;

-- Who may go on with a challenge that was paid, or is said to be: one at a time. Takes {organizationId, id, plugin, digest, credential, shown, leaseMs}; returns
-- {outcome: verify, challenge} | {outcome: run, amountMicros, receipt, payer} | {outcome: done, answer} | busy | expired | mismatch.
create function claim_challenge(p jsonb) returns jsonb language plpgsql as $$
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
  if c.state in ('verifying', 'running') and not left_alone then return '{"outcome": "busy"}'; end if;
  update payment_challenges set touched_at = clock_timestamp(), credential = p->>'credential', shown = p->>'shown',
    state = case when state in ('paid', 'running') then 'running' else 'verifying' end where id = c.id returning * into c;
  if c.state = 'running' then
    return jsonb_build_object('outcome', 'run', 'amountMicros', c.amount_micros, 'receipt', c.receipt, 'payer', c.payer);
  end if;
  return jsonb_build_object('outcome', 'verify', 'challenge', c.challenge);
end $$;

-- What the chain says of it: {organizationId, id, outcome: paid, reference, payer, receipt, then} books it and lets the work begin, or wait for its payer; refused: another payment
-- may be shown; unknown: the same is looked at again. False where that payment has paid for another call.
create function verify_challenge(p jsonb) returns jsonb language plpgsql as $$
declare
  c payment_challenges;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  if p->>'outcome' <> 'paid' then
    update payment_challenges set state = case p->>'outcome' when 'unknown' then 'unknown' else 'open' end,
      credential = case p->>'outcome' when 'unknown' then credential end, touched_at = clock_timestamp()
    where id = p->>'id' and state = 'verifying';
    return 'true';
  end if;
  begin
    update payment_challenges set state = coalesce(p->>'then', 'running'), shown = null, reference = p->>'reference', payer = p->>'payer', receipt = p->>'receipt', touched_at = clock_timestamp()
    where id = p->>'id' and state = 'verifying' returning * into c;
  exception when unique_violation then
    update payment_challenges set state = 'open', credential = null where id = p->>'id' and state = 'verifying';
    return 'false';
  end;
  if c.id is null then return 'false'; end if;
  perform transfer(c.organization_id, 'payment', c.id, 'clearing', 'revenue', c.amount_micros, c.plugin);
  return 'true';
end $$;

-- The work is done, with its answer, or it failed: then it is paid for still. Takes {organizationId, id, answer (null: failed)}.
create function finish_challenge(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  update payment_challenges set state = case when p->'answer' = 'null' then 'paid' else 'done' end, answer = nullif(p->'answer', 'null'),
    touched_at = clock_timestamp() where id = p->>'id' and state = 'running';
  return to_jsonb(found);
end $$;

-- Payments whose outcome nobody knows, not looked at for a while and not given up. For the sweep.
create function find_unknown_payments(quiet interval, rows_max int) returns jsonb language sql stable as $$
  select coalesce(jsonb_agg(jsonb_build_object('organizationId', organization_id, 'id', id)), '[]') from (
    select organization_id, id from payment_challenges
    where state in ('verifying', 'unknown') and touched_at < clock_timestamp() - quiet and created_at > clock_timestamp() - interval '1 day'
    order by touched_at limit rows_max) found
$$;
create policy sweep on payment_challenges for select to parley_sweep using (true);
grant select (organization_id, id, state, touched_at, created_at) on payment_challenges to parley_sweep;

-- Takes one of them up: {plugin, challenge, shown}; null where somebody else has. Takes {organizationId, id, quietMs}.
create function take_unknown_payment(p jsonb) returns jsonb language plpgsql as $$
declare
  c payment_challenges;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  update payment_challenges set state = 'verifying', touched_at = clock_timestamp()
  where id = p->>'id' and state in ('verifying', 'unknown') and touched_at < clock_timestamp() - (p->>'quietMs')::float8 * interval '1 millisecond'
  returning * into c;
  return case when c.id is null then null else jsonb_build_object('plugin', c.plugin, 'challenge', c.challenge, 'shown', c.shown) end;
end $$;
