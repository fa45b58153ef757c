-- Calls that are sold are charges, too: `plugin` for each that was paid for, in whatever way, and `refund` for what a card was given back of one.
-- So what was charged, the house's part left out, adds up to what sold calls and usage have earned.

alter table charges drop constraint charges_source_type_check;
alter table charges add constraint charges_source_type_check check (source_type in ('turn', 'direct', 'peer', 'agent', 'plugin', 'refund')) not valid;
-- `outside`: neither the organization's money nor the operator's, but that of somebody who has paid for one call.
alter table charges drop constraint charges_payer_check;
alter table charges add constraint charges_payer_check check (payer in ('customer', 'house', 'outside')) not valid;
-- What is given back is below zero, and what a won dispute returns above.
alter table charges drop constraint charges_amount_micros_check;
alter table charges add constraint charges_amount_micros_check check (amount_micros >= 0 or source_type = 'refund') not valid;

-- Who has bought: a key, or in a session the key that had set its money aside, or `payer:<wallet>`.
alter table purchases add column principal_id text;

-- When a session was used last, and when it is looked at for whether it is used at all.
alter table wallet_sessions add column used_at timestamptz not null default now();
alter table wallet_sessions add column due_at timestamptz not null default now() + interval '10 minutes';
-- Closed because nobody has used it.
alter table wallet_sessions add column is_expired boolean not null default false;
create index wallet_sessions_due on wallet_sessions (due_at) where status = 'active';
grant select (organization_id, due_at) on wallet_sessions to parley_sweep;

-- What was sold before: the ledger knows it.
alter table charges no force row level security;
alter table ledger_entries no force row level security;
alter table payment_challenges no force row level security;
insert into charges (organization_id, source_type, source_id, transaction_id, payer, amount_micros, assumed, model, input_tokens, output_tokens, cached_tokens,
  reasoning_tokens, estimated, at, registered)
select e.organization_id, case e.source_type when 'refund' then 'refund' else 'plugin' end, e.source_id, e.transaction_id,
  case when exists (select from ledger_entries o where o.transaction_id = e.transaction_id and o.account in ('customer', 'sessions')) then 'customer' else 'outside' end,
  e.amount_micros, false, 'plugin/' || case when e.source_type <> 'refund' then e.note else coalesce(c.plugin, case when e.note like 'pi\_%' then '?' else e.note end) end, 0, 0, 0, 0, false, e.at, true
from ledger_entries e left join payment_challenges c on e.source_type = 'refund' and c.reference = e.note
where e.account = 'revenue' and e.source_type in ('purchase', 'payment', 'refund') on conflict do nothing;
alter table payment_challenges force row level security;
alter table ledger_entries force row level security;
alter table charges force row level security;

-- The charge of one call that was sold, or of what was given back of one; its ledger entry, where it has cost anything, is there already. `sale` is the call's payment, where
-- the source is another's: what was told of it.
create function charge_sale(organization uuid, entry text, source text, plugin text, principal text, moment timestamptz, micros bigint, sale text default null)
returns void language plpgsql as $$
declare
  made uuid;
begin
  select transaction_id into made from ledger_entries
  where organization_id = organization and source_type = entry and source_id = source and account = 'revenue';
  insert into charges (organization_id, source_type, source_id, transaction_id, payer, amount_micros, price_id, assumed, principal_id, model, input_tokens,
    output_tokens, cached_tokens, reasoning_tokens, estimated, at, sale_id)
  values (organization, case entry when 'refund' then 'refund' else 'plugin' end, source, made,
    case when made is null or exists (select from ledger_entries where transaction_id = made and account in ('customer', 'sessions')) then 'customer' else 'outside' end,
    micros, (price_of(organization, 'plugin', plugin, moment)).id, false, principal, 'plugin/' || plugin, 0, 0, 0, 0, false, clock_timestamp(), coalesce(sale, source))
  on conflict do nothing;
end $$;

-- Takes the money that was held for a call, and charges it. Takes {organizationId, id, amountMicros, note (the plugin), principalId?}.
create or replace function capture_hold(p jsonb) returns jsonb language plpgsql as $$
declare
  organization uuid := (p->>'organizationId')::uuid;
  h holds;
  done boolean := false;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  select * into h from holds where organization_id = organization and id = (p->>'id')::uuid for update;
  if h.id is null and not exists (select from ledger_entries where organization_id = organization and source_type = 'purchase' and source_id = p->>'id') then
    perform refuse('not_found');
  end if;
  update budget_periods n set spent_micros = n.spent_micros + (p->>'amountMicros')::bigint from jsonb_array_elements(h.counters) c
  where n.budget_id = (c->>'budgetId')::uuid and n.starts_on = (c->>'startsOn')::date;
  if jsonb_array_length(h.counters) > 0 then perform tell_budgets(organization, h.created_at); end if;
  if h.id is not null then perform drop_holds(organization, array[h.id]); end if;
  if (p->>'amountMicros')::bigint > 0 then
    done := transfer(organization, 'purchase', p->>'id', 'customer', 'revenue', (p->>'amountMicros')::bigint, p->>'note');
  end if;
  perform charge_sale(organization, 'purchase', p->>'id', p->>'note', p->>'principalId', clock_timestamp(), (p->>'amountMicros')::bigint);
  return jsonb_build_object('done', done, 'account', read_account(p));
end $$;

-- Takes the money for what was done, with its charge, or lets it go.
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
    if captured then perform capture_hold(jsonb_build_object('organizationId', organization, 'id', u.id, 'amountMicros', u.amount_micros, 'note', u.plugin,
      'principalId', u.principal_id));
    else perform release_hold(jsonb_build_object('organizationId', organization, 'id', u.id));
    end if;
  elsif u.method = 'channel' then
    update payment_channels set reserved_micros = reserved_micros - u.amount_micros, spent_micros = spent_micros + paid,
      units = units + case when captured then 1 else 0 end, version = version + 1 where id = u.session_id;
    if paid > 0 then perform transfer(organization, 'purchase', u.id::text, 'clearing', 'revenue', paid, u.plugin); end if;
    if captured then perform charge_sale(organization, 'purchase', u.id::text, u.plugin, u.principal_id, u.created_at, paid); end if;
  else
    update wallet_sessions set reserved_micros = reserved_micros - u.amount_micros, spent_micros = spent_micros + paid, used_at = clock_timestamp()
    where id = u.session_id;
    if paid > 0 then perform transfer(organization, 'purchase', u.id::text, 'sessions', 'revenue', paid, u.plugin); end if;
    if captured then perform charge_sale(organization, 'purchase', u.id::text, u.plugin, u.principal_id, u.created_at, paid); end if;
    perform return_session(u.session_id);
  end if;
  if captured and keep is not null then perform settle_claim(keep); end if;
  return to_jsonb(captured = (wanted = 'captured'));
end $$;

-- Sets the price of a call aside; see `grow_hold`. Takes {organizationId, id, principalId, plugin, amountMicros, callKey}. Returns {outcome: reserved} |
-- {outcome: insufficient, by, mayWait: it would be enough if others let go of what they hold}.
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
  if grown->>'outcome' <> 'granted' then
    -- It holds nothing, and nobody else would let go of it.
    perform release_hold(jsonb_build_object('organizationId', organization, 'id', p->>'id'));
    return jsonb_build_object('outcome', 'insufficient', 'by', grown->'by', 'mayWait', coalesce((grown->>'mayWait')::boolean, false) and (
      not exists (select from billing_accounts where organization_id = organization and mode = 'prepaid')
      or coalesce((select balance_micros from ledger_balances where organization_id = organization and account = 'customer'), 0) >= (p->>'amountMicros')::bigint));
  end if;
  insert into purchases (id, organization_id, method, plugin, amount_micros, principal_id, state, call_key)
  values ((p->>'id')::uuid, organization, 'credits', p->>'plugin', (p->>'amountMicros')::bigint, p->>'principalId', 'reserved', p->>'callKey');
  return '{"outcome": "reserved"}';
end $$;

-- Sets the price of a call aside in a session. Takes {organizationId, id, sessionId, wallet, plugin, amountMicros, nonce, signature?, signedMicros?, callKey, quietMs}. Returns
-- {outcome: reserved, remainingMicros} | {outcome: invalid, isSpent} | {outcome: used, underWay?} | {outcome: insufficient or unsigned, remainingMicros, mayWait: it would be enough if
-- others let go of what they hold, isSpent: all that was signed for has paid for calls already}.
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
  -- One that was closed, too: what has paid in it, or does so just now, is not to be paid for in another way.
  select * into s from wallet_sessions where id = p->>'sessionId' and wallet = p->>'wallet' for update;
  if not found then return '{"outcome": "invalid", "isSpent": false}'; end if;
  select * into u from purchases where session_id = p->>'sessionId' and nonce = p->>'nonce' and state <> 'released';
  if u.state = 'captured' then return '{"outcome": "used"}'; end if;
  if u.state = 'reserved' then
    if u.touched_at > clock_timestamp() - coalesce((p->>'quietMs')::float8, 60000) * interval '1 millisecond' then return '{"outcome": "used", "underWay": true}'; end if;
    perform end_purchase(jsonb_build_object('organizationId', organization, 'id', u.id, 'capture', false));
  end if;
  if s.status <> 'active' then
    return jsonb_build_object('outcome', 'invalid', 'isSpent', coalesce(signed <= s.spent_micros + s.reserved_micros, false));
  end if;
  update wallet_sessions set reserved_micros = reserved_micros + micros, signed_micros = greatest(signed_micros, signed), used_at = clock_timestamp()
  where id = p->>'sessionId' and wallet = p->>'wallet' and status = 'active' and deposit_micros - spent_micros - reserved_micros >= micros
    and (signed is null or greatest(signed_micros, signed) >= spent_micros + reserved_micros + micros)
  returning * into s;
  if s.id is null then
    select * into s from wallet_sessions where id = p->>'sessionId';
    return jsonb_build_object('outcome', case when s.deposit_micros - s.spent_micros - s.reserved_micros >= micros then 'unsigned' else 'insufficient' end,
      'remainingMicros', s.deposit_micros - s.spent_micros - s.reserved_micros,
      'mayWait', s.deposit_micros - s.spent_micros >= micros and (signed is null or greatest(s.signed_micros, signed) >= s.spent_micros + micros),
      'isSpent', coalesce(signed <= s.spent_micros, false));
  end if;
  insert into purchases (id, organization_id, method, plugin, amount_micros, session_id, principal_id, nonce, signature, state, call_key)
  values ((p->>'id')::uuid, organization, 'session', p->>'plugin', micros, s.id, s.principal_id, p->>'nonce', p->>'signature', 'reserved', p->>'callKey');
  return jsonb_build_object('outcome', 'reserved', 'remainingMicros', s.deposit_micros - s.spent_micros - s.reserved_micros);
end $$;

create or replace function reserve_in_channel(p jsonb) returns jsonb language plpgsql as $$
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
  insert into purchases (id, organization_id, method, plugin, amount_micros, session_id, principal_id, nonce, state, call_key)
  values ((p->>'id')::uuid, organization, 'channel', p->>'plugin', micros, c.id, 'payer:' || c.payer, p->>'id', 'reserved', p->>'callKey');
  return jsonb_build_object('outcome', 'reserved', 'spentMicros', c.spent_micros + c.reserved_micros, 'voucherMicros', c.voucher_micros, 'units', c.units + 1);
end $$;

-- What the chain, or the card's service, says of it: {organizationId, id, epoch, outcome: paid, reference, payer, receipt, then} books it, with its charge, and lets the work
-- begin, or wait for its payer; refused: another payment may be shown; absent: that one, too; unknown: the same is looked at again. Returns kept, used where that
-- payment has paid for another call, or lost where somebody else looks for it now, or has found it.
create or replace function verify_challenge(p jsonb) returns jsonb language plpgsql as $$
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
  perform charge_sale(c.organization_id, 'payment', c.id, c.plugin, 'payer:' || c.payer, clock_timestamp(), c.amount_micros);
  if c.method = 'stripe/charge' then
    insert into card_payments (payment_id, organization_id, purpose, paid_micros, posted_micros)
    values (c.reference, c.organization_id, 'call', c.amount_micros, c.amount_micros) on conflict do nothing;
  end if;
  return '"kept"';
end $$;

-- Brings the ledger to what is left of a payment, whatever it has bought; what is given back of a call is a charge below zero.
create or replace function post_card_payment(payment text, source text) returns void language plpgsql as $$
declare
  pay card_payments;
  change bigint;
begin
  select * into pay from card_payments where payment_id = payment;
  if pay.purpose = 'plan' then
    perform post_invoice(pay.invoice_id, source);
    return;
  end if;
  change := greatest(pay.paid_micros - pay.refunded_micros - pay.disputed_micros, 0) - pay.posted_micros;
  if pay.purpose = 'call' then
    perform shift_money(pay.organization_id, 'refund', source, 'clearing', 'revenue', change, pay.payment_id);
    if change <> 0 then
      perform charge_sale(pay.organization_id, 'refund', source, coalesce((select plugin from payment_challenges where reference = payment), '?'), null, clock_timestamp(), change,
        (select id from payment_challenges where reference = payment));
    end if;
  else perform shift_money(pay.organization_id, 'card', source, 'clearing', 'customer', change, pay.payment_id);
  end if;
  update card_payments set posted_micros = posted_micros + change where payment_id = payment and change <> 0;
end $$;

-- As before; what is sold is among it, whoever has paid for it, and only what the house bears is not.
create or replace function read_statement(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  return (
    with sums as (
      select case p->>'by' when 'day' then to_char(at at time zone 'utc', 'YYYY-MM-DD') when 'key' then principal_id when 'agent' then agent_id::text
          when 'model' then model when 'user' then user_id end as name,
        count(*) filter (where source_type <> 'refund') as calls, sum(input_tokens) as input, sum(output_tokens) as output, sum(cached_tokens) as cached, sum(reasoning_tokens) as reasoning,
        sum(amount_micros) as micros, count(*) filter (where estimated) as estimated, count(*) filter (where assumed) as assumed,
        count(*) filter (where price_id is null and not registered and source_type <> 'refund') as unpriced,
        sum(audio_ms) as audio, sum(images) as images
      from charges
      where organization_id = (p->>'organizationId')::uuid and payer <> 'house' and (jsonb_typeof(p->'agentIds') = 'null' or p->'agentIds' ? agent_id::text)
        and (p->>'from' is null or at >= (p->>'from')::timestamptz) and (p->>'to' is null or at < (p->>'to')::timestamptz)
      group by 1 order by micros desc, name limit (p->>'limit')::int
    )
    select coalesce(jsonb_agg(jsonb_build_object('name', name, 'calls', calls, 'inputTokens', input, 'outputTokens', output, 'cachedTokens', cached,
      'reasoningTokens', reasoning, 'audioMs', audio, 'images', images, 'amountMicros', micros, 'estimatedCalls', estimated, 'assumedCalls', assumed, 'unpricedCalls', unpriced)
      order by micros desc, name), '[]') from sums);
end $$;

-- The rules of the books that the operator's look at one organization and the sweep's at the next entries share: a row for each thing that is wrong.
-- Each transaction adds up, and to its charges.
create view transaction_problems with (security_invoker = true) as
  select t.organization_id, t.transaction_id, p.text
  from (
    select organization_id, transaction_id, sum(amount_micros) as micros,
      sum(amount_micros) filter (where account = 'revenue' and source_type in ('usage', 'purchase', 'payment', 'refund')) as earned
    from ledger_entries group by 1, 2) t,
    lateral (
      select 'Transaction ' || t.transaction_id || ' adds up to ' || t.micros || '.' as text where t.micros <> 0
      union all
      select 'Transaction ' || t.transaction_id || ' has ' || t.earned || ' for charges of ' || c.micros || '.'
      from (select coalesce(sum(amount_micros), 0) as micros from charges where transaction_id = t.transaction_id) c
      where t.earned <> c.micros) p;

-- What is kept as held is what the holds add up to.
create view held_problems with (security_invoker = true) as
  select o.organization_id, 'Held is kept as ' || coalesce(b.held_micros, 0) || ', but the holds add up to ' || h.micros || '.' as text
  from (select organization_id from ledger_balances union select organization_id from holds) o
    left join ledger_balances b on b.organization_id = o.organization_id and b.account = 'customer',
    lateral (select coalesce(sum(amount_micros) filter (where on_balance), 0) as micros from holds where organization_id = o.organization_id) h
  where coalesce(b.held_micros, 0) <> h.micros;
grant select on transaction_problems, held_problems to parley_app;

-- As before; each transaction of what was sold has its charge, and usage that is set aside is told.
create or replace function check_ledger(p jsonb) returns jsonb language plpgsql as $$
declare
  organization uuid := (p->>'organizationId')::uuid;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  return (
    with sums as (
      select account, sum(amount_micros) as micros from ledger_entries where organization_id = organization group by account
    ), problems as (
      select 'The entries add up to ' || sum(micros) || '.' as text from sums having sum(micros) <> 0
      union all
      select 'Account ' || account || ' is kept as ' || coalesce(b.balance_micros, 0) || ', but its entries add up to ' || coalesce(s.micros, 0) || '.'
      from sums s full join (select * from ledger_balances where organization_id = organization) b using (account)
      where coalesce(b.balance_micros, 0) <> coalesce(s.micros, 0)
      union all
      select text from held_problems where organization_id = organization
      union all
      select 'Of budget ' || n.budget_id || ' ' || n.held_micros || ' is held, but its holds add up to ' || coalesce(h.micros, 0) || '.'
      from budget_periods n left join (
        select (c->>'budgetId')::uuid as budget_id, (c->>'startsOn')::date as starts_on, sum(h.amount_micros) as micros
        from holds h, jsonb_array_elements(h.counters) c where h.organization_id = organization group by 1, 2) h using (budget_id, starts_on)
      where n.organization_id = organization and n.held_micros <> coalesce(h.micros, 0)
      union all
      select text from transaction_problems where organization_id = organization
      union all
      select 'Usage ' || id || ' (' || kind || ') cannot be recorded and is set aside: ' || trouble from usage_set_aside where organization_id = organization
    )
    select jsonb_build_object('ok', not exists (select from problems), 'sumMicros', (select coalesce(sum(micros), 0) from sums),
      'heldMicros', (select coalesce(sum(amount_micros), 0) from holds where organization_id = organization),
      'entries', (select count(*) from ledger_entries where organization_id = organization),
      'problems', (select coalesce(jsonb_agg(text), '[]') from (select text from problems limit 100) listed)));
end $$;
