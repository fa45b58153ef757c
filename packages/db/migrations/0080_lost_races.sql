-- Money that others hold, and may let go of, is not money that is not there.

-- Sets the price of a call aside; see `grow_hold`. Takes {organizationId, id, principalId, plugin, amountMicros, callKey}. Returns {outcome: reserved} |
-- {outcome: insufficient, mayWait: others hold what would be enough, or a part of it}.
create or replace function reserve_credits(p jsonb) returns jsonb language plpgsql as $$
declare
  organization uuid := (p->>'organizationId')::uuid;
  grown jsonb;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  perform release_call(organization, p->>'callKey');
  grown := grow_hold(jsonb_build_object('organizationId', organization, 'id', p->>'id', 'kind', 'purchase', 'principalId', p->>'principalId', 'agentId', null,
    'userId', null, 'model', null, 'firmMicros', (p->>'amountMicros')::bigint, 'inputTokens', 0, 'firmOutputTokens', 0, 'sliceTokens', 0, 'spareMicros', 0,
    'refuseUnpriced', false));
  if grown->>'outcome' <> 'granted' then
    return jsonb_build_object('outcome', 'insufficient', 'mayWait', coalesce((grown->>'mayWait')::boolean, false));
  end if;
  insert into purchases (id, organization_id, method, plugin, amount_micros, state, call_key)
  values ((p->>'id')::uuid, organization, 'credits', p->>'plugin', (p->>'amountMicros')::bigint, 'reserved', p->>'callKey');
  return '{"outcome": "reserved"}';
end $$;
