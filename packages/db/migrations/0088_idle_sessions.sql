-- A session that nobody uses gives back what is left of it. When it was used last, and when it is looked at, stands in its row since 0087.

create or replace function wallet_session_json(s wallet_sessions) returns jsonb language sql stable as $$
  select jsonb_build_object('id', s.id, 'organizationId', s.organization_id, 'wallet', s.wallet, 'depositMicros', s.deposit_micros, 'reservedMicros', s.reserved_micros,
    'spentMicros', s.spent_micros, 'returnedMicros', s.returned_micros, 'status', case when s.is_expired then 'expired' else s.status end, 'createdAt', iso(s.created_at), 'closedAt', iso(s.closed_at),
    'vouchers', (select coalesce(jsonb_agg(jsonb_build_object('id', v.id, 'nonce', v.nonce, 'plugin', v.plugin, 'amountMicros', v.amount_micros, 'state', v.state, 'createdAt', iso(v.created_at))
      order by v.created_at desc), '[]') from (select * from purchases where session_id = s.id order by created_at desc limit 50) v))
$$;

-- As before; it is used by that.
create or replace function top_up_wallet_session(p jsonb) returns jsonb language plpgsql as $$
declare
  s wallet_sessions;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  update wallet_sessions set deposit_micros = deposit_micros + (p->>'depositMicros')::bigint, used_at = clock_timestamp()
  where id = p->>'id' and status = 'active' returning * into s;
  if s.id is null then return null; end if;
  if s.deposit_micros - s.spent_micros > (p->>'depositMaxMicros')::bigint then perform refuse('limit_reached'); end if;
  perform fund_session(s.organization_id, s.id, p->>'step', p->>'from', (p->>'depositMicros')::bigint);
  return wallet_session_json(s);
end $$;

-- Looks at one that is due: where nobody has used it for so long, and nothing of it is under way, it is closed and the rest goes back; else it is looked at again when
-- that may be so, and at least once a day. False: it stays. {trouble} where it cannot be closed: it is looked at again in an hour. Takes {organizationId, id, idleMs}.
create function expire_wallet_session(p jsonb) returns jsonb language plpgsql as $$
declare
  idle interval := (p->>'idleMs')::float8 * interval '1 millisecond';
  s wallet_sessions;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  select * into s from wallet_sessions where id = p->>'id' and status = 'active' and due_at < clock_timestamp() for update;
  if s.id is null then return 'false'; end if;
  if s.reserved_micros > 0 or s.used_at + idle > clock_timestamp() then
    update wallet_sessions set due_at = clock_timestamp()
      + least(greatest(s.used_at + idle - clock_timestamp(), interval '1 minute'), interval '1 day') where id = s.id;
    return 'false';
  end if;
  begin
    update wallet_sessions set status = 'closing', is_expired = true where id = s.id;
    perform return_session(s.id);
  exception when others then
    if is_passing(sqlstate) then raise; end if;
    update wallet_sessions set due_at = clock_timestamp() + interval '1 hour' where id = s.id;
    return jsonb_build_object('trouble', sqlstate || ' ' || sqlerrm);
  end;
  return 'true';
end $$;

-- All that is to be settled, up to so many of each kind: [{kind, organizationId, id}]. `purchase`: its process died with it; `challenge`: nobody knows whether
-- it was paid; `refund`: a card is owed money, or charged for work that nobody came back for; `channel`: something may have to be collected; `session`: one to look
-- at for whether it is used. For the sweep.
create function find_settlements(left_after interval, quiet interval, rows_max int) returns jsonb language sql stable as $$
  select coalesce(jsonb_agg(jsonb_build_object('kind', kind, 'organizationId', organization_id, 'id', id)), '[]') from (
    (select 'purchase' as kind, organization_id, id::text from purchases
      where state = 'reserved' and touched_at < clock_timestamp() - left_after order by touched_at limit rows_max)
    union all
    (select 'challenge', organization_id, id from payment_challenges
      where state in ('verifying', 'unknown') and due_at < clock_timestamp() and (state = 'unknown' or touched_at < clock_timestamp() - quiet)
      order by due_at limit rows_max)
    union all
    (select 'refund', organization_id, id from payment_challenges where method = 'stripe/charge' and state in ('paid', 'running', 'refunding')
      and case state when 'refunding' then due_at < clock_timestamp() else touched_at < clock_timestamp() - left_after end
      order by touched_at limit rows_max)
    union all
    (select 'channel', organization_id, id from payment_channels
      where status <> 'closed' and spent_micros > 0 and due_at < clock_timestamp() order by due_at limit rows_max)
    union all
    (select 'session', organization_id, id from wallet_sessions
      where status = 'active' and due_at < clock_timestamp() order by due_at limit rows_max)
  ) found
$$;
