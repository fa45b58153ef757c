-- All plans that an organization has are shown: two there are where they were begun at once, or by another gateway of the same account.

-- Takes {organizationId, invoicesMax}; {subscriptions: those that have not ended, subscription: the first of them, or null, invoices}: newest first. `subscription` stays for
-- processes that are older than this.
create or replace function read_plan(p jsonb) returns jsonb language plpgsql as $$
declare
  organization uuid := (p->>'organizationId')::uuid;
  plans jsonb;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  select coalesce(jsonb_agg(jsonb_build_object('plan', s.plan, 'status', s.status, 'endsAt', iso(s.ends_at), 'cancelsAtEnd', s.cancels_at_end)
      order by s.created_at desc, s.subscription_id), '[]') into plans
    from card_subscriptions s where s.organization_id = organization and s.status not in ('canceled', 'incomplete', 'incomplete_expired');
  return jsonb_build_object('subscription', plans->0, 'subscriptions', plans,
    'invoices', (select coalesce(jsonb_agg(jsonb_build_object('id', i.invoice_id, 'plan', i.plan, 'paidMicros', i.paid_micros, 'creditMicros', i.credit_micros,
        'paidAt', iso(i.paid_at)) order by i.paid_at desc, i.booked_at desc), '[]')
      from (select * from plan_invoices where organization_id = organization order by paid_at desc, booked_at desc limit (p->>'invoicesMax')::int) i));
end $$;
