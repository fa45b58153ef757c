-- Summaries that stand for the oldest turns in the prompt, in levels, and the words by which those turns are found again.
-- The log and the turns keep everything.

create table summaries (
  organization_id uuid not null,
  conversation_id uuid not null references conversations on delete cascade,
  -- The branch that was current when it was made.
  branch int not null,
  -- 1: made of turns; above: made of summaries one level below.
  level int not null check (level > 0),
  from_turn int not null,
  through_turn int not null check (through_turn >= from_turn),
  -- The visible turns between the two, when it was made. It stands for them wherever exactly these are visible: an edit below
  -- `through_turn` makes it void, one above leaves it alone.
  covers int4multirange not null,
  text text not null,
  -- Something that it tells was said by a tool, a peer or a page.
  tainted boolean not null,
  model text not null,
  created_at timestamptz not null default now(),
  primary key (conversation_id, from_turn, through_turn, level, branch)
);

-- What a prompt has of the summaries in one row, so that the claim of a turn reads no more than that: how long the conversation is costs
-- it nothing. Counts in its own branch only; after an edit the summaries themselves are read until the next one is installed.
create table summary_heads (
  conversation_id uuid primary key references conversations on delete cascade,
  organization_id uuid not null,
  branch int not null,
  through_turn int not null,
  summary jsonb not null
);

-- What a summarised turn is found by. Beside the turns and not an index on them: the end of a turn pays nothing for it, and
-- an index could not be used under row-level security, as text search is not leakproof.
create table turn_words (
  organization_id uuid not null,
  conversation_id uuid not null references conversations on delete cascade,
  number int not null,
  words tsvector not null,
  primary key (conversation_id, number)
);

-- One row for each conversation whose tail has grown too long; gone when there is nothing left to do.
create table compactions (
  conversation_id uuid primary key references conversations on delete cascade,
  organization_id uuid not null,
  -- When it may be begun: later while somebody works on it, and after a failure.
  due_at timestamptz not null default now(),
  -- Who works on it until `due_at`.
  holder text,
  -- Grows with every turn that finds the tail too long, so that the end of the work misses none.
  marks int not null default 1,
  failures int not null default 0,
  ordered_at timestamptz
);
create index compactions_due on compactions (due_at);

do $$
declare
  name text;
begin
  foreach name in array array['summaries', 'summary_heads', 'turn_words', 'compactions'] loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format(
      'create policy tenant on %I to parley_app using (organization_id = any (nullif(current_setting(''parley.organizations'', true), '''')::uuid[]))'
      ' with check (organization_id = any (nullif(current_setting(''parley.organizations'', true), '''')::uuid[]))', name);
    execute format('grant select, insert, update, delete on %I to parley_app', name);
  end loop;
end $$;
create policy sweep on compactions to parley_sweep using (true) with check (true);
grant select (conversation_id, organization_id, due_at, ordered_at), update (ordered_at) on compactions to parley_sweep;

-- A turn's children are looked for by both, and a long conversation may have thousands.
create index executions_of_parent_turn on executions (parent_id, turn_id) where parent_id is not null;
drop index executions_of_parent;

-- The summaries that stand for the current branch's oldest turns, without a gap, oldest first: at each place the one that reaches
-- furthest. One probe of the primary key for each, and there are at most a few for each level.
create function live_summaries(c conversations) returns setof summaries language plpgsql stable as $$
declare
  s summaries;
  next_turn int := 1;
begin
  loop
    select * into s from summaries where conversation_id = c.id and from_turn = next_turn
      and covers = c.visible * int4multirange(int4range(from_turn, through_turn, '[]'))
    order by through_turn desc, level desc, branch desc limit 1;
    exit when not found;
    return next s;
    next_turn := s.through_turn + 1;
  end loop;
end $$;

-- The last turn that a summary stands for; 0 while there is none.
create function summarised_through(c conversations) returns int language plpgsql stable as $$
declare
  through int;
begin
  select through_turn into through from summary_heads where conversation_id = c.id and branch = c.branch;
  return case when found then through else (select coalesce(max(through_turn), 0) from live_summaries(c)) end;
end $$;

-- Those turns as the model is shown them, oldest first; each text has at most so many characters.
create function told_turns(c conversations, numbers int[], chars_max int) returns jsonb language sql stable as $$
  select coalesce(jsonb_agg(jsonb_build_object('number', t.number, 'text', left(t.text, chars_max), 'files', t.files,
    'result', left(t.result, chars_max), 'status', t.status, 'reason', t.reason,
    'children', (
      select jsonb_agg(jsonb_build_object('id', e.id, 'status', e.status, 'query', left(e.input->>'text', 1024), 'result', left(e.result, chars_max / 4)) order by e.id)
      from executions e where e.turn_id = t.id and e.parent_id = c.id and e.mode = 'async'),
    'steers', case when t.steers > 0 then (
      select jsonb_agg(left(m.text, chars_max) order by m.seq, m.id)
      from messages m where m.conversation_id = c.id and m.steers_turn = t.id and m.state in ('running', 'done')) end,
    'cards', case when t.cards > 0 then (
      select jsonb_agg(card_json(k) order by k.id) from cards k where k.turn_id = t.id) end,
    -- It called something, and what came back is in what it says.
    'tainted', t.step > 0) order by t.number), '[]')
  from turns t where t.conversation_id = c.id and t.number = any (numbers)
$$;

-- The turns of the current branch before that one that no summary stands for, oldest first, as the model is shown them.
create or replace function turn_history(c conversations, before_number int, turns_max int) returns jsonb language plpgsql stable as $$
declare
  through int := summarised_through(c);
begin
  return told_turns(c, array(
    select number from turns where conversation_id = c.id and number < before_number and number > through and c.visible @> number
    order by number desc limit turns_max), 32768);
end $$;

-- The live summaries as a prompt has them: {throughTurn, tainted, parts: [{fromTurn, throughTurn, text}]}; null while there are none.
create function joined_summaries(c conversations) returns jsonb language sql stable as $$
  select case when count(*) > 0 then jsonb_build_object('throughTurn', max(through_turn), 'tainted', bool_or(tainted),
    'parts', jsonb_agg(jsonb_build_object('fromTurn', from_turn, 'throughTurn', through_turn, 'text', text) order by from_turn)) end
  from live_summaries(c)
$$;

-- What stands for the turns that are too old to be told whole; null while there are none.
create or replace function turn_summary(c conversations) returns jsonb language plpgsql stable as $$
declare
  known jsonb;
begin
  select summary into known from summary_heads where conversation_id = c.id and branch = c.branch;
  return case when found then known else joined_summaries(c) end;
end $$;

-- Which summaries stood when a summary was begun: nothing may have changed when it is installed.
create function summary_head(c conversations) returns text language sql stable as $$
  select coalesce(string_agg(level || ':' || from_turn || '-' || through_turn || '@' || branch, ' ' order by from_turn), '') from live_summaries(c)
$$;

create function mark_compaction(organization uuid, conversation uuid) returns void language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  insert into compactions as k (conversation_id, organization_id) select id, organization_id from conversations where id = conversation
  on conflict (conversation_id) do update set marks = k.marks + 1;
end $$;

-- Takes a due compaction, or goes on with one's own, for `leaseMs`. Takes {organizationId, conversationId, holder, leaseMs, tailTurnsMax,
-- tailBytesMax, turnsMax, charsMax}; returns null when it is not due or is another's, else what there is to summarise: the live summaries,
-- and of the turns behind them the oldest ones beyond the newest that stay as they are.
create function claim_compaction(p jsonb) returns jsonb language plpgsql as $$
declare
  c conversations;
  k compactions;
  older int[];
  untold int;
  through int;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  update compactions set due_at = clock_timestamp() + (p->>'leaseMs')::int * interval '1 millisecond', holder = p->>'holder'
  where conversation_id = (p->>'conversationId')::uuid and (due_at <= clock_timestamp() or holder = p->>'holder')
  returning * into k;
  if not found then return null; end if;
  select * into c from conversations where id = k.conversation_id;
  through := summarised_through(c);
  with measured as (
    select number, row_number() over newest as place, count(*) over () as total,
      sum(least(octet_length(text), 32768) + least(coalesce(octet_length(result), 0), 32768)) over newest as bytes
    from turns where conversation_id = c.id and number > through and c.visible @> number and finished_at is not null
    window newest as (order by number desc)
  ), beyond as (
    -- The newest turn stays, however long it is.
    select number, total from measured where place > 1 and (place > (p->>'tailTurnsMax')::int or bytes > (p->>'tailBytesMax')::int)
    order by number limit (p->>'turnsMax')::int
  )
  select array_agg(number), max(total) into older, untold from beyond;
  return jsonb_build_object('marks', k.marks, 'failures', k.failures, 'agentId', c.agent_id,
    'userEmail', c.end_user->>'email', 'visible', c.visible::text, 'head', summary_head(c),
    'untoldTurns', coalesce(untold, 0), 'turns', told_turns(c, coalesce(older, '{}'), (p->>'charsMax')::int),
    'summaries', (select coalesce(jsonb_agg(jsonb_build_object('level', s.level, 'fromTurn', s.from_turn, 'throughTurn', s.through_turn,
      'text', s.text, 'tainted', s.tainted) order by s.from_turn), '[]') from live_summaries(c) s));
end $$;

-- There is nothing left to do, unless a turn has asked again since.
create function finish_compaction(organization uuid, conversation uuid, worker text, seen_marks int) returns void language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  delete from compactions where conversation_id = conversation and holder = worker and marks = seen_marks;
  update compactions set due_at = now(), holder = null, ordered_at = null, failures = 0 where conversation_id = conversation and holder = worker;
end $$;

-- Lets go of it until later: after a failure, or because the worker stops.
create function postpone_compaction(organization uuid, conversation uuid, worker text, delay_ms bigint, failed boolean) returns void
language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  update compactions set due_at = clock_timestamp() + delay_ms * interval '1 millisecond', holder = null, ordered_at = null,
    failures = failures + failed::int
  where conversation_id = conversation and holder = worker;
end $$;

-- Lower case by the rules of Unicode, whatever the database's own locale; the bound is far below what one tsvector may hold.
create function words_of(text text, result text) returns tsvector language sql immutable as $$
  select strip(to_tsvector('simple', lower((left(text, 65536) || ' ' || left(coalesce(result, ''), 65536)) collate "pg_c_utf8")))
$$;

-- Installs a summary where what it was made of is still what stands there; else it is dropped. Takes {organizationId, conversationId,
-- head, visible, level, fromTurn, throughTurn, text, tainted, model, memories, memoriesPerScopeMax}; returns {outcome: 'installed' |
-- 'dropped', ...} and, where it was installed, what is to be told. Atomic: the summary, the words of its turns, what was learned from
-- them, and the fact in the log.
create function install_summary(p jsonb) returns jsonb language plpgsql as $$
declare
  c conversations := lock_conversation((p->>'organizationId')::uuid, (p->>'conversationId')::uuid);
  asked int4multirange := int4multirange(int4range((p->>'fromTurn')::int, (p->>'throughTurn')::int, '[]'));
  did record;
begin
  if c.id is null or c.visible * asked <> (p->>'visible')::int4multirange * asked or summary_head(c) <> p->>'head' then
    return '{"outcome": "dropped"}';
  end if;
  insert into summaries (organization_id, conversation_id, branch, level, from_turn, through_turn, covers, text, tainted, model)
  values (c.organization_id, c.id, c.branch, (p->>'level')::int, (p->>'fromTurn')::int, (p->>'throughTurn')::int, c.visible * asked,
    p->>'text', (p->>'tainted')::boolean, p->>'model');
  insert into summary_heads as h (conversation_id, organization_id, branch, through_turn, summary)
  select c.id, c.organization_id, c.branch, (joined->>'throughTurn')::int, joined from joined_summaries(c) joined
  on conflict (conversation_id) do update set branch = excluded.branch, through_turn = excluded.through_turn, summary = excluded.summary;
  if (p->>'level')::int = 1 then
    insert into turn_words (organization_id, conversation_id, number, words)
    select c.organization_id, c.id, number, words_of(text, result) from turns
    where conversation_id = c.id and number between (p->>'fromTurn')::int and (p->>'throughTurn')::int and c.visible @> number
    on conflict do nothing;
  end if;
  if jsonb_array_length(p->'memories') > 0 then
    perform save_memories(c.organization_id, p->'memories', (p->>'memoriesPerScopeMax')::int);
  end if;
  select * into did from post_events(c, jsonb_build_array(make_event('conversation.compacted', c.id, null, jsonb_build_object(
    'throughTurn', (p->>'throughTurn')::int, 'level', (p->>'level')::int))));
  c := did.c;
  perform save_conversation(c);
  return posted(c, did.appended) || '{"outcome": "installed", "kick": false}';
end $$;

-- The earlier turns of the current branch that share most with the words asked for; rare words count more. Takes {organizationId,
-- conversationId, words: [{word, within}], turnsMax}: `within` also finds a word inside others, in the texts of the newest 2,000 turns. Returns
-- [{number, at, text, result}], best first. The turn under way is left out.
create function recall_turns(p jsonb) returns jsonb language plpgsql as $$
declare
  c conversations;
  through int;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  select * into c from conversations where id = (p->>'conversationId')::uuid;
  if not found then return '[]'; end if;
  through := summarised_through(c);
  return (
    with asked as materialized (
      select distinct word, within, quote_literal(word)::tsquery as whole, (quote_literal(word) || ':*')::tsquery as start from jsonb_to_recordset(p->'words') as given (word text, within boolean)
    ), said as materialized (
      select number, words from turn_words where conversation_id = c.id and c.visible @> number
      union
      select number, words_of(text, result) from turns where conversation_id = c.id and number > through and c.visible @> number
        and id is distinct from c.turn_id
        and not exists (select from turn_words w where w.conversation_id = c.id and w.number = turns.number)
    ), hits as (
      -- The beginning of a word is worth half of it.
      select said.number, asked.word, case when said.words @@ asked.whole then 1 else 0.5 end as share from said join asked on said.words @@ asked.start
      union all
      select t.number, asked.word, 0.5 from turns t join asked on asked.within
        and strpos(lower((left(t.text, 65536) || ' ' || left(coalesce(t.result, ''), 65536)) collate "pg_c_utf8"), asked.word) > 0
      where t.conversation_id = c.id and c.visible @> t.number and t.id is distinct from c.turn_id and t.number > c.turn_number - 2000
    ), weighed as (
      select word, ln(1 + (select count(*) from said)::float8 / count(*)) as weight from hits group by word
    ), best as (
      select number, sum(weight * share) as score from hits join weighed using (word) group by number
      order by score desc, number desc limit (p->>'turnsMax')::int
    )
    select coalesce(jsonb_agg(jsonb_build_object('number', t.number, 'at', iso(t.created_at), 'text', left(t.text, 65536),
      'result', left(t.result, 65536)) order by best.score desc, best.number desc), '[]')
    from best join turns t on t.conversation_id = c.id and t.number = best.number);
end $$;

-- Due compactions whose order was not given just now: [{conversationId, organizationId}].
create function take_compactions(rows_max int) returns jsonb language sql as $$
  with due as (
    select conversation_id from compactions
    where due_at < clock_timestamp() and (ordered_at is null or ordered_at < clock_timestamp() - interval '15 seconds')
    order by due_at limit rows_max
    for update skip locked
  ), ordered as (
    update compactions k set ordered_at = clock_timestamp() from due where k.conversation_id = due.conversation_id
    returning k.conversation_id, k.organization_id
  )
  select coalesce(jsonb_agg(jsonb_build_object('conversationId', conversation_id, 'organizationId', organization_id)), '[]') from ordered
$$;
