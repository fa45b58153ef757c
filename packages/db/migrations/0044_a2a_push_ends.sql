-- Who is told no more is owed no more: what ends a push waits for whoever appends to the log, and so finds what that still owes. The conversation
-- comes first, as it does for all who owe.

create function lock_a2a_task(task uuid) returns void language sql as $$
  select from conversations where id = (select conversation_id from a2a_tasks where id = task) for update
$$;

create or replace function delete_a2a_push(p jsonb) returns boolean language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  perform lock_a2a_task((p->>'taskId')::uuid);
  delete from a2a_push_deliveries where task_id = (p->>'taskId')::uuid and push_id = p->>'id';
  delete from a2a_pushes where task_id = (p->>'taskId')::uuid and id = p->>'id';
  return found;
end $$;

create or replace function record_a2a_push(p jsonb) returns void language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  if p->>'outcome' = 'retry' then
    update a2a_push_deliveries set due_at = clock_timestamp() + (p->>'delayMs')::float8 * interval '1 millisecond'
    where id = (p->>'id')::bigint and attempts = (p->>'attempt')::int;
    return;
  end if;
  if p->>'outcome' = 'failed' then perform lock_a2a_task((p->>'taskId')::uuid); end if;
  delete from a2a_push_deliveries where id = (p->>'id')::bigint and attempts = (p->>'attempt')::int;
  if not found then return; end if;
  if p->>'outcome' = 'failed' then
    delete from a2a_push_deliveries where task_id = (p->>'taskId')::uuid and push_id = p->>'pushId';
    delete from a2a_pushes where task_id = (p->>'taskId')::uuid and id = p->>'pushId';
  elsif exists (select from a2a_tasks where id = (p->>'taskId')::uuid and a2a_has_ended(state))
      and not exists (select from a2a_push_deliveries where task_id = (p->>'taskId')::uuid and push_id = p->>'pushId') then
    update a2a_pushes set secret = null where task_id = (p->>'taskId')::uuid and id = p->>'pushId';
  end if;
end $$;
