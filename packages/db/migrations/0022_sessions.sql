-- A browser's session: what stands in its cookie is kept as its SHA-256. It belongs to the principal that logged in. With a key it has the
-- key's rights of now, and ends with it; without one (a token of another issuer) those that the token had.

create table sessions (
  id text primary key,
  organization_id uuid not null references organizations,
  hash bytea not null unique,
  principal_id text not null,
  key_id text references api_keys on delete cascade,
  name text not null,
  scopes text[] not null,
  agent_ids uuid[],
  created_at timestamptz not null default now(),
  seen_at timestamptz not null default now(),
  idle_seconds int not null,
  expires_at timestamptz not null,
  revoked_at timestamptz
);
create index sessions_of_principal on sessions (organization_id, principal_id, created_at);

alter table sessions enable row level security;
alter table sessions force row level security;
create policy tenant on sessions to parley_app
  using (organization_id = any (nullif(current_setting('parley.organizations', true), '')::uuid[]))
  with check (organization_id = any (nullif(current_setting('parley.organizations', true), '')::uuid[]));
grant select, insert, update, delete on sessions to parley_app;

-- Until when a session is good, if nobody comes back.
create function session_good_until(s sessions) returns timestamptz language sql stable as $$
  select least(s.expires_at, s.seen_at + make_interval(secs => s.idle_seconds))
$$;

-- A session is looked up before its organization is known: by its hash alone, one row, nothing else. Whoever comes is seen, which is
-- written at most once in a twentieth of the idle time.
create function find_session(session_hash bytea) returns jsonb
language plpgsql volatile security definer set search_path = public as $$
declare
  s sessions;
  k api_keys;
begin
  select * into s from sessions where hash = session_hash;
  if not found then return null; end if;
  if s.key_id is not null then select * into k from api_keys where id = s.key_id; end if;
  if s.revoked_at is null and now() < session_good_until(s) and s.seen_at < now() - make_interval(secs => s.idle_seconds / 20.0) then
    update sessions set seen_at = now() where id = s.id returning * into s;
  end if;
  return jsonb_build_object('id', s.principal_id, 'sessionId', s.id, 'organizationId', s.organization_id, 'hash', encode(s.hash, 'hex'),
    'scopes', case when s.key_id is null then s.scopes else k.scopes end,
    'agentIds', case when s.key_id is null then s.agent_ids else k.agent_ids end,
    'expiresAt', least(session_good_until(s), k.expires_at), 'revokedAt', least(s.revoked_at, k.revoked_at));
end $$;
-- The owner is under row-level security too, where it is no superuser.
do $$ begin execute format('create policy lookup on sessions to %I using (true) with check (true)', current_user); end $$;
revoke all on function find_session from public;
grant execute on function find_session to parley_app;

create function browser_session(s sessions) returns jsonb language sql stable as $$
  select jsonb_build_object('id', s.id, 'organizationId', s.organization_id, 'principalId', s.principal_id, 'name', s.name,
    'createdAt', iso(s.created_at), 'seenAt', iso(s.seen_at), 'expiresAt', iso(s.expires_at), 'revokedAt', iso(s.revoked_at))
$$;

-- Takes {organizationId, id, principalId, hash, name, scopes, agentIds, idleSeconds, expiresAt, perPrincipalMax}. Returns the session. Of its
-- principal's sessions, those that are over are forgotten, then the oldest beyond the bound.
create function open_session(p jsonb) returns jsonb language plpgsql as $$
declare
  s sessions;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  delete from sessions o where o.organization_id = (p->>'organizationId')::uuid and o.principal_id = p->>'principalId' and (
    o.revoked_at is not null or session_good_until(o) < now() or o.id in (
      select r.id from sessions r where r.organization_id = (p->>'organizationId')::uuid and r.principal_id = p->>'principalId'
      order by r.created_at desc, r.id desc offset (p->>'perPrincipalMax')::int - 1));
  insert into sessions (id, organization_id, hash, principal_id, key_id, name, scopes, agent_ids, idle_seconds, expires_at)
  values (p->>'id', (p->>'organizationId')::uuid, decode(p->>'hash', 'hex'), p->>'principalId',
    (select k.id from api_keys k where k.id = p->>'principalId'), p->>'name',
    array(select jsonb_array_elements_text(p->'scopes')),
    case when jsonb_typeof(p->'agentIds') = 'array' then array(select jsonb_array_elements_text(p->'agentIds')::uuid) end,
    (p->>'idleSeconds')::int, (p->>'expiresAt')::timestamptz)
  returning * into s;
  return browser_session(s);
end $$;

-- Takes {organizationId, principalId}; null: everyone's. Returns what is not over, newest first, at most 200.
create function open_sessions(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  return coalesce((select jsonb_agg(browser_session(s) order by s.created_at desc, s.id desc) from (
    select * from sessions o where o.organization_id = (p->>'organizationId')::uuid and (p->>'principalId' is null or o.principal_id = p->>'principalId')
      and o.revoked_at is null and session_good_until(o) > now() order by o.created_at desc, o.id desc limit 200) s), '[]');
end $$;

-- Takes {organizationId, id, principalId}; null: whosever it is. Returns the hash of the session that has ended, or null where there is none.
create function end_session(p jsonb) returns jsonb language plpgsql as $$
declare
  ended sessions;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  update sessions set revoked_at = coalesce(revoked_at, now()) where organization_id = (p->>'organizationId')::uuid and id = p->>'id'
    and (p->>'principalId' is null or principal_id = p->>'principalId') returning * into ended;
  return to_jsonb(encode(ended.hash, 'hex'));
end $$;
