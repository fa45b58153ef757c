-- An execution's row names its newest 200 children: a conversation of years may have had any number. Their ids grow with time,
-- so that the newest are the end of an index.

create index executions_below on executions (parent_id, id) where parent_id is not null;

create or replace function execution_json(e executions) returns jsonb language sql stable as $$
  select jsonb_build_object(
    'id', e.id, 'organizationId', e.organization_id, 'conversationId', e.conversation_id, 'agentId', e.agent_id,
    'agentVersion', e.agent_version, 'parentId', e.parent_id, 'mode', e.mode, 'status', e.status, 'input', e.input,
    'user', e.end_user, 'options', e.options, 'result', e.result, 'reason', e.reason, 'title', e.title, 'turnId', e.turn_id,
    'turnNumber', e.turn_number, 'attempt', e.attempt, 'stoppedByUser', e.stopped_by_user, 'usage', e.usage,
    'childIds', below.open, 'finishedChildIds', below.ended,
    'createdAt', iso(e.created_at), 'startedAt', iso(e.started_at), 'finishedAt', iso(e.finished_at), 'updatedAt', iso(e.updated_at))
  from (
    select coalesce(jsonb_agg(id order by id) filter (where status in ('pending', 'executing', 'paused')), '[]') as open,
      coalesce(jsonb_agg(id order by id) filter (where status not in ('pending', 'executing', 'paused')), '[]') as ended
    from (select id, status from executions child where child.parent_id = e.id order by id desc limit 200) newest
  ) below
$$;
