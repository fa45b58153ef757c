-- What was paid, in whatever way, can be looked up: by its state, and by what its payer knows it by.

create index purchases_by_time on purchases (organization_id, created_at);
create index purchases_by_state on purchases (organization_id, state, created_at);
-- Of those for which something was shown: what is only offered is much more, and is told only by its state.
create index payment_challenges_by_time on payment_challenges (organization_id, created_at) where credential is not null or state <> 'open';
create index payment_challenges_by_state on payment_challenges (organization_id, state, created_at);
create index payment_channels_by_time on payment_channels (organization_id, created_at);
create index card_payments_by_time on card_payments (organization_id, created_at);

-- Newest first, from after a place: {items: [{kind, id, method, plugin, state, amountMicros, payer, reference, sessionId, nonce, createdAt, changedAt}], next: {at,
-- sourceId}, null where that was all}. `call`: sold for credits, in a session or a channel; `offer`: paid by a credential (those for which nothing was shown are told only by
-- their state or id); `channel`; `card`: a payment by card of credits, a call or a plan. Takes {organizationId, kind, state, reference (an id, a transaction's hash, a card
-- payment, a session, or its receipt `session:<id>:<nonce>`), after: {at, sourceId} | null, limit}; what is null or absent is left open.
create function list_payments(p jsonb) returns jsonb language plpgsql set plan_cache_mode = force_custom_plan as $$
declare
  organization uuid := (p->>'organizationId')::uuid;
  wanted text := p->>'state';
  of_kind text := p->>'kind';
  named text := p->>'reference';
  as_id uuid := case when named ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' then named::uuid end;
  -- A session, or one call of it by its receipt.
  receipt text[] := regexp_match(named, '^(?:session:)?(ses_[0-9a-f]{24})(?::(.+))?$');
  until timestamptz := coalesce((p->'after'->>'at')::timestamptz, 'infinity');
  before text := p->'after'->>'sourceId';
  most int := (p->>'limit')::int + 1;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  return (
    with found as materialized (
      (select 'call' as kind, id::text as id, method, plugin, state, amount_micros, principal_id as payer, null::text as reference, session_id, nonce, created_at,
          coalesce(ended_at, touched_at) as changed_at
        from purchases where organization_id = organization and (of_kind is null or of_kind = 'call') and (wanted is null or state = wanted)
          and created_at <= until and (before is null or created_at < until or id::text collate "C" < before)
          and (named is null or id = as_id or session_id = receipt[1] and (receipt[2] is null or nonce = receipt[2]) or session_id = lower(named))
        order by created_at desc, id::text collate "C" desc limit most)
      union all
      (select 'offer', id, method, plugin, state, amount_micros, payer, reference, null, null, created_at, touched_at
        from payment_challenges where organization_id = organization and (of_kind is null or of_kind = 'offer')
          and (wanted is null and (credential is not null or state <> 'open' or named is not null) or state = wanted)
          and created_at <= until and (before is null or created_at < until or id collate "C" < before)
          and (named is null or id = named or reference in (named, lower(named)))
        order by created_at desc, id collate "C" desc limit most)
      union all
      (select 'channel', id, 'tempo/session', null, status, spent_micros, payer, null, null, null, created_at, used_at
        from payment_channels where organization_id = organization and (of_kind is null or of_kind = 'channel') and (wanted is null or status = wanted)
          and created_at <= until and (before is null or created_at < until or id collate "C" < before) and (named is null or id = lower(named))
        order by created_at desc, id collate "C" desc limit most)
      union all
      (select 'card', payment_id, 'stripe/' || purpose, null, state, paid_micros, null, payment_id, null, null, created_at, created_at
        from (select *, case when disputed_micros > 0 then 'disputed' when refunded_micros > 0 then 'refunded' when paid_micros > 0 then 'paid' else 'open' end as state
          from card_payments) c
        where organization_id = organization and (of_kind is null or of_kind = 'card') and (wanted is null or state = wanted)
          and created_at <= until and (before is null or created_at < until or payment_id collate "C" < before) and (named is null or payment_id = named)
        order by created_at desc, payment_id collate "C" desc limit most)
    ), listed as materialized (
      select *, row_number() over (order by created_at desc, id collate "C" desc) as place from found order by created_at desc, id collate "C" desc limit most
    )
    select jsonb_build_object(
      'items', (select coalesce(jsonb_agg(jsonb_build_object('kind', kind, 'id', id, 'method', method, 'plugin', plugin, 'state', state, 'amountMicros', amount_micros,
        'payer', payer, 'reference', reference, 'sessionId', session_id, 'nonce', nonce, 'createdAt', iso(created_at), 'changedAt', iso(changed_at)) order by place), '[]')
        from listed where place < most),
      'next', (select jsonb_build_object('at', created_at, 'sourceId', id) from listed where place = most - 1 and exists (select from listed where place = most))));
end $$;
