-- What has refused money is named, and a budget that refuses is told of.

-- Tells of one budget in one of its periods, and notes that it was told.
create function tell_of_budget(b budgets, n budget_periods, is_reached boolean) returns void language plpgsql as $$
begin
  update budget_periods set alerted_at = coalesce(alerted_at, clock_timestamp()), reached_at = case when is_reached then clock_timestamp() else reached_at end
  where budget_id = b.id and starts_on = n.starts_on;
  perform tell_budget(b.organization_id, jsonb_build_object('budgetId', b.id, 'scope', b.scope, 'subject', b.subject, 'period', b.period,
    'startsOn', n.starts_on, 'limitMicros', b.limit_micros, 'spentMicros', n.spent_micros, 'heldMicros', n.held_micros,
    'isReached', is_reached, 'hard', b.hard));
end $$;

-- Tells of the budgets that have come near, or are reached, in the periods of that moment and since: each once for both. Whoever has a period locked tells of it.
create function tell_budgets(organization uuid, since timestamptz) returns void language plpgsql as $$
declare
  due record;
begin
  for due in select b as budget, n as slot, n.spent_micros >= b.limit_micros as is_reached from budgets b join budget_periods n on n.budget_id = b.id
    where b.organization_id = organization and n.starts_on >= period_start(b.period, since)
      and (n.alerted_at is null and n.spent_micros >= b.limit_micros * b.alert_percent / 100.0 or n.reached_at is null and n.spent_micros >= b.limit_micros)
    order by n.budget_id, n.starts_on for update of n skip locked
  loop
    perform tell_of_budget(due.budget, due.slot, due.is_reached);
  end loop;
end $$;

-- The same where `priced` of what is held is for calls that are sold: these hold what they cost and no more, so nobody has to leave room for them to grow, least
-- of all the work of such a call itself.
create function may_hold(there bigint, held bigint, own bigint, firm bigint, added bigint, priced bigint) returns boolean language sql immutable as $$
  select added = 0 or there - held > 0 and there - held >= firm and (own > 0 or held <= priced or there - held - added >= held - priced)
$$;

-- `free`: what is left of it beside what whoever asks has used of it; what others hold is left. Where that is more than nothing, it is not used up: this call alone is too large for it.
create function refused_growth(by jsonb, free bigint, may_wait boolean) returns jsonb language sql immutable as $$
  select jsonb_build_object('outcome', 'refused', 'mayWait', may_wait, 'by', by || case when free > 0 then '{"tooLarge": true}' else '{}'::jsonb end)
$$;

-- Sets more aside, all of it or nothing. `firm` has to be there; of the slice behind it only a beginning, so that the last of the money can be used:
-- what is set aside goes beyond what there is by one slice at most. While others hold something, a new hold is begun only where they could double
-- theirs: better a turn that begins later than many that end in the middle. Takes {organizationId, id, kind, principalId, agentId, userId, model,
-- firmMicros, inputTokens, firmOutputTokens, audioMs, images, calls (firm), sliceTokens, spareMicros (held already and free), refuseUnpriced}. Returns
-- {outcome: granted, addedMicros, neededMicros, price} | {outcome: refused, mayWait: others hold something, by: {kind: balance, tooLarge?} | {kind: budget,
-- scope, period, limitMicros, spentMicros, tooLarge?: there is some left}} | {outcome: unpriced}.
create or replace function grow_hold(p jsonb) returns jsonb language plpgsql as $$
declare
  organization uuid := (p->>'organizationId')::uuid;
  h holds;
  b ledger_balances;
  counter jsonb;
  limiting budgets;
  slot budget_periods;
  rate prices;
  prepaid boolean;
  at_work text;
  priced bigint := 0;
  own bigint;
  firm bigint := (p->>'firmMicros')::bigint;
  needed bigint;
  added bigint;
  spare bigint := (p->>'spareMicros')::bigint;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  needed := firm;
  if p->>'model' is not null then
    rate := price_of(organization, 'model', p->>'model', clock_timestamp());
    if (p->>'refuseUnpriced')::boolean and (rate.id is null or rate.name = '*') then return '{"outcome": "unpriced"}'; end if;
    if rate.id is not null then
      firm := firm + ceil(((p->>'inputTokens')::numeric * rate.input_pico
        + (p->>'firmOutputTokens')::numeric * greatest(rate.output_pico, coalesce(rate.reasoning_pico, 0))
        + coalesce((p->>'audioMs')::numeric, 0) * rate.audio_pico / 1000 + coalesce((p->>'images')::numeric, 0) * rate.image_pico
        + coalesce((p->>'calls')::numeric, 0) * rate.unit_pico) / 1000000);
      needed := firm + ceil((p->>'sliceTokens')::numeric * greatest(rate.output_pico, coalesce(rate.reasoning_pico, 0)) / 1000000);
    end if;
  end if;
  added := greatest(needed - spare, 0);
  firm := greatest(firm - spare, 0);

  -- What sold calls hold they mostly use: to wait for that helps another sale alone, and the work of a sold call would wait for itself.
  if p->>'kind' <> 'purchase' then
    priced := coalesce((select sum(amount_micros) from holds where organization_id = organization and kind = 'purchase'), 0);
  end if;

  -- Looked at without a lock first: many that wait for money ask again and again, and those who have it are not to wait for them.
  prepaid := exists (select from billing_accounts where organization_id = organization and mode = 'prepaid');
  own := coalesce((select amount_micros from holds where organization_id = organization and id = (p->>'id')::uuid), 0);
  if prepaid then
    select * into b from ledger_balances where organization_id = organization and account = 'customer';
    if not may_hold(coalesce(b.balance_micros, 0), coalesce(b.held_micros, 0), own, firm, added, priced) then
      return refused_growth('{"kind": "balance"}', coalesce(b.balance_micros, 0) - own + spare, coalesce(b.held_micros, 0) - priced > own);
    end if;
  end if;

  select * into h from holds where organization_id = organization and id = (p->>'id')::uuid for update;
  if not found then
    -- A worker that has lost its turn may still ask, and what it held for one that has ended would stand there at rest. The turn cannot end meanwhile.
    if p->>'kind' = 'turn' then
      select status into at_work from turns where id = (p->>'id')::uuid for share;
      if at_work not in ('pending', 'running') then return refused_growth('{"kind": "balance"}', 0, false); end if;
    end if;
    insert into holds (organization_id, id, kind, on_balance, counters)
    select organization, (p->>'id')::uuid, p->>'kind', prepaid,
      (select coalesce(jsonb_agg(jsonb_build_object('budgetId', u.id, 'startsOn', period_start(u.period, now())) order by u.id), '[]')
        from budgets u where u.organization_id = organization and u.hard and budget_covers(u, p->>'principalId', (p->>'agentId')::uuid, p->>'userId'))
    on conflict do nothing;
    select * into h from holds where organization_id = organization and id = (p->>'id')::uuid for update;
    insert into budget_periods (organization_id, budget_id, starts_on)
    select organization, (c->>'budgetId')::uuid, (c->>'startsOn')::date from jsonb_array_elements(h.counters) c
    where exists (select from budgets where id = (c->>'budgetId')::uuid) order by 2 on conflict do nothing;
  end if;

  -- Budgets in the order of their ids, the balance last: all who lock several lock them so.
  for counter in select * from jsonb_array_elements(h.counters) loop
    select * into limiting from budgets where id = (counter->>'budgetId')::uuid;
    continue when not found;
    select * into slot from budget_periods where budget_id = (counter->>'budgetId')::uuid and starts_on = (counter->>'startsOn')::date for update;
    if not may_hold(limiting.limit_micros - slot.spent_micros, slot.held_micros, h.amount_micros, firm, added, priced) then
      -- Nobody lets go of anything that would be enough, and it has come near: from now on it stops what comes, as one does that is spent.
      if slot.held_micros - priced <= h.amount_micros and slot.reached_at is null
        and slot.spent_micros >= limiting.limit_micros * limiting.alert_percent / 100.0 then perform tell_of_budget(limiting, slot, true); end if;
      return refused_growth(jsonb_build_object('kind', 'budget', 'scope', limiting.scope, 'period', limiting.period,
          'limitMicros', limiting.limit_micros, 'spentMicros', slot.spent_micros),
        limiting.limit_micros - slot.spent_micros - h.amount_micros + spare, slot.held_micros - priced > h.amount_micros);
    end if;
  end loop;
  if h.on_balance then
    select * into b from ledger_balances where organization_id = organization and account = 'customer' for update;
    if not may_hold(coalesce(b.balance_micros, 0), coalesce(b.held_micros, 0), h.amount_micros, firm, added, priced) then
      return refused_growth('{"kind": "balance"}', coalesce(b.balance_micros, 0) - h.amount_micros + spare,
        coalesce(b.held_micros, 0) - priced > h.amount_micros);
    end if;
    update ledger_balances set held_micros = held_micros + added where organization_id = organization and account = 'customer';
  end if;
  update budget_periods n set held_micros = n.held_micros + added from jsonb_array_elements(h.counters) c
  where n.budget_id = (c->>'budgetId')::uuid and n.starts_on = (c->>'startsOn')::date;
  update holds set amount_micros = amount_micros + added, touched_at = clock_timestamp() where organization_id = organization and id = h.id;
  return jsonb_build_object('outcome', 'granted', 'addedMicros', added, 'neededMicros', needed, 'price', price_json(rate));
end $$;
