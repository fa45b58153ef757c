-- Peers that call back when a task of theirs has moved.

-- A call is found by itself and what was shown before its organization is known: nothing else of any row.
create function find_pushed_call(call uuid, token_hash bytea) returns jsonb language sql stable security definer set search_path = public as $$
  select jsonb_build_object('organizationId', organization_id, 'conversationId', conversation_id)
  from peer_calls where id = call and push_token = token_hash and state in ('sending', 'open')
$$;
-- The owner is under row-level security too, where it is no superuser.
do $$ begin execute format('create policy lookup on peer_calls for select to %I using (true)', current_user); end $$;
revoke all on function find_pushed_call from public;
grant execute on function find_pushed_call to parley_app;

-- Which worker runs the call that has shown this; null where there is no such call. `owner` is null where nobody runs it now.
create function read_pushed_call(call uuid, token_hash bytea) returns jsonb language plpgsql as $$
declare
  found_call jsonb := find_pushed_call(call, token_hash);
begin
  if found_call is null then return null; end if;
  perform set_config('parley.organizations', '{' || (found_call->>'organizationId') || '}', true);
  return found_call || jsonb_build_object('owner', (select lease_owner from conversations where id = (found_call->>'conversationId')::uuid));
end $$;
