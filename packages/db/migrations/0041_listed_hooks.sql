-- As before, with {agentIds}: only hooks whose mappings name no other agents are found and counted; null or absent: all.
create or replace function list_hooks(p jsonb) returns jsonb language plpgsql as $$
declare
  narrowed boolean := coalesce(jsonb_typeof(p->'agentIds') = 'array', false);
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  return (with seen as materialized (
      select * from hooks where (p->>'id' is null or id = p->>'id') and (not narrowed or not exists (
        select from jsonb_array_elements(body->'mappings') mapping where not (p->'agentIds' ? (mapping->>'agentId')))))
    select jsonb_build_object(
      'total', (select count(*) from seen),
      'items', (select coalesce(jsonb_agg(hook_json(h) order by h.created_at, h.id), '[]') from (
        select * from hooks where id = any (array(
          select id from seen order by created_at, id limit (p->>'limit')::int offset (p->>'offset')::int))) h)));
end $$;
