-- What an organization's people look at across its conversations. All take {organizationId, agentIds, …}: a list of agents narrows what is
-- seen to theirs, null does not. What is shown comes in parts; totals are counted.

create index cards_to_approve on cards (organization_id, created_at) where status = 'open' and kind = 'approval';
-- What was used lately, over all conversations.
create index usage_records_of_organization on usage_records (organization_id, created_at);

create function may_see_agent(p jsonb, agent uuid) returns boolean language sql immutable as $$
  select coalesce(jsonb_typeof(p->'agentIds') = 'null', true) or p->'agentIds' ? agent::text
$$;

-- A conversation in a few figures: of its current branch what was said, of all of it what was used.
create function session_json(c conversations, e executions) returns jsonb language sql stable as $$
  select jsonb_build_object('conversationId', c.id, 'agentId', c.agent_id, 'kind', case when c.parent_conversation_id is null then 'dm' else 'sub-agent' end,
    'user', e.end_user, 'title', e.title, 'source', e.options->>'source', 'status', e.status, 'state', c.state, 'held', c.held,
    'queueDepth', c.queue_depth, 'cardsOpen', c.cards_open, 'turnNumber', c.turn_number, 'stepsExecuted', said.steps, 'messageCount', said.messages,
    'compactions', (select count(*) from summaries s where s.conversation_id = c.id),
    'inputTokens', used.input, 'outputTokens', used.output, 'createdAt', iso(c.created_at), 'updatedAt', iso(e.updated_at))
  from (
    select coalesce(sum(1 + steers + (result is not null)::int), 0)::int as messages, coalesce(max(step + (status = 'completed')::int) filter (where number = c.turn_number), 0) as steps
    from turns where conversation_id = c.id and c.visible @> number
  ) said, (
    select coalesce(sum(input_tokens), 0)::bigint as input, coalesce(sum(output_tokens), 0)::bigint as output
    from usage_records where conversation_id = c.id and month = c.month
  ) used
$$;

-- Null members of the filter do not filter.
create function sessions_of(p jsonb) returns setof executions language sql stable as $$
  select * from executions
  where organization_id = (p->>'organizationId')::uuid and may_see_agent(p, agent_id)
    and mode = any (case p->>'kind' when 'dm' then array['root'] when 'sub-agent' then array['async'] else array['root', 'async'] end)
    and (p->>'agentId' is null or agent_id = (p->>'agentId')::uuid)
    and (p->>'changedSince' is null or updated_at >= (p->>'changedSince')::timestamptz)
$$;

-- A page of conversations, newest first: {items, total}. Takes besides {kind, changedSince, agentId, offset, limit}.
create function list_sessions(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  return jsonb_build_object('total', (select count(*) from sessions_of(p)), 'items', (
    with page as (
      select id, created_at from sessions_of(p) order by created_at desc, id desc offset (p->>'offset')::int limit (p->>'limit')::int
    )
    select coalesce(jsonb_agg(session_json(c, e) order by page.created_at desc, page.id desc), '[]')
    from page join conversations c using (id) join executions e using (id)));
end $$;

-- Null where the caller may not see it, or there is none such. Takes besides {conversationId}.
create function read_session(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  return (
    select session_json(c, e) from conversations c join executions e on e.id = c.id
    where c.id = (p->>'conversationId')::uuid and may_see_agent(p, c.agent_id));
end $$;

-- What was said in the current branch, oldest first. Takes besides {conversationId, offset, limit, bytesMax}; of a part that would be larger
-- than that the rest is left out, but for its first message.
create function read_messages(p jsonb) returns jsonb language plpgsql as $$
declare
  c conversations;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  select * into c from conversations where id = (p->>'conversationId')::uuid and may_see_agent(p, agent_id);
  if not found then return null; end if;
  return (
    with said as (
      select number, 0 as part, 0::bigint as seq, id as turn_id, 'user' as role, text as content, created_at as at
      from turns where conversation_id = c.id and c.visible @> number
      union all
      select t.number, 1, m.seq, t.id, 'user', m.text, m.enqueued_at
      from turns t join messages m on m.conversation_id = c.id and m.steers_turn = t.id and m.state in ('running', 'done')
      where t.conversation_id = c.id and c.visible @> t.number and t.steers > 0
      union all
      select number, 2, 0, id, 'assistant', result, finished_at from turns where conversation_id = c.id and c.visible @> number and result is not null
    ), part as (
      select * from said order by number, part, seq, at offset (p->>'offset')::int limit (p->>'limit')::int
    ), measured as (
      select *, row_number() over so_far as place, sum(octet_length(content)) over so_far as bytes from part
      window so_far as (order by number, part, seq, at)
    )
    select coalesce(jsonb_agg(jsonb_build_object('role', role, 'content', content, 'at', iso(at), 'turnId', turn_id) order by place), '[]')
    from measured where place = 1 or bytes <= (p->>'bytesMax')::bigint);
end $$;

-- Conversations in which the words were said, as they were written but for their case: of each its newest such message. Takes besides {query, role, limit}.
-- Looks at the newest 500 conversations, and at the newest 100 turns of each.
create function search_messages(p jsonb) returns jsonb language plpgsql as $$
declare
  needle text := lower((p->>'query') collate "pg_c_utf8");
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  return (
    with newest as (
      select c from executions e join conversations c on c.id = e.id
      where e.organization_id = (p->>'organizationId')::uuid and e.parent_id is null and may_see_agent(p, e.agent_id)
      order by e.created_at desc, e.id desc limit 500
    ), hits as (
      select (n.c).id, (n.c).agent_id, hit.* from newest n, lateral (
        select said.* from (
          select number, id as turn_id, text, result, created_at, finished_at from turns where conversation_id = (n.c).id and (n.c).visible @> number
          order by number desc limit 100
        ) t, lateral (values
          (1, 'user', t.turn_id, t.number, t.text, t.created_at), (2, 'assistant', t.turn_id, t.number, t.result, t.finished_at)
        ) said (part, role, turn_id, number, content, at)
        where (p->>'role' is null or said.role = p->>'role') and strpos(lower(said.content collate "pg_c_utf8"), needle) > 0
        order by said.number desc, said.part desc limit 1
      ) hit order by hit.at desc limit (p->>'limit')::int
    )
    select coalesce(jsonb_agg(jsonb_build_object('conversationId', id, 'agentId', agent_id, 'turnId', turn_id, 'role', role, 'at', iso(at),
      'snippet', substr(content, greatest(1, strpos(lower(content collate "pg_c_utf8"), needle) - 80), 240)) order by at desc), '[]') from hits);
end $$;

-- Calls that wait for somebody to approve them, oldest first: {items, total}. Takes besides {offset, limit}.
create function list_approvals(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  return (
    with waiting as (
      select k, row_number() over (order by k.created_at, k.id) as place, count(*) over () as total
      from cards k join conversations c on c.id = k.conversation_id
      where k.organization_id = (p->>'organizationId')::uuid and k.status = 'open' and k.kind = 'approval'
        and (k.expires_at is null or k.expires_at > now()) and may_see_agent(p, c.agent_id)
    )
    select jsonb_build_object('total', coalesce(max(total), 0), 'items', coalesce(jsonb_agg(
      card_json(k) || jsonb_build_object('conversationId', (k).conversation_id) order by place)
      filter (where place > (p->>'offset')::int and place <= (p->>'offset')::int + (p->>'limit')::int), '[]'))
    from waiting);
end $$;

-- The conversation that a card belongs to; null where the caller may not see it. Takes besides {cardId}.
create function find_card(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  return (
    select jsonb_build_object('conversationId', c.id) from cards k join conversations c on c.id = k.conversation_id
    where k.id = (p->>'cardId')::uuid and may_see_agent(p, c.agent_id));
end $$;

-- Runs that agents or callers have handed to an agent: children, and conversations that have this source.
create function runs_of(p jsonb) returns setof executions language sql stable as $$
  select * from executions
  where organization_id = (p->>'organizationId')::uuid and created_at >= (p->>'since')::timestamptz and may_see_agent(p, agent_id)
    and (parent_id is not null or options->>'source' = p->>'source')
$$;

-- The newest of them: {items, total}. Takes besides {since, source, limit}.
create function list_runs(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  return jsonb_build_object('total', (select count(*) from runs_of(p)), 'items', (
    select coalesce(jsonb_agg(execution_json(e) order by e.created_at desc, e.id desc), '[]')
    from (select * from runs_of(p) order by created_at desc, id desc limit (p->>'limit')::int) e));
end $$;

-- What model calls have used since then, in turns and, where nothing narrows it, directly; newest group first; `provider` is what stands before the model's first slash. Takes besides
-- {since, by: provider | hour | null, agentId, conversationId}; since null: always.
create function read_usage_since(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  return (
    with calls as (
      select u.model, u.created_at as at, 1 as model_calls, u.input_tokens, u.output_tokens, u.cached_tokens, u.reasoning_tokens, u.estimated
      from usage_records u
      where u.organization_id = (p->>'organizationId')::uuid
        and (p->>'since' is null or u.created_at >= (p->>'since')::timestamptz)
        and (p->>'conversationId' is null or u.conversation_id = (p->>'conversationId')::uuid)
        and (jsonb_typeof(p->'agentIds') = 'null' and p->>'agentId' is null or exists (
          select from executions e where e.id = u.execution_id and may_see_agent(p, e.agent_id)
            and (p->>'agentId' is null or e.agent_id = (p->>'agentId')::uuid)))
      union all
      select d.model, d.at, d.model_calls, d.input_tokens, d.output_tokens, d.cached_tokens, d.reasoning_tokens, d.estimated
      from direct_calls d
      where d.organization_id = (p->>'organizationId')::uuid and (p->>'since' is null or d.at >= (p->>'since')::timestamptz)
        and jsonb_typeof(p->'agentIds') = 'null' and p->>'agentId' is null and p->>'conversationId' is null
    ), used as (
      select case p->>'by' when 'provider' then split_part(model, '/', 1) when 'hour' then iso(date_trunc('hour', at)) end as name,
        sum(model_calls) as calls, sum(input_tokens) as input, sum(output_tokens) as output, sum(cached_tokens) as cached,
        sum(reasoning_tokens) as reasoning, bool_or(estimated) as estimated
      from calls group by name
    )
    select coalesce(jsonb_agg(jsonb_build_object('name', name, 'callCount', calls, 'inputTokens', input, 'outputTokens', output,
      'cachedTokens', cached, 'reasoningTokens', reasoning, 'estimated', estimated) order by name desc), '[]') from used);
end $$;

-- Takes besides {memoryId}; null where there is none such.
create function find_memory(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  return (select memory_json(m) from memories m where m.id = (p->>'memoryId')::uuid and may_see_agent(p, m.agent_id));
end $$;

-- Takes besides {agentId}.
create function memory_stats(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  return (
    with mine as (
      select * from memories m
      where m.organization_id = (p->>'organizationId')::uuid and may_see_agent(p, m.agent_id) and (p->>'agentId' is null or m.agent_id = (p->>'agentId')::uuid)
    )
    select jsonb_build_object('total', count(*), 'tainted', count(*) filter (where tainted), 'embedded', count(embedding),
      'conversations', (select count(distinct conversation_id) from memory_sources where memory_id in (select id from mine)), 'bytes', coalesce(sum(pg_column_size(mine)), 0), 'oldest', iso(min(created_at)),
      'byScope', (select coalesce(jsonb_object_agg(scope, n), '{}') from (select scope, count(*) as n from mine group by scope) s),
      'byAgent', (select coalesce(jsonb_object_agg(agent_id, n), '{}') from (select agent_id, count(*) as n from mine group by agent_id) a))
    from mine);
end $$;

-- Forgets these, or all that an agent has learned, or all: how many there were. Takes besides {memoryIds, agentId}; null does not narrow.
create function forget_memories(p jsonb) returns int language plpgsql as $$
declare
  gone int;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  delete from memories m
  where m.organization_id = (p->>'organizationId')::uuid and may_see_agent(p, m.agent_id)
    and (p->>'agentId' is null or m.agent_id = (p->>'agentId')::uuid)
    and (jsonb_typeof(p->'memoryIds') = 'null' or m.id = any (array(select jsonb_array_elements_text(nullif(p->'memoryIds', 'null'))::uuid)));
  get diagnostics gone = row_count;
  return gone;
end $$;
