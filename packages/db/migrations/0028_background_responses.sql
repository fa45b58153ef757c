-- Background responses whose workers die, hang, are told to stop, or lose Postgres for a while.

-- The epoch at which the newest attempt began. Whoever cancels takes the right to write, too, and begins nothing.
alter table responses add column attempt_epoch int not null default 0;
grant select (epoch, attempt_epoch, status, conversation_id) on responses to parley_sweep;
create index responses_waiting_in_conversation on responses (conversation_id, created_at, id) where job is not null and conversation_id is not null;

-- The background response that a call was made for, and with which right. What an attempt has used that another one took over is not its customer's to pay.
alter table direct_calls add column response_id uuid;
alter table direct_calls add column epoch int;
alter table direct_calls add column superseded boolean not null default false;
create index direct_calls_of_response on direct_calls (response_id) where response_id is not null;
grant update (superseded) on direct_calls to parley_app;

-- As before, with {responseId, epoch} of calls for a background response. The share lock keeps a claim from passing between the look and the row.
create or replace function record_direct_calls(calls jsonb) returns void language plpgsql as $$
begin
  perform set_config('parley.organizations', (select array_agg(distinct (call->>'organizationId')::uuid)::text from jsonb_array_elements(calls) call), true);
  perform 1 from responses where id = any (array(
    select (call->>'responseId')::uuid from jsonb_array_elements(calls) call where call->>'responseId' is not null)) order by id for share;
  insert into direct_calls (id, organization_id, principal_id, route, model, outcome, tries, input_tokens, output_tokens, cached_tokens,
    reasoning_tokens, model_calls, estimated, latency_ms, request_id, at, response_id, epoch, superseded)
  select (call->>'id')::uuid, (call->>'organizationId')::uuid, call->>'principalId', call->>'route', call->>'model', call->>'outcome',
    (call->>'tries')::int, (call->>'inputTokens')::bigint, (call->>'outputTokens')::bigint, (call->>'cachedTokens')::bigint,
    (call->>'reasoningTokens')::bigint, (call->>'modelCalls')::int, (call->>'estimated')::boolean, (call->>'latencyMs')::bigint,
    call->>'requestId', (call->>'at')::timestamptz, (call->>'responseId')::uuid, (call->>'epoch')::int,
    coalesce((select r.attempt_epoch > (call->>'epoch')::int from responses r where r.id = (call->>'responseId')::uuid), false)
  from jsonb_array_elements(calls) call
  on conflict (id) do nothing;
end $$;

-- A write whose outcome is not known is made again, by then perhaps with more events.
create or replace function add_response_events(organization uuid, response uuid, start int, given jsonb) returns void language sql as $$
  insert into response_events (organization_id, response_id, first, events)
  select organization, response, start, array(select jsonb_array_elements_text(given)) where jsonb_array_length(given) > 0
  on conflict (response_id, first) do update set events = excluded.events
$$;

-- As before; {responseId} of a repeated call is there already, and nothing is changed.
create or replace function save_response(p jsonb) returns void language plpgsql as $$
declare
  organization uuid := (p->>'organizationId')::uuid;
  response uuid := (p->>'id')::uuid;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  if exists (select from responses where id = response and organization_id = organization) then return; end if;
  if p->>'job' is not null and (select count(*) from responses where organization_id = organization and job is not null) >= (p->>'waitingMax')::int
    then perform refuse('queue_full'); end if;
  insert into responses (id, organization_id, principal_id, status, background, previous_id, conversation_id, job, turn, snapshot, events_count, look_at)
  values (response, organization, p->>'principalId', p->>'status', (p->>'background')::boolean, (p->>'previousId')::uuid,
    (p->>'conversationId')::uuid, p->>'job', nullif(p->'turn', 'null'), p->>'snapshot', jsonb_array_length(p->'events'),
    case when p->>'job' is not null then now() + interval '5 seconds' end)
  on conflict (id) do nothing;
  if not found then return; end if;
  perform add_response_items(organization, response, false, p->'inputs');
  perform add_response_items(organization, response, true, p->'outputs');
  perform add_response_events(organization, response, 0, p->'events');
  if p->>'conversationId' is not null and p->>'status' in ('completed', 'incomplete') then
    perform append_conversation_items(organization, (p->>'conversationId')::uuid, (p->'inputs') || (p->'outputs'), null);
  end if;
end $$;

-- As before, and: of one conversation's responses the eldest goes first, `busy` for the others, which the sweep orders again soon; what attempts before
-- this one have used is the house's.
create or replace function claim_response(p jsonb) returns jsonb language plpgsql as $$
declare
  found_one responses;
  forced boolean := (p->>'force')::boolean;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  select * into found_one from responses where id = (p->>'id')::uuid and organization_id = (p->>'organizationId')::uuid for update;
  if not found then return '{"state": "missing"}'; end if;
  if found_one.status not in ('queued', 'in_progress') then return '{"state": "ended"}'; end if;
  if not forced and found_one.leased_until > now() then return '{"state": "busy"}'; end if;
  if not forced and exists (select from responses elder where elder.conversation_id = found_one.conversation_id and elder.job is not null
      and (elder.created_at, elder.id) < (found_one.created_at, found_one.id)) then
    update responses set look_at = now() + interval '1 second' where id = found_one.id;
    return '{"state": "busy"}';
  end if;
  update responses set epoch = epoch + 1, leased_until = now() + make_interval(secs => (p->>'leaseMs')::int / 1000.0),
    attempts = attempts + case when forced then 0 else 1 end, attempt_epoch = case when forced then attempt_epoch else epoch + 1 end
  where id = found_one.id
  returning * into found_one;
  if not forced then
    update direct_calls set superseded = true where response_id = found_one.id and epoch < found_one.epoch and not superseded;
  end if;
  if not forced and found_one.events_count > (p->>'kept')::int then
    delete from response_events where response_id = found_one.id and first >= (p->>'kept')::int;
    update responses set events_count = (p->>'kept')::int,
      superseded_through = greatest(superseded_through, case when events_count > (p->>'kept')::int + 1 then events_count - 1 else -1 end)
    where id = found_one.id;
  end if;
  return jsonb_build_object('state', 'claimed', 'epoch', found_one.epoch, 'attempts', found_one.attempts, 'job', found_one.job);
end $$;

-- Whoever was told to stop gives its response back: another may claim it at once, and the attempt does not count.
create function give_response_back(p jsonb) returns void language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  update responses set leased_until = now(), look_at = now() + interval '1 second', attempts = attempts - 1
  where id = (p->>'id')::uuid and organization_id = (p->>'organizationId')::uuid and epoch = (p->>'epoch')::int and status in ('queued', 'in_progress');
end $$;

-- Responses that want a worker and have none: [{organizationId, responseId, epoch}]. Those whose lease has run out only with `takeovers`.
create function take_responses(rows_max int, takeovers boolean) returns jsonb language sql as $$
  with due as (
    select id from responses where job is not null and look_at < now()
      and (leased_until is null or (takeovers and leased_until < now()))
    order by look_at limit rows_max for update skip locked
  ), looked as (
    update responses r set look_at = now() + least(interval '5 seconds' * power(2, least(r.attempts, 6)), interval '60 seconds')
    from due where r.id = due.id returning r.organization_id, r.id, r.epoch
  )
  select coalesce(jsonb_agg(jsonb_build_object('organizationId', organization_id, 'responseId', id, 'epoch', epoch)), '[]') from looked
$$;
