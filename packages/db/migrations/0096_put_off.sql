-- Lets the money of a call go that nobody is at any more. {trouble} where that cannot be: it is left for as long again, so that it is in no other's way. Takes
-- {organizationId, id, quietMs}.
create or replace function release_left_purchase(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  if not exists (select from purchases where id = (p->>'id')::uuid and state = 'reserved'
    and touched_at < clock_timestamp() - (p->>'quietMs')::float8 * interval '1 millisecond') then return 'false'; end if;
  begin
    return end_purchase(jsonb_build_object('organizationId', p->>'organizationId', 'id', p->>'id', 'capture', false));
  exception when others then
    if is_passing(sqlstate) then raise; end if;
    update purchases set touched_at = clock_timestamp() where id = (p->>'id')::uuid;
    return jsonb_build_object('trouble', sqlstate || ' ' || sqlerrm);
  end;
end $$;
