-- The checkout in which an organization was last led to a plan: one that is still open is closed when another is begun, so that no two are paid.
alter table billing_accounts add column plan_checkout text;

-- Notes the newest one; returns the one before, or null. Takes {organizationId, checkoutId}.
create function note_plan_checkout(p jsonb) returns jsonb language plpgsql as $$
declare
  before text;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  insert into billing_accounts (organization_id) values ((p->>'organizationId')::uuid) on conflict do nothing;
  select plan_checkout into before from billing_accounts where organization_id = (p->>'organizationId')::uuid for update;
  update billing_accounts set plan_checkout = p->>'checkoutId' where organization_id = (p->>'organizationId')::uuid;
  return to_jsonb(nullif(before, p->>'checkoutId'));
end $$;
