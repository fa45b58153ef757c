-- Keys that peers have signed with, as they were first seen: what a peer says of its own DID later changes nothing.

create table peer_keys (
  organization_id uuid not null,
  endpoint text not null,
  did text not null,
  -- Base58.
  public_key text not null,
  pinned_at timestamptz not null default now(),
  primary key (organization_id, endpoint, did)
);

alter table peer_keys enable row level security;
alter table peer_keys force row level security;
create policy tenant on peer_keys to parley_app
  using (organization_id = any (nullif(current_setting('parley.organizations', true), '')::uuid[]))
  with check (organization_id = any (nullif(current_setting('parley.organizations', true), '')::uuid[]));
grant select, insert, update, delete on peer_keys to parley_app;

-- Takes {organizationId, endpoint, did, publicKey, max}; returns the key that was first, which is this one where there was none, or null where there are
-- as many as there may be. Of two at once, one is first for both.
create function pin_peer_key(p jsonb) returns jsonb language plpgsql as $$
declare
  organization uuid := (p->>'organizationId')::uuid;
  pinned text;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  select public_key into pinned from peer_keys
  where organization_id = organization and endpoint = p->>'endpoint' and did = p->>'did';
  if pinned is not null then return to_jsonb(pinned); end if;
  if (select count(*) from peer_keys where organization_id = organization) >= (p->>'max')::int then return null; end if;
  insert into peer_keys (organization_id, endpoint, did, public_key)
  values (organization, p->>'endpoint', p->>'did', p->>'publicKey')
  on conflict (organization_id, endpoint, did) do update set public_key = peer_keys.public_key
  returning public_key into pinned;
  return to_jsonb(pinned);
end $$;
