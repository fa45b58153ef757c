-- A peer that has still to be told, and whose task nobody has named: the task is looked for by the message, and what came of it all is kept.

-- Of a call that was `canceling`. `told`: the peer knows that nobody wants it. `not_found`: it knows of no task of this message. `untold`: it
-- could not be asked or told.
alter table peer_calls add column cancel_outcome text check (cancel_outcome in ('told', 'not_found', 'untold'));

-- A peer was told, or is given up. `task`: what it calls the task, where that was found out meanwhile.
drop function end_peer_cancel(uuid, uuid);
create function end_peer_cancel(organization uuid, call uuid, outcome text default 'told', task text default null) returns void language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  update peer_calls set state = 'ended', sealed = null, cancel_due = null, ended_at = now(), cancel_outcome = outcome,
    task_id = coalesce(task_id, task)
  where id = call and state = 'canceling';
end $$;

-- A try that is over and has not told the peer. One that only knows no such task yet is asked again sooner: it may be about to take the message up.
create function defer_peer_cancel(organization uuid, call uuid, outcome text, task text) returns void language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  update peer_calls set task_id = coalesce(task_id, task), cancel_due = case outcome
    when 'not_found' then least(cancel_due, clock_timestamp() + least(power(2, cancel_tries - 1), 300) * interval '1 second') else cancel_due end
  where id = call and state = 'canceling';
end $$;

-- The peer has a task for it: a fact about the past, taken from whoever knows it. Returns whether anybody still wants it. A call that ended without
-- the name of a task has one now that nobody wants: the peer is to be told, with the credential that whoever knows this has called it with.
create or replace function record_peer_task(p jsonb) returns boolean language plpgsql as $$
declare
  now_state text;
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  update peer_calls set task_id = p->>'taskId', context_id = coalesce(p->>'contextId', context_id),
    state = case state when 'sending' then 'open' when 'ended' then 'canceling' else state end,
    cancel_due = case when state in ('canceling', 'ended') then now() else cancel_due end,
    cancel_tries = case state when 'ended' then 0 else cancel_tries end,
    cancel_outcome = null,
    sealed = case state when 'ended' then p->>'sealed' else sealed end,
    ended_at = null
  where id = (p->>'id')::uuid and (state <> 'ended' or task_id is null) returning state into now_state;
  return coalesce(now_state = 'open', false);
end $$;
