-- What was charged within a budget's period of now: so much of it is spent already when it is set. Of what is sold, as later: for credits, and with hard budgets.
create function charged_within(b budgets) returns bigint language sql stable as $$
  select coalesce(sum(c.amount_micros), 0)::bigint from charges c
  where c.organization_id = b.organization_id and c.payer = 'customer' and c.at >= period_start(b.period, now())::timestamp at time zone 'utc'
    and budget_covers(b, c.principal_id, c.agent_id, c.user_id)
    and (c.source_type <> 'plugin' or b.hard and exists (select from ledger_entries e where e.transaction_id = c.transaction_id and e.account = 'customer'))
$$;

-- One per scope, subject and period: another with the same changes that one. What was charged in the period before it was set is spent of it; a call that
-- is being sold in that very moment may count with neither. Takes {organizationId, id, scope, subject, period, limitMicros, alertPercent, hard, max}.
create or replace function set_budget(p jsonb) returns jsonb language plpgsql as $$
declare
  organization uuid := (p->>'organizationId')::uuid;
  b budgets;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  if (select count(*) from budgets where organization_id = organization) >= (p->>'max')::int and not exists (select from budgets
    where organization_id = organization and scope = p->>'scope' and subject = p->>'subject' and period = p->>'period') then perform refuse('limit_reached'); end if;
  insert into budgets (id, organization_id, scope, subject, period, limit_micros, alert_percent, hard)
  values ((p->>'id')::uuid, organization, p->>'scope', p->>'subject', p->>'period', (p->>'limitMicros')::bigint, (p->>'alertPercent')::int, (p->>'hard')::boolean)
  on conflict (organization_id, scope, subject, period) do update
    set limit_micros = excluded.limit_micros, alert_percent = excluded.alert_percent, hard = excluded.hard
  returning * into b;
  if b.id = (p->>'id')::uuid then
    -- Nobody posts meanwhile: what is charged is counted here, or by who posts next.
    perform pg_advisory_xact_lock(4766, hashtext(organization::text));
    insert into budget_periods (organization_id, budget_id, starts_on, spent_micros) values (organization, b.id, period_start(b.period, now()), charged_within(b));
  end if;
  -- One that is changed tells anew what is true of it from now on.
  update budget_periods set alerted_at = null, reached_at = null where budget_id = b.id and starts_on = period_start(b.period, now());
  perform count_hard_budgets(organization);
  return budget_json(b);
end $$;
