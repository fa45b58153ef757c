-- The checkout in which an organization was last led to a plan: one that is still open is closed when another is begun, so that no two are paid.
alter table billing_accounts add column plan_checkout text;
alter table billing_accounts add column plan_checkout_at timestamptz;

-- Notes the newest one, where none is in the way; else returns that one and notes nothing. One is in the way until it is known to be closed, or what has become
-- of its subscription. Takes {organizationId, checkoutId, closedId: known to be closed, or null}.
create function note_plan_checkout(p jsonb) returns jsonb language plpgsql as $$
declare
  before billing_accounts;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  insert into billing_accounts (organization_id) values ((p->>'organizationId')::uuid) on conflict do nothing;
  select * into before from billing_accounts where organization_id = (p->>'organizationId')::uuid for update;
  if before.plan_checkout <> p->>'checkoutId' and before.plan_checkout is distinct from p->>'closedId' and not exists (select from card_subscriptions
    where organization_id = before.organization_id and created_at >= before.plan_checkout_at and status <> 'incomplete') then
    return to_jsonb(before.plan_checkout);
  end if;
  update billing_accounts set plan_checkout = p->>'checkoutId', plan_checkout_at = clock_timestamp() where organization_id = before.organization_id;
  return null;
end $$;
