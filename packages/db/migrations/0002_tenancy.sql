-- The second wall: row-level security. The application's role sees only the organizations that its transaction named.
-- `parley.organizations` is a list because one heartbeat renews the turns of many organizations.

do $$
declare
  name text;
begin
  foreach name in array array[
    'api_keys', 'agents', 'agent_versions', 'conversations', 'executions', 'messages', 'turns', 'journal',
    'checkpoints', 'cards', 'inbox', 'idempotency_keys', 'events', 'usage_records'
  ] loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format(
      'create policy tenant on %I to parley_app using (organization_id = any (nullif(current_setting(''parley.organizations'', true), '''')::uuid[]))'
      ' with check (organization_id = any (nullif(current_setting(''parley.organizations'', true), '''')::uuid[]))', name);
    execute format('grant select, insert, update, delete on %I to parley_app', name);
  end loop;
end $$;

alter table organizations enable row level security;
alter table organizations force row level security;
create policy tenant on organizations to parley_app
  using (id = any (nullif(current_setting('parley.organizations', true), '')::uuid[])) with check (id = any (nullif(current_setting('parley.organizations', true), '')::uuid[]));
grant select, insert, update, delete on organizations to parley_app;

-- A key is looked up before its organization is known: by its hash alone, one row, nothing else.
create function find_api_key(key_hash bytea) returns jsonb
language sql stable security definer set search_path = public as $$
  select jsonb_build_object('id', id, 'organizationId', organization_id, 'hash', encode(hash, 'hex'), 'scopes', scopes,
    'agentIds', agent_ids, 'expiresAt', expires_at, 'revokedAt', revoked_at)
  from api_keys where hash = key_hash
$$;
-- The owner is under row-level security too, where it is no superuser.
do $$ begin execute format('create policy lookup on api_keys for select to %I using (true)', current_user); end $$;
revoke all on function find_api_key from public;
grant execute on function find_api_key to parley_app;

-- The sweep looks across organizations, and touches nothing but what it needs to hand out work.
create policy sweep on conversations to parley_sweep using (true) with check (true);
create policy sweep on idempotency_keys to parley_sweep using (true);
grant select, update (kicks) on conversations to parley_sweep;
grant select, delete on idempotency_keys to parley_sweep;
grant select, insert, update on elections to parley_sweep;
revoke all on function ensure_partitions from public;
grant execute on function ensure_partitions to parley_sweep;
