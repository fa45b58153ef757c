-- Peers of another kind: OpenClaw gateways, which are spoken to over their own WebSocket. And what calls of peers have used, as these say or as it is guessed.

alter table peers add column protocol text not null default 'a2a' check (protocol in ('a2a', 'openclaw'));

alter table peer_usage add column input_tokens int, add column output_tokens int, add column estimated boolean;

create or replace function peer_json(p peers) returns jsonb language sql stable as $$
  select jsonb_build_object('id', p.id, 'organizationId', p.organization_id, 'name', p.name, 'protocol', p.protocol, 'endpoint', p.endpoint,
    'auth', p.auth, 'trust', p.trust, 'skills', p.skills, 'priceMicros', p.price_micros, 'timeoutMs', p.timeout_ms, 'deduplicates', p.deduplicates,
    'createdAt', iso(p.created_at), 'updatedAt', iso(p.updated_at))
$$;

-- Takes {organizationId, id, name, protocol, endpoint, auth, sealed, trust, skills, priceMicros, timeoutMs, deduplicates, max}.
create or replace function create_peer(p jsonb) returns jsonb language plpgsql as $$
declare
  organization uuid := (p->>'organizationId')::uuid;
  made peers;
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  perform pg_advisory_xact_lock(hashtextextended('peers ' || organization, 0));
  if (select count(*) from peers where organization_id = organization) >= (p->>'max')::int then perform refuse('limit_reached'); end if;
  insert into peers (id, organization_id, name, protocol, endpoint, auth, sealed, trust, skills, price_micros, timeout_ms, deduplicates)
  values (p->>'id', organization, p->>'name', coalesce(p->>'protocol', 'a2a'), p->>'endpoint', p->'auth', p->>'sealed', p->'trust',
    nullif(p->'skills', 'null'), (p->>'priceMicros')::bigint, (p->>'timeoutMs')::int, (p->>'deduplicates')::boolean)
  returning * into made;
  return peer_json(made);
end $$;

-- A fact about the past, taken from whoever knows it; the first counts.
create function record_peer_tokens(organization uuid, call uuid, tokens_in int, tokens_out int, guessed boolean) returns void language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  update peer_usage set input_tokens = tokens_in, output_tokens = tokens_out, estimated = guessed
  where execution_id = call and organization_id = organization and input_tokens is null;
end $$;
