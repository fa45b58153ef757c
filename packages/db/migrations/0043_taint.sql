-- Whether something that others said had a say in a turn, where that is not to be seen by its steps.

-- Null: not said, and then a turn that has called something is tainted. True for a turn that was tainted before its first step, false for one whose
-- calls brought in nothing of others'.
alter table turns add column tainted boolean;

-- Takes {organizationId, conversationId, turnId, tainted}. Once a turn is tainted it stays so. No fence is needed: it is a fact about what was read, whoever comes after.
create function taint_turn(p jsonb) returns boolean language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  update turns set tainted = (p->>'tainted')::boolean
  where id = (p->>'turnId')::uuid and conversation_id = (p->>'conversationId')::uuid and tainted is not true;
  return found;
end $$;

-- Those turns as the model is shown them, oldest first; each text has at most so many characters.
create or replace function told_turns(c conversations, numbers int[], chars_max int) returns jsonb language sql stable as $$
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
    'tainted', coalesce(t.tainted, t.step > 0)) order by t.number), '[]')
  from turns t where t.conversation_id = c.id and t.number = any (numbers)
$$;
