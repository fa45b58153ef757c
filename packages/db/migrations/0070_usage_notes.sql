-- Every process notes what its calls have used so far; what a lost one has noted is charged, whatever the call was for.

-- A process that notes what it uses. It counts as lost, once and for all, when it was silent for too long: then its notes are charged.
create table usage_keepers (
  id uuid primary key,
  alive_until timestamptz not null,
  lost boolean not null default false
);

-- What calls under way have used so far, of one piece of work each, and no write has taken along. `call`: a call outside of turns, as the record that it would
-- leave; `turn`: lines of one attempt of a turn; `beside`: lines of work beside turns.
create table usage_notes (
  id uuid primary key,
  organization_id uuid not null,
  keeper_id uuid not null,
  kind text not null check (kind in ('call', 'turn', 'beside')),
  turn_id uuid,
  said jsonb not null
) with (fillfactor = 50);
create index usage_notes_of_keeper on usage_notes (keeper_id);
create index usage_notes_of_turn on usage_notes (turn_id) where turn_id is not null;
alter table usage_notes enable row level security;
alter table usage_notes force row level security;
-- Asked once for each statement, not for each row: one statement writes for many organizations.
create policy tenant on usage_notes to parley_app
  using (organization_id = any ((select nullif(current_setting('parley.organizations', true), '')::uuid[])::uuid[]))
  with check (organization_id = any ((select nullif(current_setting('parley.organizations', true), '')::uuid[])::uuid[]));
create policy sweep on usage_notes for select to parley_sweep using (true);
grant select, insert, update, delete on usage_notes to parley_app;
grant select (organization_id, keeper_id) on usage_notes to parley_sweep;
grant select, insert, update on usage_keepers to parley_app;
grant select, update (lost), delete on usage_keepers to parley_sweep;

-- What cannot be recorded, as it was noted or reported. It is in nobody's way, told to operators, and stays until it is recorded.
create table usage_set_aside (
  id uuid primary key,
  organization_id uuid not null,
  kind text not null check (kind in ('call', 'turn', 'beside')),
  said jsonb not null,
  -- What Postgres has said to it.
  trouble text not null,
  looks int not null default 0,
  due_at timestamptz not null default now(),
  created_at timestamptz not null default now()
);
create index usage_set_aside_of_organization on usage_set_aside (organization_id, due_at);
alter table usage_set_aside enable row level security;
alter table usage_set_aside force row level security;
create policy tenant on usage_set_aside to parley_app
  using (organization_id = any (nullif(current_setting('parley.organizations', true), '')::uuid[]))
  with check (organization_id = any (nullif(current_setting('parley.organizations', true), '')::uuid[]));
create policy sweep on usage_set_aside for select to parley_sweep using (true);
grant select, insert, update, delete on usage_set_aside to parley_app;
grant select (organization_id, due_at) on usage_set_aside to parley_sweep;

-- The lines of turns were noted with their texts before.
alter table checkpoints drop column usage;
-- Work that is made again by others: what a lost process has used for it is the house's.
alter table usage_records add column superseded boolean not null default false;
alter table direct_calls drop constraint direct_calls_outcome_check;
alter table direct_calls add constraint direct_calls_outcome_check check (outcome in ('answered', 'refused', 'cut', 'cancelled', 'lost')) not valid;

-- Keeps notes of one process and forgets those of what has ended; all of any organizations, in one statement's time. Takes {keeper, isNew, aliveMs, notes: [{id,
-- organizationId, kind, turnId, said}], ended: [{id, organizationId}]}. False, and nothing is done, where the process counts as lost.
create function keep_usage_notes(p jsonb) returns boolean language plpgsql as $$
begin
  -- A note need not wait for the disk: a crash of Postgres leaves the process alive that can make it again.
  perform set_config('synchronous_commit', 'off', true);
  if (p->>'isNew')::boolean then
    insert into usage_keepers (id, alive_until) values ((p->>'keeper')::uuid, clock_timestamp() + (p->>'aliveMs')::int * interval '1 millisecond')
    on conflict (id) do update set alive_until = excluded.alive_until where not usage_keepers.lost;
  else
    update usage_keepers set alive_until = clock_timestamp() + (p->>'aliveMs')::int * interval '1 millisecond'
    where id = (p->>'keeper')::uuid and not lost;
  end if;
  if not found then return false; end if;
  perform set_config('parley.organizations', (select array_agg(distinct (one->>'organizationId')::uuid)::text
    from jsonb_array_elements((p->'notes') || (p->'ended')) one), true);
  delete from usage_notes where id = any (array(select (one->>'id')::uuid from jsonb_array_elements(p->'ended') one));
  insert into usage_notes (id, organization_id, keeper_id, kind, turn_id, said)
  select (one->>'id')::uuid, (one->>'organizationId')::uuid, (p->>'keeper')::uuid, one->>'kind', (one->>'turnId')::uuid, one->'said'
  from jsonb_array_elements(p->'notes') one order by 1
  on conflict (id) do update set keeper_id = excluded.keeper_id, said = excluded.said;
  return true;
end $$;

-- Processes that were silent for too long are lost; those without a note are forgotten.
create function lose_keepers() returns void language sql as $$
  update usage_keepers set lost = true where alive_until < clock_timestamp() and not lost;
  delete from usage_keepers k where k.lost and not exists (select from usage_notes n where n.keeper_id = k.id);
$$;
revoke all on function lose_keepers from public;
grant execute on function lose_keepers to parley_sweep;

-- Lines of a note, for a process that was lost. Lines that are there already stay as they are.
create function record_noted_lines(organization uuid, conversation uuid, lines jsonb, made_again boolean) returns void language sql as $$
  insert into usage_records (organization_id, conversation_id, month, turn_id, execution_id, attempt, step, try, model,
    input_tokens, output_tokens, cached_tokens, reasoning_tokens, estimated, images, provisional, superseded)
  select organization, conversation, coalesce((select month from conversations where id = conversation), date_trunc('month', now() at time zone 'utc')::date),
    (line->>'turnId')::uuid, (line->>'executionId')::uuid, (line->>'attempt')::int, (line->>'step')::int,
    (line->>'try')::int, line->>'model', (line->>'inputTokens')::bigint, (line->>'outputTokens')::bigint, (line->>'cachedTokens')::bigint,
    (line->>'reasoningTokens')::bigint, (line->>'estimated')::boolean, coalesce((line->>'images')::int, 0), true, made_again
  from jsonb_array_elements(lines) line
  on conflict do nothing
$$;

-- Records what lost processes have noted of an organization's work, and what was set aside before and is due to be looked at again, later and later, at least once
-- a day. Returns what still cannot be recorded of that: [{id, kind, trouble}]. A background response's note waits until that has ended: only then is it known
-- whether another attempt has made it again, and until then a process that comes back can tell better.
create function take_lost_notes(organization uuid, rows_max int) returns jsonb language plpgsql as $$
declare
  note record;
  complaint text;
  troubles jsonb := '[]';
  calls uuid[];
begin
  for note in
    update usage_set_aside set looks = looks + 1, due_at = clock_timestamp() + least(power(2, least(looks, 10)), 24) * interval '1 hour'
    where id = any (array(select id from usage_set_aside where organization_id = organization and due_at < clock_timestamp()
      order by due_at limit least(rows_max, 100) for update skip locked))
    returning id, kind, said
  loop
    complaint := record_note(note.id, organization, note.kind, note.said);
    if complaint is null then delete from usage_set_aside where id = note.id;
    else troubles := troubles || jsonb_build_object('organizationId', organization, 'id', note.id, 'kind', note.kind, 'trouble', complaint);
    end if;
  end loop;
  if not exists (select from usage_keepers where lost) then return troubles; end if;
  for note in
    with lost as (
      select n.id from usage_notes n join usage_keepers k on k.id = n.keeper_id
      where n.organization_id = organization and k.lost and not exists (
        select from responses r where r.id = case when pg_input_is_valid(n.said->>'responseId', 'uuid') then (n.said->>'responseId')::uuid end
          and r.status in ('queued', 'in_progress'))
      order by n.id limit rows_max for update of n skip locked
    )
    delete from usage_notes where id in (select id from lost) returning id, kind, said
  loop
    perform record_note(note.id, organization, note.kind, note.said);
    if note.kind = 'call' then calls := calls || note.id; end if;
  end loop;
  -- Nobody is left to use what is held for them, also where a part's own record was written before.
  update holds set touched_at = '-infinity' where organization_id = organization and id = any (array(
    select id from holds where organization_id = organization and kind = 'call' and id = any (calls) order by id for update skip locked));
  return troubles;
end $$;

-- What the attempt before this one has noted and not written, in the commit of the claim that takes its turn over.
create or replace function record_lost_usage(c conversations, lost_attempt int) returns void language plpgsql as $$
declare
  note record;
begin
  for note in
    delete from usage_notes where turn_id = c.turn_id and organization_id = c.organization_id and said->'lines'->0->>'attempt' = lost_attempt::text
    returning id, said
  loop
    perform record_note(note.id, c.organization_id, 'turn', note.said);
  end loop;
end $$;

-- Renews the leases of all turns of one worker and keeps their texts, in one statement's time.
-- Takes {leaseMs, turns: [{organizationId, conversationId, epoch, turnId, n, texts}]} (texts null: nothing new);
-- returns [{conversationId, epoch, alive, stopReason, inbox}].
create or replace function renew_turns(p jsonb) returns jsonb language plpgsql as $$
declare
  answer jsonb;
begin
  perform set_config('parley.organizations', (
    select '{' || string_agg(distinct turn->>'organizationId', ',') || '}' from jsonb_array_elements(p->'turns') turn), true);
  -- Children before parents, as an ending child locks them: the other order would lock them out of each other.
  perform from conversations where id in (select (turn->>'conversationId')::uuid from jsonb_array_elements(p->'turns') turn)
  order by depth desc, id for update;
  with asked as (
    select (turn->>'organizationId')::uuid as organization_id, (turn->>'conversationId')::uuid as id, (turn->>'epoch')::bigint as epoch,
      (turn->>'turnId')::uuid as turn_id, (turn->>'n')::int as n, turn->'texts' as texts
    from jsonb_array_elements(p->'turns') turn
  ), renewed as (
    update conversations c set lease_until = clock_timestamp() + (p->>'leaseMs')::int * interval '1 millisecond',
      has_checkpoint = c.has_checkpoint or jsonb_typeof(asked.texts) = 'array'
    from asked where c.id = asked.id and c.epoch = asked.epoch and c.state = 'running'
    returning c.id, c.has_inbox, stop_reason_of(c) as stop_reason
  ), kept as (
    insert into checkpoints (turn_id, organization_id, conversation_id, epoch, n, texts)
    select asked.turn_id, asked.organization_id, asked.id, asked.epoch, asked.n, asked.texts
    from asked join renewed using (id) where jsonb_typeof(asked.texts) = 'array'
    on conflict (turn_id) do update set epoch = excluded.epoch, n = excluded.n, texts = excluded.texts, updated_at = now()
  )
  select jsonb_agg(jsonb_build_object('conversationId', asked.id, 'epoch', asked.epoch, 'alive', renewed.id is not null,
    'stopReason', renewed.stop_reason, 'inbox', coalesce(renewed.has_inbox, false)))
  into answer from asked left join renewed using (id);
  return coalesce(answer, '[]');
end $$;
