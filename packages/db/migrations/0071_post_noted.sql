-- What lost processes have noted is charged with what was recorded, and calls of peers once it is known what became of them.

-- One use, before it is priced: by what the price book calls it, or at a price that is fixed already.
create type uses as (
  organization_id uuid, kind text, called text, ref text, fixed_micros bigint, source_type text, source_id text, payer text, principal_id text, agent_id uuid, user_id text,
  conversation_id uuid, turn_id uuid, model text, input_tokens bigint, output_tokens bigint, cached_tokens bigint, reasoning_tokens bigint,
  audio_ms bigint, images int, estimated boolean, at timestamptz, sale_id text
);
-- What was sold, and what models have used of themselves for a call that was: the id of its payment. What the turn of a sold call has used is known by the turn.
alter table charges add column sale_id text;
create index charges_of_sale on charges (sale_id) where sale_id is not null;

-- Charges what was used and is not charged yet, of each of these organizations: usage of turns that have ended or wait for people, calls of peers made in them, and
-- direct calls, where they are for a background response of one that has ended. What lost processes have noted is recorded first. A peer's call is due when it is
-- known whether the peer has taken it up.
-- Each line is priced as of its moment and rounded once; the ledger gets one transaction of each organization for all of its lines. What an attempt used for a step
-- that a later one has made again is borne by the house. Holds go with the last line of what they were for. One at a time for each organization, so that two of
-- these never wait for one another; rows that somebody is writing are left for the next time, and what was charged before is not charged again. All of it, or
-- nothing: who cannot be charged with others is to be charged alone. Takes {organizationIds, rowsMax (of all together), callKeptMs}; returns {posted, more: those
-- that may have more that is due, or null, setAside}: what was looked at again and cannot be recorded, [{organizationId, id, kind, trouble}].
-- Everything is looked up by its key: a plan that reads whole tables suits an empty database alone. To begin a statement costs Postgres more than the few rows that
-- it is for: so several organizations share it, its plan is made once, and what there is to do is asked before anything else is begun.
create or replace function post_usage(p jsonb) returns jsonb language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan as $$
declare
  organizations uuid[] := array(
    select distinct id::uuid from jsonb_array_elements_text(p->'organizationIds') id
    where pg_try_advisory_xact_lock(4766, hashtext((id::uuid)::text)) order by 1);
  organization uuid;
  -- Of each of them.
  rows_max int;
  has record;
  used uses[];
  lines charges[];
  ended holds[];
  troubles jsonb := '[]';
begin
  if cardinality(organizations) = 0 then return '{"posted": 0, "more": null, "setAside": []}'; end if;
  rows_max := greatest((p->>'rowsMax')::int / cardinality(organizations), 1);
  perform set_config('parley.organizations', organizations::text, true);
  -- Where one of several is locked by somebody, the others' holds and balances are let go of soon; each is charged by itself then.
  if cardinality(organizations) > 1 then perform set_config('lock_timeout', '500ms', true); end if;
  select exists (select from usage_set_aside where organization_id = any (organizations) and due_at < clock_timestamp())
      or exists (select from usage_keepers where lost) as notes,
    exists (select from usage_records where organization_id = any (organizations) and unposted) as turns,
    exists (select from direct_calls where organization_id = any (organizations) and unposted) as calls,
    exists (select from peer_usage where organization_id = any (organizations) and unposted) as peers,
    exists (select from holds where organization_id = any (organizations)) as holds
  into has;
  if has.notes then
    foreach organization in array organizations loop
      perform set_config('parley.organizations', '{' || organization || '}', true);
      troubles := troubles || take_lost_notes(organization, rows_max);
    end loop;
    perform set_config('parley.organizations', organizations::text, true);
  end if;

  if has.turns or has.notes then
    with due as (
      select of_one.* from unnest(organizations) o (id), lateral (
        select u.turn_id, u.execution_id, u.attempt, u.step, u.try, u.month from usage_records u left join turns t on t.id = u.turn_id
        where u.organization_id = o.id and u.unposted and (t.id is null or t.status not in ('pending', 'running'))
        limit rows_max for update of u skip locked) of_one
    ), of_turns as (
      update usage_records u set unposted = false from due d where u.turn_id = d.turn_id and u.execution_id = d.execution_id and u.attempt = d.attempt
        and u.step = d.step and u.try = d.try and u.month = d.month
      returning u.*
    )
    select array_agg(line) into used from (
      select row(u.organization_id, 'model', u.model, null, null, 'turn', concat_ws('/', u.turn_id, u.execution_id, u.attempt, u.step, u.try),
        case when u.superseded or exists (select from usage_records later where later.turn_id = u.turn_id and later.execution_id = u.execution_id and later.step = u.step
          and later.attempt > u.attempt and later.month = u.month) then 'house' else 'customer' end,
        coalesce(case when m.principal_id not like 'execution:%' then m.principal_id end, principal_of(u.conversation_id, coalesce(t.number, 2147483647))),
        coalesce(x.agent_id, c.agent_id), user_of(coalesce(t.end_user, c.end_user)), u.conversation_id, t.id,
        u.model, u.input_tokens, u.output_tokens, u.cached_tokens, u.reasoning_tokens, 0, u.images, u.estimated, u.created_at, null)::uses as line
      from of_turns u left join turns t on t.id = u.turn_id left join messages m on m.id = t.message_id
        left join conversations c on c.id = u.conversation_id left join executions x on x.id = u.execution_id
      union all
      -- Runs that have completed: of the turn's own agent, and of those below it. Asked for only where any agent has a price.
      select row(r.organization_id, 'agent', r.agent_id, null, null, 'agent', concat_ws('/', r.turn_id, r.execution_id), 'customer',
        coalesce(case when m.principal_id not like 'execution:%' then m.principal_id end, principal_of(t.conversation_id, t.number)),
        r.agent_id, user_of(coalesce(t.end_user, c.end_user)), t.conversation_id, t.id, 'agent/' || r.agent_id, 0, 0, 0, 0, 0, 0, false, r.finished_at, null)::uses
      from (
        -- A run below the turn's own has its own end: the turn may wait for people since then.
        select u.organization_id, u.turn_id, u.execution_id, coalesce(e.agent_id, c.agent_id) as agent_id,
          case when u.execution_id = u.conversation_id then t.finished_at else e.finished_at end as finished_at
        from of_turns u join turns t on t.id = u.turn_id join conversations c on c.id = u.conversation_id left join executions e on e.id = u.execution_id
        where case when u.execution_id = u.conversation_id then t.status = 'completed' else e.status = 'completed' end
        group by 1, 2, 3, 4, 5) r
        join turns t on t.id = r.turn_id left join messages m on m.id = t.message_id join conversations c on c.id = t.conversation_id
      where exists (select from prices a where a.kind = 'agent' and (a.organization_id is null or a.organization_id = r.organization_id))
    ) lines;
  end if;

  if has.calls or has.notes then
    with of_calls as (
      update direct_calls set unposted = false where id = any (array(
        select of_one.id from unnest(organizations) o (id), lateral (
          select d.id from direct_calls d where d.organization_id = o.id and d.unposted and (d.response_id is null
            or not exists (select from responses r where r.id = d.response_id and r.status in ('queued', 'in_progress')))
          limit rows_max for update of d skip locked) of_one))
      returning *
    )
    select used || array_agg(row(d.organization_id, 'model', d.model, null, null, 'direct', d.id, case when d.superseded then 'house' else 'customer' end, d.principal_id, null, d.user_id, null, null,
      d.model, d.input_tokens, d.output_tokens, d.cached_tokens, d.reasoning_tokens, d.audio_ms, d.images, d.estimated, d.at, d.sale_id)::uses) into used
    from of_calls d where d.model_calls > 0;
  end if;

  if has.peers then
    with of_peers as (
      update peer_usage set unposted = false where execution_id in (
        select of_one.execution_id from unnest(organizations) o (id), lateral (
          select x.execution_id from peer_usage x left join turns t on t.id = x.turn_id left join peer_calls k on k.id = x.execution_id
          where x.organization_id = o.id and x.unposted and (t.id is null or t.status not in ('pending', 'running'))
            and (k.id is null or k.task_id is not null or k.state = 'ended')
          limit rows_max for update of x skip locked) of_one)
      returning *
    )
    select used || array_agg(row(x.organization_id, 'peer', x.name, x.peer_ref, x.price_micros, 'peer', x.execution_id, 'customer',
      coalesce(case when m.principal_id not like 'execution:%' then m.principal_id end, principal_of(x.conversation_id, coalesce(t.number, 2147483647))),
      coalesce(e.agent_id, c.agent_id), user_of(coalesce(t.end_user, c.end_user)), x.conversation_id, t.id,
      'peer/' || x.name, 0, 0, 0, 0, 0, 0, false, x.at, null)::uses) into used
    from of_peers x left join turns t on t.id = x.turn_id left join messages m on m.id = t.message_id
      left join conversations c on c.id = x.conversation_id left join executions e on e.id = x.execution_id left join peer_calls k on k.id = x.execution_id
    -- What no peer has taken up has cost nothing.
    where k.id is null or k.task_id is not null or k.peer_state is distinct from 'failed' and k.cancel_outcome is distinct from 'not_found';
  end if;

  if cardinality(used) > 0 then
    with books as materialized (
      select o.id, uuidv7() as batch,
        array(select distinct effective_from from prices where organization_id is null or organization_id = o.id order by 1) as moments
      from unnest(organizations) o (id)
    ), dated as materialized (
      -- The prices of a use are those since the last moment at which any has begun.
      select u.*, b.batch, coalesce(b.moments[width_bucket(u.at, b.moments)], '-infinity') as since from books b join unnest(used) u on u.organization_id = b.id
    ), rates as materialized (
      select organization_id, kind, called, ref, since,
        case kind when 'peer' then peer_price(organization_id, ref, called, since) else price_of(organization_id, kind, called, since) end as price
      from (select distinct organization_id, kind, called, ref, since from dated) v
    ), priced as (
      select u.*, case when u.fixed_micros is null then (r.price).id end as price_id,
        u.fixed_micros is null and (r.price).name is not distinct from '*' and (r.price).organization_id is null as assumed,
        coalesce(u.fixed_micros, use_micros(r.price, u.input_tokens, u.output_tokens, u.cached_tokens, u.reasoning_tokens, u.audio_ms, u.images), 0) as micros
      from dated u join rates r on r.organization_id = u.organization_id and r.kind = u.kind and r.called = u.called and r.ref is not distinct from u.ref
        and r.since = u.since
      -- An agent without a price of its own costs what its models do.
      where u.kind <> 'agent' or (r.price).id is not null
    ), made as (
      insert into charges (organization_id, source_type, source_id, transaction_id, payer, amount_micros, price_id, assumed, principal_id, agent_id, user_id,
        conversation_id, turn_id, model, input_tokens, output_tokens, cached_tokens, reasoning_tokens, estimated, at, audio_ms, images, registered, sale_id)
      select organization_id, source_type, source_id, case when micros > 0 then batch end, payer, micros, price_id, assumed, principal_id, agent_id, user_id,
        conversation_id, turn_id, model, input_tokens, output_tokens, cached_tokens, reasoning_tokens, estimated, at, audio_ms, images, fixed_micros is not null, sale_id
      from priced
      -- A report may come so late that its conversation is gone, and be kept in another month than its note: it is the same use. So is a run of an agent of
      -- which some use was told before.
      on conflict do nothing returning *
    )
    select array_agg(m::charges) into lines from made m;
  end if;

  if has.holds then
    -- A turn that waits for people holds no money either.
    ended := array(
      select h from holds h left join turns t on h.kind = 'turn' and t.id = h.id
      where h.organization_id = any (organizations) and case h.kind
        when 'turn' then (t.id is null or t.status not in ('pending', 'running'))
          and not exists (select from usage_records u where u.turn_id = h.id and u.unposted)
          and not exists (select from peer_usage x where x.turn_id = h.id and x.organization_id = h.organization_id and x.unposted)
        when 'call' then h.id::text in (select source_id from unnest(lines) where source_type = 'direct')
          or exists (select from direct_calls d where d.id = h.id and not d.unposted)
          or exists (select from usage_records u where u.turn_id = h.id and not u.unposted)
            and not exists (select from usage_records u where u.turn_id = h.id and u.unposted)
          or h.touched_at < clock_timestamp() - (p->>'callKeptMs')::float8 * interval '1 millisecond'
        else false end
      order by h.organization_id, h.id for update of h skip locked);
  end if;

  if exists (select from budgets where organization_id = any (organizations)) then
    insert into budget_periods (organization_id, budget_id, starts_on)
    select distinct b.organization_id, b.id, period_start(b.period, l.at) from unnest(lines) l join budgets b on b.organization_id = l.organization_id
      and budget_covers(b, l.principal_id, l.agent_id, l.user_id) where l.payer = 'customer' order by 2, 3 on conflict do nothing;
    -- All of them at once and in their order, those of the holds as well.
    perform from budget_periods n join (
        select b.id, period_start(b.period, l.at) from unnest(lines) l join budgets b on b.organization_id = l.organization_id
        union select (c->>'budgetId')::uuid, (c->>'startsOn')::date from unnest(ended) h, jsonb_array_elements(h.counters) c
      ) wanted (id, starts_on) on n.budget_id = wanted.id and n.starts_on = wanted.starts_on
    order by n.budget_id, n.starts_on for update of n;
    update budget_periods n set spent_micros = n.spent_micros + s.micros from (
      select b.id, period_start(b.period, l.at) as starts_on, sum(l.amount_micros) as micros from unnest(lines) l join budgets b
        on b.organization_id = l.organization_id and budget_covers(b, l.principal_id, l.agent_id, l.user_id) where l.payer = 'customer' group by 1, 2) s
    where n.budget_id = s.id and n.starts_on = s.starts_on;
    for organization in select distinct organization_id from budgets where organization_id = any (organizations) order by 1 loop
      perform tell_budgets(organization, least(now(), (select min(l.at) from unnest(lines) l where l.organization_id = organization)));
    end loop;
  end if;

  if cardinality(lines) > 0 then
    insert into ledger_entries (organization_id, transaction_id, account, amount_micros, source_type, source_id)
    select l.organization_id, l.transaction_id, s.account, sum(s.micros), 'usage', l.transaction_id::text
    from unnest(lines) l, lateral (values (l.payer, -l.amount_micros), ('revenue', l.amount_micros)) s (account, micros)
    where l.amount_micros > 0 group by 1, 2, 3;
  end if;
  if cardinality(ended) > 0 then
    for organization in select distinct organization_id from unnest(ended) order by 1 loop
      perform drop_holds(organization, array(select h.id from unnest(ended) h where h.organization_id = organization));
    end loop;
  end if;
  return jsonb_build_object('posted', coalesce(cardinality(lines), 0), 'setAside', troubles, 'more', (
    select jsonb_agg(organization_id) from (select organization_id from unnest(lines) group by 1 having count(*) >= rows_max) unfinished));
end $$;

-- Organizations with something to post or to let go of, for the sweep. Any of them, where there are more: none waits behind the same others for ever.
create or replace function find_unposted(rows_max int) returns jsonb language sql as $$
  select coalesce(jsonb_agg(organization_id), '[]') from (
    select organization_id from (
      select organization_id from usage_records where unposted
      union select organization_id from direct_calls where unposted
      union select organization_id from peer_usage where unposted
      union select organization_id from holds
      union select organization_id from usage_set_aside where due_at < clock_timestamp()
      union select n.organization_id from usage_keepers k join usage_notes n on n.keeper_id = k.id where k.lost
    ) found order by random() limit rows_max) chosen
$$;
