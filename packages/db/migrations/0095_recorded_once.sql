-- Notes and records that no statement takes are in no other's way: they are set aside. And what one part of a direct call has used is recorded once, whether by its own
-- record or by a note.

-- Which call a record is of, and which part of it: each model that broke off before another one was asked ends one. A record of a part that broke off has an id of its
-- own, its note has the call's: only here do they meet.
alter table direct_calls add column call_id uuid;
alter table direct_calls add column part int not null default 0;
-- The payment of the call that was sold, where it was made for one.
alter table direct_calls add column sale_id text;
create unique index direct_calls_of_part on direct_calls (call_id, part) where outcome in ('cut', 'lost');

-- Whether it lies with the moment and not with what is written: no connection, no room, a lock, a server that ends or only reads.
create function is_passing(code text) returns boolean language sql immutable as $$
  select code ~ '^(08|25|40|53|55|57|58)'
$$;

-- Writes records of direct calls, each once; all of them or none.
create function write_direct_calls(calls jsonb) returns void language plpgsql as $$
begin
  perform set_config('parley.organizations', (select array_agg(distinct (call->>'organizationId')::uuid)::text from jsonb_array_elements(calls) call), true);
  perform 1 from responses where id = any (array(
    select (call->>'responseId')::uuid from jsonb_array_elements(calls) call where call->>'responseId' is not null)) order by id for share;
  insert into direct_calls (id, organization_id, principal_id, user_id, route, model, outcome, tries, input_tokens, output_tokens, cached_tokens,
    reasoning_tokens, model_calls, estimated, latency_ms, request_id, at, response_id, epoch, superseded,
    audio_ms, images, call_id, part, sale_id)
  select
    -- The call's own id is taken where its process was thought lost in an earlier part and went on.
    case when (call->>'part')::int > 0 and exists (select from direct_calls d where d.id = (call->>'id')::uuid and d.part <> (call->>'part')::int)
      then md5(concat_ws('/', call->>'id', call->>'part'))::uuid else (call->>'id')::uuid end,
    (call->>'organizationId')::uuid, call->>'principalId', call->>'userId', call->>'route', call->>'model', call->>'outcome',
    (call->>'tries')::int, (call->>'inputTokens')::bigint, (call->>'outputTokens')::bigint, (call->>'cachedTokens')::bigint,
    (call->>'reasoningTokens')::bigint, (call->>'modelCalls')::int, (call->>'estimated')::boolean, (call->>'latencyMs')::bigint,
    call->>'requestId', (call->>'at')::timestamptz, (call->>'responseId')::uuid, (call->>'epoch')::int,
    coalesce((select r.attempt_epoch > (call->>'epoch')::int from responses r where r.id = (call->>'responseId')::uuid), false),
    coalesce((call->>'audioMs')::bigint, 0), coalesce((call->>'images')::int, 0), (call->>'callId')::uuid, coalesce((call->>'part')::int, 0), call->>'saleId'
  from jsonb_array_elements(calls) call
  on conflict do nothing;
end $$;

-- Records what one note says, or sets it aside: then it returns what is wrong with it. Raises only what passes.
create function record_note(note uuid, organization uuid, of_kind text, told jsonb) returns text language plpgsql as $$
declare
  complaint text;
begin
  if of_kind = 'call' then perform write_direct_calls(jsonb_build_array(told));
  else perform record_noted_lines(organization, (told->>'conversationId')::uuid, told->'lines', of_kind = 'beside');
  end if;
  return null;
exception when others then
  if is_passing(sqlstate) then raise; end if;
  complaint := sqlstate || ' ' || sqlerrm;
  perform set_config('parley.organizations', '{' || organization || '}', true);
  insert into usage_set_aside (id, organization_id, kind, said, trouble) values (note, organization, of_kind, told, complaint)
  on conflict (id) do update set trouble = excluded.trouble;
  return complaint;
end $$;

-- Writes records of direct calls, each once. One that no statement takes is set aside, and in no other's way.
create or replace function record_direct_calls(calls jsonb) returns void language plpgsql as $$
declare
  one jsonb;
begin
  perform write_direct_calls(calls);
exception when others then
  if is_passing(sqlstate) then raise; end if;
  for one in select * from jsonb_array_elements(calls) loop
    perform record_note((one->>'id')::uuid, (one->>'organizationId')::uuid, 'call', one);
  end loop;
end $$;
