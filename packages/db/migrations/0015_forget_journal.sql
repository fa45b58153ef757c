-- The sweep may have old journals forgotten, and may not touch a journal itself: with the right to delete it could take the steps
-- of a turn under way. The function belongs to the owner, who is under row-level security too, where it is no superuser.

drop policy sweep on journal;
drop policy sweep on turns;
revoke select (turn_id, created_at), delete on journal from parley_sweep;
revoke select (id, finished_at) on turns from parley_sweep;

do $$
begin
  execute format('create policy housekeeping on journal to %I using (true)', current_user);
  execute format('create policy housekeeping on turns for select to %I using (true)', current_user);
end $$;

-- The journal of turns that ended so long ago. Returns how many rows it removed; 0 when there are none left.
create or replace function forget_journal(older_than interval, rows_max int) returns int
language plpgsql security definer set search_path = public as $$
declare
  gone int;
begin
  perform set_config('lock_timeout', '500ms', true);
  delete from journal where turn_id = any (array(
    select j.turn_id from journal j join turns t on t.id = j.turn_id
    where j.created_at < now() - older_than and t.finished_at < now() - older_than limit rows_max));
  get diagnostics gone = row_count;
  return gone;
end $$;
revoke all on function forget_journal from public;
grant execute on function forget_journal to parley_sweep;
