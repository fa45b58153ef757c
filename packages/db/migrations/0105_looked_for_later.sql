-- Takes one payment of unknown outcome up: {epoch, method, plugin, challenge, shown}; null where somebody else has. Takes {organizationId, id, quietMs}. It is put off as it is
-- taken, and for longer where the last look was not heard of, so that one which fails each time is in no other's way.
create or replace function take_unknown_payment(p jsonb) returns jsonb language plpgsql as $$
declare
  c payment_challenges;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  update payment_challenges set state = 'verifying', touched_at = clock_timestamp(), epoch = epoch + 1,
    looks = case state when 'verifying' then looks + 1 else looks end,
    due_at = clock_timestamp() + least(5 * power(2, least(case state when 'verifying' then looks + 1 else looks end, 10)), 600) * interval '1 second'
  where id = p->>'id' and state in ('verifying', 'unknown') and due_at < clock_timestamp()
    and (state = 'unknown' or touched_at < clock_timestamp() - (p->>'quietMs')::float8 * interval '1 millisecond')
  returning * into c;
  return case when c.id is null then null
    else jsonb_build_object('epoch', c.epoch, 'method', c.method, 'plugin', c.plugin, 'challenge', c.challenge, 'shown', c.shown) end;
end $$;
