-- Facts that outlive their conversation.

create table memories (
  id uuid primary key,
  organization_id uuid not null,
  scope text not null check (scope in ('user', 'agent', 'organization')),
  -- The user's e-mail address in lower case, the agent's id, or the organization's.
  scope_id text not null,
  -- The agent that learned it.
  agent_id uuid not null,
  text text not null,
  words tsvector not null,
  -- A tool, a peer or a page has had a say in it.
  tainted boolean not null,
  -- Where it was learned; the conversation may be gone since.
  conversation_id uuid not null,
  turn_number int not null,
  -- Vectors are compared with those of the same model only.
  embedding real[],
  embedding_model text,
  created_at timestamptz not null default clock_timestamp()
);
-- The same text in the same place is one memory.
create unique index memories_by_text on memories (organization_id, scope, scope_id, md5(text));
create index memories_of_place on memories (organization_id, scope, scope_id, created_at desc);
create index memories_of_organization on memories (organization_id, created_at desc, id);

alter table memories enable row level security;
alter table memories force row level security;
create policy tenant on memories to parley_app
  using (organization_id = any (nullif(current_setting('parley.organizations', true), '')::uuid[]))
  with check (organization_id = any (nullif(current_setting('parley.organizations', true), '')::uuid[]));
grant select, insert, update, delete on memories to parley_app;

-- Keeps [{id, scope, scopeId, agentId, text, tainted, conversationId, turnNumber, embedding: {model, vector} | null}]; beyond
-- `per_scope_max` in a place its oldest are forgotten. Runs in a transaction that has named its organization.
create function save_memories(organization uuid, given jsonb, per_scope_max int) returns void language plpgsql as $$
begin
  insert into memories as m (id, organization_id, scope, scope_id, agent_id, text, words, tainted, conversation_id, turn_number,
    embedding, embedding_model)
  select distinct on (one->>'scope', one->>'scopeId', one->>'text') (one->>'id')::uuid, organization, one->>'scope', one->>'scopeId', (one->>'agentId')::uuid, one->>'text',
    words_of(one->>'text', null), (one->>'tainted')::boolean, (one->>'conversationId')::uuid, (one->>'turnNumber')::int,
    (select array_agg(part::real order by place) from jsonb_array_elements_text(nullif(one->'embedding', 'null')->'vector') with ordinality as listed (part, place)),
    one->'embedding'->>'model'
  from jsonb_array_elements(given) one
  order by one->>'scope', one->>'scopeId', one->>'text'
  -- Said again by somebody who is trusted, it is trusted.
  on conflict (organization_id, scope, scope_id, md5(text)) do update set tainted = m.tainted and excluded.tainted;
  delete from memories where id in (
    select m.id from (select distinct one->>'scope' as scope, one->>'scopeId' as scope_id from jsonb_array_elements(given) one) place,
      lateral (select id from memories where organization_id = organization and scope = place.scope and scope_id = place.scope_id
        order by created_at desc, id desc offset per_scope_max) m);
end $$;

create function save_memories(p jsonb) returns void language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  perform save_memories((p->>'organizationId')::uuid, p->'memories', (p->>'perScopeMax')::int);
end $$;

create function memory_json(m memories) returns jsonb language sql stable as $$
  select jsonb_build_object('id', m.id, 'scope', m.scope, 'scopeId', m.scope_id, 'agentId', m.agent_id, 'text', m.text, 'tainted', m.tainted,
    'conversationId', m.conversation_id, 'turnNumber', m.turn_number, 'createdAt', iso(m.created_at))
$$;

-- How near two vectors are, from -1 to 1; null where they do not have the same number of dimensions.
create function cosine(a real[], b real[]) returns float8 language sql immutable strict as $$
  select case when cardinality(a) = cardinality(b) then sum(x::float8 * y) / nullif(sqrt(sum(x::float8 * x) * sum(y::float8 * y)), 0) end
  from unnest(a, b) as pair (x, y)
$$;

create function count_memories(p jsonb) returns int language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  return (select count(*) from (
    select from memories m join jsonb_to_recordset(p->'places') as place (scope text, "scopeId" text)
      on m.organization_id = (p->>'organizationId')::uuid and m.scope = place.scope and m.scope_id = place."scopeId"
    limit (p->>'max')::int) counted);
end $$;

-- How much each of these shares with the words asked for; rare words count more. Those that share nothing are left out.
create function word_scores(ids uuid[], words jsonb) returns table (id uuid, score float8) language sql stable as $$
  with asked as (
    select distinct word, within, quote_literal(word)::tsquery as whole, (quote_literal(word) || ':*')::tsquery as start from jsonb_to_recordset(words) as given (word text, within boolean)
  ), hits as (
    select m.id, asked.word, case when m.words @@ asked.whole then 1 else 0.5 end as share from memories m join asked
      on m.words @@ asked.start or asked.within and strpos(lower(m.text collate "pg_c_utf8"), asked.word) > 0
    where m.id = any (ids)
  ), weighed as (
    select word, ln(1 + cardinality(ids)::float8 / count(*)) as weight from hits group by word
  )
  select hits.id, sum(weight * share) from hits join weighed using (word) group by hits.id
$$;

-- The memories of these places that fit the words and the vector best: their places in the two orders are joined by the sum of
-- 1 / (60 + place), which needs no common scale. Then the newest. Takes {organizationId, places: [{scope, scopeId}], words: [{word, within}],
-- embedding: {model, vector} | null, max}.
create function search_memories(p jsonb) returns jsonb language plpgsql as $$
declare
  held uuid[];
  asked real[] := (select array_agg(part::real order by place)
    from jsonb_array_elements_text(nullif(p->'embedding', 'null')->'vector') with ordinality as listed (part, place));
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  select array_agg(m.id) into held
  from memories m join jsonb_to_recordset(p->'places') as place (scope text, "scopeId" text)
    on m.organization_id = (p->>'organizationId')::uuid and m.scope = place.scope and m.scope_id = place."scopeId";
  return (
    with by_words as (
      select id, row_number() over (order by score desc, id desc) as place from word_scores(held, p->'words')
    ), by_vector as (
      select id, row_number() over (order by near desc, id desc) as place
      from (select id, cosine(embedding, asked) as near from memories where id = any (held) and embedding_model = p->'embedding'->>'model') nearness
      where near > 0
    ), best as (
      select m.id, m.created_at, coalesce(1.0 / (60 + by_words.place), 0) + coalesce(1.0 / (60 + by_vector.place), 0) as score
      from memories m left join by_words using (id) left join by_vector using (id) where m.id = any (held)
      order by score desc, created_at desc, id desc limit (p->>'max')::int
    )
    select coalesce(jsonb_agg(memory_json(m) order by best.score desc, best.created_at desc, best.id desc), '[]')
    from best join memories m using (id));
end $$;

-- Null members of the filter do not filter.
create function memories_of(p jsonb) returns setof memories language sql stable as $$
  select * from memories
  where organization_id = (p->>'organizationId')::uuid
    and (p->>'scope' is null or scope = p->>'scope')
    and (p->>'userEmail' is null or scope = 'user' and scope_id = p->>'userEmail')
    and (p->>'agentId' is null or agent_id = (p->>'agentId')::uuid)
    and (p->'agentIds' = 'null' or agent_id = any (array(select jsonb_array_elements_text(nullif(p->'agentIds', 'null'))::uuid)))
$$;

-- A page of what is remembered, newest first: {items, total}. Takes {organizationId, scope, userEmail, agentId, agentIds, words, offset,
-- limit}. With words: of the newest 5,000 those that share any with them, best first.
create function list_memories(p jsonb) returns jsonb language plpgsql as $$
declare
  found uuid[];
  page uuid[];
  total int;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  if p->'words' = 'null' then
    select count(*) into total from memories_of(p);
    page := array(select id from memories_of(p) order by created_at desc, id desc limit (p->>'limit')::int offset (p->>'offset')::int);
  else
    found := array(select id from memories_of(p) order by created_at desc, id desc limit 5000);
    found := array(select id from word_scores(found, p->'words') order by score desc, id desc);
    total := cardinality(found);
    page := found[(p->>'offset')::int + 1 : (p->>'offset')::int + (p->>'limit')::int];
  end if;
  return jsonb_build_object('total', total, 'items', (
    select coalesce(jsonb_agg(memory_json(m) order by listed.place), '[]')
    from unnest(page) with ordinality as listed (id, place) join memories m using (id)));
end $$;

create function delete_memory(p jsonb) returns boolean language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  delete from memories where id = (p->>'memoryId')::uuid
    and (p->'agentIds' = 'null' or agent_id = any (array(select jsonb_array_elements_text(nullif(p->'agentIds', 'null'))::uuid)));
  return found;
end $$;

-- What was used beside a conversation's turns: by its summaries and memories. Takes {organizationId, conversationId, usage}.
create function record_usage_beside(p jsonb) returns void language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  -- It stays where it was used, even if the conversation is gone by now.
  perform record_usage((p->>'organizationId')::uuid, (p->>'conversationId')::uuid, coalesce(
    (select month from conversations where id = (p->>'conversationId')::uuid), date_trunc('month', now() at time zone 'utc')::date), p->'usage');
end $$;
