-- What was charged within a budget's period of now: so much of it is spent already when it is set. Of what is sold, as later: for credits, and with hard budgets.
create function charged_within(b budgets) returns bigint language sql stable as $$
  select coalesce(sum(c.amount_micros), 0)::bigint from charges c
  where c.organization_id = b.organization_id and c.payer = 'customer' and c.at >= period_start(b.period, now())::timestamp at time zone 'utc'
    and budget_covers(b, c.principal_id, c.agent_id, c.user_id)
    and (c.source_type <> 'plugin' or b.hard and exists (select from ledger_entries e where e.transaction_id = c.transaction_id and e.account = 'customer'))
$$;

-- One per scope, subject and period: another with the same changes that one. What was charged in the period before it was set is spent of it, and is counted
-- anew where a soft one becomes hard or the other way round: the price of what is sold counts with hard ones alone. What is held of it stays held; a call that
-- is being sold in that very moment counts as its hold was begun. Takes {organizationId, id, scope, subject, period, limitMicros, alertPercent, hard, max}.
create or replace function set_budget(p jsonb) returns jsonb language plpgsql as $$
declare
  organization uuid := (p->>'organizationId')::uuid;
  earlier budgets;
  b budgets;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  if (select count(*) from budgets where organization_id = organization) >= (p->>'max')::int and not exists (select from budgets
    where organization_id = organization and scope = p->>'scope' and subject = p->>'subject' and period = p->>'period') then perform refuse('limit_reached'); end if;
  -- Those who post look for the row's key meanwhile, and do not wait for this.
  select * into earlier from budgets
  where organization_id = organization and scope = p->>'scope' and subject = p->>'subject' and period = p->>'period' for no key update;
  insert into budgets (id, organization_id, scope, subject, period, limit_micros, alert_percent, hard)
  values ((p->>'id')::uuid, organization, p->>'scope', p->>'subject', p->>'period', (p->>'limitMicros')::bigint, (p->>'alertPercent')::int, (p->>'hard')::boolean)
  on conflict (organization_id, scope, subject, period) do update
    set limit_micros = excluded.limit_micros, alert_percent = excluded.alert_percent, hard = excluded.hard
  returning * into b;
  if earlier.hard is distinct from b.hard then
    -- Nobody posts meanwhile, and no sale that counts with it ends: what is charged is counted here, or by who comes next. The period is locked before
    -- the charges are read: who has had it has committed.
    perform pg_advisory_xact_lock(4766, hashtext(organization::text));
    insert into budget_periods (organization_id, budget_id, starts_on) values (organization, b.id, period_start(b.period, now())) on conflict do nothing;
    perform from budget_periods where budget_id = b.id and starts_on = period_start(b.period, now()) for update;
    update budget_periods set spent_micros = charged_within(b) where budget_id = b.id and starts_on = period_start(b.period, now());
  end if;
  -- One that is changed tells anew what is true of it from now on.
  update budget_periods set alerted_at = null, reached_at = null where budget_id = b.id and starts_on = period_start(b.period, now());
  perform count_hard_budgets(organization);
  return budget_json(b);
end $$;
