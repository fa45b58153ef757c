-- Uploaded files. The bytes lie in a store beside Postgres; the row is written before the first of them and deleted after the last is
-- gone, so that whatever dies in between leaves a row by which the bytes are found.

create table media (
  id text primary key,
  organization_id uuid not null,
  state text not null default 'writing' check (state in ('writing', 'ready', 'gone')),
  principal_id text not null,
  file_name text,
  content_type text not null default 'application/octet-stream',
  -- While it is written: what was set aside for it.
  size bigint not null check (size >= 0),
  sha256 bytea,
  created_at timestamptz not null default now(),
  expires_at timestamptz
);
create index media_of_organization on media (organization_id, created_at, id);
create index media_expiring on media (expires_at) where state = 'ready' and expires_at is not null;
create index media_unfinished on media (created_at) where state <> 'ready';

-- The sum of `size` over an organization's rows, kept beside them so that a quota costs one row.
create table media_totals (
  organization_id uuid primary key,
  bytes bigint not null default 0
);

do $$
declare
  name text;
begin
  foreach name in array array['media', 'media_totals'] loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format(
      'create policy tenant on %I to parley_app using (organization_id = any (nullif(current_setting(''parley.organizations'', true), '''')::uuid[]))'
      ' with check (organization_id = any (nullif(current_setting(''parley.organizations'', true), '''')::uuid[]))', name);
    execute format('grant select, insert, update, delete on %I to parley_app', name);
  end loop;
end $$;
create policy sweep on media to parley_sweep using (true) with check (true);
grant select (id, organization_id, state, created_at, expires_at), update (state) on media to parley_sweep;

create function media_json(m media) returns jsonb language sql stable as $$
  select jsonb_build_object('id', m.id, 'fileName', m.file_name, 'contentType', m.content_type, 'size', m.size,
    'sha256', encode(m.sha256, 'hex'), 'createdAt', iso(m.created_at), 'expiresAt', iso(m.expires_at))
$$;

-- Moves what an organization has by so many bytes; refused where it would have more than it may.
create function move_media_total(organization uuid, delta bigint, bytes_max bigint) returns void language plpgsql as $$
begin
  insert into media_totals (organization_id) values (organization) on conflict do nothing;
  update media_totals set bytes = bytes + delta where organization_id = organization and (delta <= 0 or bytes + delta <= bytes_max);
  if not found then perform refuse('media_quota_full'); end if;
end $$;

-- A file is about to be written. Takes {organizationId, id, principalId, fileName, reservedBytes, bytesMax}.
create function begin_media(p jsonb) returns boolean language plpgsql as $$
declare
  organization uuid := (p->>'organizationId')::uuid;
  reserved bigint := (p->>'reservedBytes')::bigint;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  perform move_media_total(organization, reserved, (p->>'bytesMax')::bigint);
  insert into media (id, organization_id, principal_id, file_name, size)
  values (p->>'id', organization, p->>'principalId', p->>'fileName', reserved);
  return true;
end $$;

-- All of it is in the store: from here on it is there for readers. Takes {organizationId, id, size, sha256, contentType, ttlSeconds,
-- bytesMax}. Null where somebody has given it up meanwhile.
create function finish_media(p jsonb) returns jsonb language plpgsql as $$
declare
  organization uuid := (p->>'organizationId')::uuid;
  m media;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  select * into m from media where id = p->>'id' and state = 'writing' for update;
  if not found then return null; end if;
  perform move_media_total(organization, (p->>'size')::bigint - m.size, (p->>'bytesMax')::bigint);
  update media set state = 'ready', size = (p->>'size')::bigint, sha256 = decode(p->>'sha256', 'hex'), content_type = p->>'contentType',
    expires_at = now() + (p->>'ttlSeconds')::float8 * interval '1 second'
  where id = m.id returning * into m;
  return media_json(m);
end $$;

-- Those of the named files that are there, with `expired`. Takes {organizationId, ids}.
create function read_media(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  return (select coalesce(jsonb_agg(media_json(m) || jsonb_build_object('expired', coalesce(m.expires_at <= clock_timestamp(), false))), '[]')
    from media m where m.id = any (array(select jsonb_array_elements_text(p->'ids'))) and m.state = 'ready');
end $$;

-- Nobody reads it from here on; its bytes are next. False where it is in another state. Takes {organizationId, id, state}.
create function hide_media(p jsonb) returns boolean language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  update media set state = 'gone' where id = p->>'id' and state = p->>'state';
  return found;
end $$;

-- Its bytes are gone. Takes {organizationId, id}.
create function forget_media(p jsonb) returns boolean language plpgsql as $$
declare
  organization uuid := (p->>'organizationId')::uuid;
  freed bigint;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  delete from media where id = p->>'id' returning size into freed;
  if not found then return false; end if;
  perform move_media_total(organization, -freed, 0);
  return true;
end $$;

-- Files past their time, hidden ones whose bytes may still lie there, and uploads that broke off: from here on hidden, all of them.
-- Returns [{organizationId, id}]. No upload is under way for as long as `unfinished_after`.
create function take_gone_media(unfinished_after interval, rows_max int) returns jsonb language sql as $$
  with expired as (
    select id from media where state = 'ready' and expires_at <= now() limit rows_max for update skip locked
  ), unfinished as (
    select id from media where state <> 'ready' and created_at < now() - unfinished_after limit rows_max for update skip locked
  ), hidden as (
    update media m set state = 'gone' from (select id from expired union all select id from unfinished) due where m.id = due.id
    returning m.id, m.organization_id
  )
  select coalesce(jsonb_agg(jsonb_build_object('organizationId', organization_id, 'id', id)), '[]') from hidden
$$;
