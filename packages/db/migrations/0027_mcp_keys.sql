-- What a key may do over MCP: {tools, sessions, toolCallsMax}. Null: nothing.

alter table api_keys add column mcp jsonb;

create or replace function find_api_key(key_hash bytea) returns jsonb
language sql stable security definer set search_path = public as $$
  select jsonb_build_object('id', id, 'organizationId', organization_id, 'hash', encode(key_hash, 'hex'), 'scopes', scopes,
    'agentIds', agent_ids, 'mcp', mcp, 'expiresAt', case when hash = key_hash then expires_at else least(expires_at, previous_until) end,
    'revokedAt', revoked_at)
  from api_keys where hash = key_hash or previous_hash = key_hash
$$;
