-- Whether anything of an organization's money is left for calls of that key: of its balance where it pays first, and of each hard budget that covers
-- them. For who is about to ask somebody else to pay for a call: nothing is held by it. Takes {organizationId, principalId}.
create function has_room(p jsonb) returns jsonb language plpgsql as $$
declare
  organization uuid := (p->>'organizationId')::uuid;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  return to_jsonb(
    (not exists (select from billing_accounts where organization_id = organization and mode = 'prepaid')
      or coalesce((select balance_micros - held_micros from ledger_balances where organization_id = organization and account = 'customer'), 0) > 0)
    and not exists (
      select from budgets b left join budget_periods n on n.budget_id = b.id and n.starts_on = period_start(b.period, now())
      where b.organization_id = organization and b.hard and budget_covers(b, p->>'principalId', null, null)
        and coalesce(n.spent_micros + n.held_micros, 0) >= b.limit_micros));
end $$;
