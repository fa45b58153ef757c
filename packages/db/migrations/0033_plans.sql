-- Conversations that begin with what their callers tell of an earlier one, and what of a turn's past is read anew when it was summarised
-- before its first step.

-- Turns that were held elsewhere, as the first ones of a conversation that has no other. What their caller tells may come from anywhere: all
-- of it counts as said by a tool, a peer or a page. Takes the conversation, the agent's version, and {summaries: [text],
-- turns: [{text, result}]}: each summary stands for one turn ahead of `turns`; a turn without a result has no answer.
create function seed_conversation(c conversations, version int, past jsonb) returns void language plpgsql as $$
declare
  told int := jsonb_array_length(past->'summaries');
begin
  insert into turns (id, organization_id, conversation_id, number, message_id, agent_version, status, text, files, options, attempt, step,
    result, started_at, finished_at)
  select gen_random_uuid(), c.organization_id, c.id, number, gen_random_uuid(), version,
    case when turn->>'result' is null and turn ? 'text' then 'failed' else 'completed' end, coalesce(turn->>'text', ''), '[]', '{}', 1, 1,
    turn->>'result', now(), now()
  from (
    select told + place as number, turn from jsonb_array_elements(past->'turns') with ordinality as given (turn, place)
    union all
    select place, '{}' from generate_series(1, told) place
  ) as seeded (number, turn);
  insert into summaries (organization_id, conversation_id, branch, level, from_turn, through_turn, covers, text, tainted, model)
  select c.organization_id, c.id, c.branch, 1, place, place, int4multirange(int4range(place::int, place::int, '[]')), text, true, 'caller'
  from jsonb_array_elements_text(past->'summaries') with ordinality as given (text, place);
  insert into summary_heads (conversation_id, organization_id, branch, through_turn, summary)
  select c.id, c.organization_id, c.branch, (joined->>'throughTurn')::int, joined from joined_summaries(c) joined where joined is not null;
end $$;

-- Accepts the first message of a conversation that is begun with a past: `submit_message`, with `past` as above besides. One transaction; a
-- repeated call leaves nothing of its own behind.
create function submit_seeded_message(p jsonb) returns jsonb language plpgsql as $$
declare
  c conversations;
  reply jsonb;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  begin
    insert into conversations (id, organization_id, agent_id, month, turn_number)
    values ((p->>'conversationId')::uuid, (p->>'organizationId')::uuid, (p->>'agentId')::uuid,
      date_trunc('month', now() at time zone 'utc')::date,
      jsonb_array_length(p->'past'->'summaries') + jsonb_array_length(p->'past'->'turns'))
    returning * into c;
    perform seed_conversation(c, (p->>'agentVersion')::int, p->'past');
    reply := submit_message(p || '{"isNew": false}');
    if (reply->>'replayed')::boolean then raise sqlstate 'PLRPD'; end if;
    return reply;
  exception when sqlstate 'PLRPD' then
    return submit_message(p);
  end;
end $$;

-- What the model is told of a conversation before that turn, as the claim has it: {summary, history}. Takes {organizationId, conversationId,
-- beforeNumber, turnsMax}; null where there is no such conversation.
create function read_past(p jsonb) returns jsonb language plpgsql as $$
declare
  c conversations;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  select * into c from conversations where id = (p->>'conversationId')::uuid;
  if not found then return null; end if;
  return jsonb_build_object('summary', turn_summary(c), 'history', turn_history(c, (p->>'beforeNumber')::int, (p->>'turnsMax')::int));
end $$;
