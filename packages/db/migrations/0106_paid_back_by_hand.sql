-- A payment on a chain whose work cannot be done was paid back by the operator, by a transfer of its own: that is its end, and it is revenue no more. Takes
-- {organizationId, id, reference (of the transfer)}. True where this books it, false where it was booked before with the same reference; refuses not_found,
-- payment_not_owed and, for another reference, idempotency_mismatch.
create function pay_back_by_hand(p jsonb) returns jsonb language plpgsql as $$
declare
  organization uuid := (p->>'organizationId')::uuid;
  c payment_challenges;
  booked text;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  select * into c from payment_challenges where id = p->>'id' and organization_id = organization and method = 'tempo/charge' for update;
  if c.id is null then perform refuse('not_found'); end if;
  if c.state = 'refunded' then
    select note into booked from ledger_entries
    where organization_id = organization and source_type = 'refund' and source_id = c.id and account = 'revenue';
    if booked is distinct from p->>'reference' then perform refuse('idempotency_mismatch'); end if;
    return 'false';
  end if;
  -- Work of which nothing was heard for so long is nobody's any more; should its process come back, the epoch tells it so.
  if c.state <> 'paid' and not (c.state = 'running' and c.touched_at < clock_timestamp() - interval '10 minutes') then perform refuse('payment_not_owed'); end if;
  update payment_challenges set state = 'refunded', epoch = epoch + 1, touched_at = clock_timestamp() where id = c.id;
  perform transfer(organization, 'refund', c.id, 'revenue', 'clearing', c.amount_micros, p->>'reference');
  perform charge_sale(organization, 'refund', c.id, c.plugin, 'payer:' || c.payer, clock_timestamp(), -c.amount_micros);
  return 'true';
end $$;
