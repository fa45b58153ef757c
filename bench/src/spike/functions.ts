/**
 * A turn's three commits as one function each, so that each is one round trip. All run as the caller (row-level security
 * applies) and set the organization for their own transaction only, which a pooler in transaction mode allows.
 */
export const FUNCTIONS = `
-- Takes a new conversation's first message. Atomic: the conversation, its execution, the message, its event, the ready mark.
create function admit(organization uuid, conversation uuid, agent uuid, message uuid, turn uuid, input jsonb) returns void language plpgsql as $$
declare started date := date_trunc('month', now());
begin
  perform set_config('parley.organization_id', organization::text, true);
  insert into conversations (id, organization_id, month, agent_id, ready_at, depth, head) values (conversation, organization, started, agent, now(), 1, 1);
  insert into executions (id, organization_id, agent_id, status, input) values (conversation, organization, agent, 'pending', input);
  insert into messages (id, organization_id, conversation_id, position, state, input, turn_id) values (message, organization, conversation, 1, 'queued', input, turn);
  insert into events (organization_id, month, conversation_id, epoch, n, type, turn_id, data)
    values (organization, started, conversation, 0, 1, 'turn.created', turn, jsonb_build_object('messageId', message, 'input', input));
end $$;

-- Takes a ready conversation. Returns the epoch and what the model must see; no row where another worker has it.
-- Atomic: the lease with its new epoch, the message, the turn, its event.
create function claim(organization uuid, conversation uuid, worker text, lease_ms int, durable boolean, out claimed_epoch bigint, out context jsonb)
language plpgsql as $$
declare head_turn uuid; started date; numbered bigint;
begin
  perform set_config('parley.organization_id', organization::text, true);
  if not durable then perform set_config('synchronous_commit', 'off', true); end if;
  update conversations set epoch = epoch + 1, head = 1, turns = turns + 1, depth = depth - 1, ready_at = null, worker_id = worker,
      lease_until = now() + lease_ms * interval '1 ms'
    where id = conversation and ready_at is not null and (lease_until is null or lease_until < now())
    returning epoch, month, turns into claimed_epoch, started, numbered;
  if not found then return; end if;
  update messages set state = 'running' where id = (select m.id from messages m where m.conversation_id = conversation and m.state = 'queued' order by m.position limit 1)
    returning turn_id into head_turn;
  insert into turns (id, organization_id, conversation_id, number, status, attempt) values (head_turn, organization, conversation, numbered, 'executing', 1);
  insert into events (organization_id, month, conversation_id, epoch, n, type, turn_id, data)
    values (organization, started, conversation, claimed_epoch, 1, 'turn.started', head_turn, jsonb_build_object('attempt', 1, 'turnNumber', numbered));
  select jsonb_build_object('turnId', head_turn, 'messages', jsonb_agg(jsonb_build_object('input', m.input, 'result', t.result) order by m.position))
    into context from messages m left join turns t on t.id = m.turn_id where m.conversation_id = conversation and m.state in ('running', 'done');
end $$;

-- Ends a turn. Raises where the epoch is no longer the caller's. Atomic: the answer, the journal of the last step, the
-- terminal event, the usage, the outbox row, the lease given back.
create function finish(organization uuid, conversation uuid, held_epoch bigint, turn uuid, answer text, input_count bigint, output_count bigint)
returns void language plpgsql as $$
declare started date; last_n bigint;
begin
  perform set_config('parley.organization_id', organization::text, true);
  update conversations set lease_until = null, worker_id = null, head = head + 2, ready_at = case when depth > 0 then now() end
    where id = conversation and epoch = held_epoch returning month, head into started, last_n;
  if not found then raise exception 'lease lost'; end if;
  update turns set status = 'completed', result = answer, finished_at = now() where id = turn and status = 'executing';
  update messages set state = 'done' where conversation_id = conversation and state = 'running';
  update executions set status = 'completed', result = answer, finished_at = now() where id = conversation;
  insert into events (organization_id, month, conversation_id, epoch, n, type, turn_id, data) values
    (organization, started, conversation, held_epoch, last_n - 1, 'step.completed', turn, jsonb_build_object('step', 1, 'text', answer)),
    (organization, started, conversation, held_epoch, last_n, 'turn.completed', turn, jsonb_build_object('result', answer));
  insert into usage (organization_id, month, turn_id, attempt, step, model, input_tokens, output_tokens) values (organization, started, turn, 1, 1, 'custom/echo', input_count, output_count);
  insert into outbox (organization_id, topic, payload) values (organization, 'billing', jsonb_build_object('turnId', turn));
end $$;

-- Writes one row per running turn of a worker, across organizations: it runs as its owner, and the fence is its only
-- right. Returns how many were still held.
create function checkpoint(conversations_held uuid[], epochs bigint[], turns_held uuid[], texts text[], cursors text[]) returns bigint
language sql security definer as $$
  with held as (
    select h.* from unnest(conversations_held, epochs, turns_held, texts, cursors) as h(conversation_id, epoch, turn_id, text, cursor)
    join conversations c on c.id = h.conversation_id and c.epoch = h.epoch
  ), written as (
    update turns t set checkpoint = held.text, checkpoint_at = held.cursor from held where t.id = held.turn_id and t.status = 'executing' returning 1
  ) select count(*) from written
$$;
`;
