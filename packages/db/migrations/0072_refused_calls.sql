-- A peer's refusal that comes when nobody waits for it any more is known, too: there is nothing to cancel, and nothing to pay.

-- The message of a call has surely not been taken up: a fact about the past, taken from whoever knows it. Where the call is still under way it ends by itself.
create function record_refused_call(organization uuid, call uuid) returns void language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || organization || '}', true);
  update peer_calls set peer_state = 'failed', state = case state when 'canceling' then 'ended' else state end,
    sealed = case state when 'canceling' then null else sealed end, ended_at = case state when 'canceling' then now() end, cancel_due = null
  where id = call and task_id is null and state in ('sending', 'canceling');
end $$;

-- As in 0030; one that was refused leaves nothing to tell its peer.
create or replace function orphan_peer_call() returns trigger language plpgsql as $$
begin
  update peer_calls set state = 'ended', sealed = null, ended_at = now(), cancel_due = null
  where id = new.id and (state = 'planned' or state = 'sending' and task_id is null and peer_state = 'failed');
  update peer_calls set state = 'canceling', cancel_due = now() where id = new.id and state in ('sending', 'open', 'waiting');
  return null;
end $$;
