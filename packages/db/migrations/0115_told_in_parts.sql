-- Charges and entries, looked for by what they are of, and told in parts. `read_statement` and `read_charges` stay for processes that are older than this.

create index charges_of_turn on charges (turn_id) where turn_id is not null;
-- It grows at its end, as these ids begin with their time: an entry costs hardly more, and what was written on some day is found by it, too.
create index ledger_entries_of_transaction on ledger_entries (transaction_id);

-- The first id that a transaction of that moment, or later, may have.
create function first_id_at(moment timestamptz) returns uuid language sql immutable as $$
  select (lpad(to_hex(greatest(floor(extract(epoch from moment) * 1000), 0)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;

-- The charges that are chosen: Takes {organizationId, agentIds (null: all), from, to, key, agent, model, user, payer, transactionId, turn, sale}; what is null is left open. All is
-- folded into the plan of whoever calls it.
create function chosen_charges(p jsonb) returns setof charges language sql stable as $$
  select * from charges
  where organization_id = (p->>'organizationId')::uuid and (jsonb_typeof(p->'agentIds') = 'null' or p->'agentIds' ? agent_id::text)
    and (p->>'from' is null or at >= (p->>'from')::timestamptz) and (p->>'to' is null or at < (p->>'to')::timestamptz)
    and (p->>'key' is null or principal_id = p->>'key') and (p->>'agent' is null or agent_id = (p->>'agent')::uuid)
    and (p->>'model' is null or model = p->>'model') and (p->>'user' is null or user_id = p->>'user')
    and (p->>'payer' is null or payer = p->>'payer') and (p->>'transactionId' is null or transaction_id = (p->>'transactionId')::uuid)
    and (p->>'turn' is null or turn_id = (p->>'turn')::uuid) and (p->>'sale' is null or sale_id = p->>'sale')
$$;

-- What was charged, in groups: {items: [{name, calls, tokens…, amountMicros, …}], total: the same of all, leftOut: how many groups more there are}. Takes what
-- `chosen_charges` does, and {by: day | key | agent | model | user | null, limit}. The dearest first, days in their order; what the house bears is not among it.
create function sum_charges(p jsonb) returns jsonb language plpgsql set plan_cache_mode = force_custom_plan as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  return (
    with sums as materialized (
      select case p->>'by' when 'day' then to_char(at at time zone 'utc', 'YYYY-MM-DD') when 'key' then principal_id when 'agent' then agent_id::text
          when 'model' then model when 'user' then user_id end as name,
        count(*) filter (where source_type <> 'refund') as calls, sum(input_tokens) as input, sum(output_tokens) as output, sum(cached_tokens) as cached,
        sum(reasoning_tokens) as reasoning, sum(audio_ms) as audio, sum(images) as images, sum(amount_micros) as micros,
        count(*) filter (where estimated) as estimated, count(*) filter (where assumed) as assumed,
        count(*) filter (where price_id is null and not registered and source_type <> 'refund') as unpriced
      from chosen_charges(p) where payer <> 'house' group by 1
    ), listed as (
      select *, row_number() over (order by case p->>'by' when 'day' then name end, micros desc, name) as place from sums
    )
    select jsonb_build_object(
      'items', (select coalesce(jsonb_agg(jsonb_build_object('name', name, 'calls', calls, 'inputTokens', input, 'outputTokens', output, 'cachedTokens', cached,
        'reasoningTokens', reasoning, 'audioMs', audio, 'images', images, 'amountMicros', micros, 'estimatedCalls', estimated, 'assumedCalls', assumed,
        'unpricedCalls', unpriced) order by place), '[]') from listed where place <= (p->>'limit')::int),
      'total', (select jsonb_build_object('name', null, 'calls', coalesce(sum(calls), 0), 'inputTokens', coalesce(sum(input), 0), 'outputTokens', coalesce(sum(output), 0),
        'cachedTokens', coalesce(sum(cached), 0), 'reasoningTokens', coalesce(sum(reasoning), 0), 'audioMs', coalesce(sum(audio), 0), 'images', coalesce(sum(images), 0),
        'amountMicros', coalesce(sum(micros), 0), 'estimatedCalls', coalesce(sum(estimated), 0), 'assumedCalls', coalesce(sum(assumed), 0),
        'unpricedCalls', coalesce(sum(unpriced), 0)) from sums),
      'leftOut', (select greatest(count(*) - (p->>'limit')::int, 0) from sums)));
end $$;

-- Single charges, oldest first, from after a place: {items: [{at, sourceType, sourceId, …}], next: {at, sourceId}, null where that was all}. Takes what `chosen_charges`
-- does, and {after: {at, sourceId} | null, limit}. A place is as exact as its row; what is shown of its time is not.
create function list_charges(p jsonb) returns jsonb language plpgsql set plan_cache_mode = force_custom_plan as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  return (
    with part as materialized (
      select *, row_number() over (order by at, source_id) as place from chosen_charges(p)
      where p->'after'->>'at' is null
        or at >= (p->'after'->>'at')::timestamptz and (at, source_id) > ((p->'after'->>'at')::timestamptz, p->'after'->>'sourceId')
      order by at, source_id limit (p->>'limit')::int + 1
    )
    select jsonb_build_object(
      'items', (select coalesce(jsonb_agg(jsonb_build_object('at', iso(at), 'sourceType', source_type, 'sourceId', source_id, 'transactionId', transaction_id,
        'payer', payer, 'amountMicros', amount_micros, 'priceId', price_id, 'assumed', assumed, 'principalId', principal_id, 'agentId', agent_id, 'userId', user_id,
        'conversationId', conversation_id, 'turnId', turn_id, 'model', model, 'inputTokens', input_tokens, 'outputTokens', output_tokens, 'cachedTokens', cached_tokens,
        'reasoningTokens', reasoning_tokens, 'estimated', estimated, 'audioMs', audio_ms, 'images', images, 'registered', registered, 'saleId', sale_id) order by place), '[]')
        from part where place <= (p->>'limit')::int),
      'next', (select jsonb_build_object('at', at, 'sourceId', source_id) from part
        where place = (p->>'limit')::int and exists (select from part where place > (p->>'limit')::int))));
end $$;

-- Newest first: {items, total}. Takes {organizationId, account, from, to, sourceType, sourceId, transactionId, offset, limit}; what is null or absent is left open.
create or replace function list_entries(p jsonb) returns jsonb language plpgsql set plan_cache_mode = force_custom_plan as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  return (
    with chosen as not materialized (
      select * from ledger_entries
      where organization_id = (p->>'organizationId')::uuid and (p->>'account' is null or account = p->>'account')
        and (p->>'from' is null or at >= (p->>'from')::timestamptz) and (p->>'to' is null or at < (p->>'to')::timestamptz)
        -- A transaction has its id before its entries have their time, and lasts no hour.
        and (p->>'from' is null or transaction_id >= first_id_at((p->>'from')::timestamptz - interval '1 hour'))
        and (p->>'to' is null or transaction_id < first_id_at((p->>'to')::timestamptz + interval '1 minute'))
        and (p->>'sourceType' is null or source_type = p->>'sourceType') and (p->>'sourceId' is null or source_id = p->>'sourceId')
        and (p->>'transactionId' is null or transaction_id = (p->>'transactionId')::uuid)
    )
    select jsonb_build_object(
      'total', (select count(*) from chosen),
      'items', (select coalesce(jsonb_agg(jsonb_build_object('id', e.id, 'transactionId', e.transaction_id, 'account', e.account, 'amountMicros', e.amount_micros,
          'sourceType', e.source_type, 'sourceId', e.source_id, 'note', e.note, 'at', iso(e.at)) order by e.id desc), '[]') from (
        select * from chosen order by id desc limit (p->>'limit')::int offset (p->>'offset')::int) e)));
end $$;
