-- The checkout in which an organization was last led to a plan: one that is still open is closed when another is begun, so that no two are paid.
alter table billing_accounts add column plan_checkout text;
alter table billing_accounts add column plan_checkout_at timestamptz;

-- Notes the newest one; returns the one before, or null: also where it is known what has become of its subscription. Takes {organizationId, checkoutId}.
create function note_plan_checkout(p jsonb) returns jsonb language plpgsql as $$
declare
  before billing_accounts;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  insert into billing_accounts (organization_id) values ((p->>'organizationId')::uuid) on conflict do nothing;
  select * into before from billing_accounts where organization_id = (p->>'organizationId')::uuid for update;
  update billing_accounts set plan_checkout = p->>'checkoutId', plan_checkout_at = clock_timestamp() where organization_id = before.organization_id;
  if exists (select from card_subscriptions where organization_id = before.organization_id and created_at >= before.plan_checkout_at) then return null; end if;
  return to_jsonb(nullif(before.plan_checkout, p->>'checkoutId'));
end $$;
