-- What the card service has told and nobody has heard is looked for: the service keeps its events for 30 days.

-- How far that has come. One row, of no organization: events are told of all of them.
create table card_looks (
  service text primary key,
  due_at timestamptz not null default now(),
  -- Grows with every look: what an earlier one has found moves nothing any more.
  epoch int not null default 0,
  -- All events until then were handed on; null: none were looked for yet.
  seen_until timestamptz,
  -- The stretch that is being read, newest event first: where it ends, and which event was read last.
  reads_until timestamptz,
  read_event text
);
insert into card_looks (service) values ('stripe');

-- Events that could not be booked when they were found, because what they are about was not known yet.
create table card_events_owed (
  event_id text primary key,
  created_at timestamptz not null,
  looks int not null default 0,
  due_at timestamptz not null
);
create index card_events_owed_due on card_events_owed (due_at);

grant select, update on card_looks to parley_app;
grant select, insert, update, delete on card_events_owed to parley_app;
grant select (service, due_at, epoch) on card_looks to parley_sweep;

-- The number of the look that is due; null where none is. For the sweep.
create function find_card_look() returns int language sql stable as $$
  select epoch from card_looks where service = 'stripe' and due_at < clock_timestamp()
$$;

-- Takes the look up, for so long: {epoch, fromMs, untilMs, afterId}; null where somebody else has. Takes {leaseMs, keptMs, overlapMs}. Clocks need not agree: each
-- stretch begins a little before the end of the last one. One that nobody went on with for a day begins anew.
create function take_card_look(p jsonb) returns jsonb language plpgsql as $$
declare
  l card_looks;
begin
  update card_looks set epoch = epoch + 1, due_at = clock_timestamp() + (p->>'leaseMs')::float8 * interval '1 millisecond',
    read_event = case when reads_until > clock_timestamp() - interval '1 day' then read_event end,
    reads_until = case when read_event is not null and reads_until > clock_timestamp() - interval '1 day' then reads_until else clock_timestamp() end
  where service = 'stripe' and due_at < clock_timestamp() returning * into l;
  if l.service is null then return null; end if;
  return jsonb_build_object('epoch', l.epoch, 'afterId', l.read_event, 'untilMs', floor(extract(epoch from l.reads_until) * 1000),
    'fromMs', floor(extract(epoch from greatest(l.seen_until - (p->>'overlapMs')::float8 * interval '1 millisecond',
      clock_timestamp() - (p->>'keptMs')::float8 * interval '1 millisecond')) * 1000));
end $$;

-- Notes how far a look has come: {epoch, afterId (null: the stretch is read to its end), waitMs}. False where another look has begun.
create function note_card_look(p jsonb) returns jsonb language plpgsql as $$
declare
  wait interval := (p->>'waitMs')::float8 * interval '1 millisecond';
begin
  update card_looks set read_event = p->>'afterId', due_at = clock_timestamp() + wait,
    seen_until = case when p->>'afterId' is null then reads_until else seen_until end,
    reads_until = case when p->>'afterId' is null then null else reads_until end
  where service = 'stripe' and epoch = (p->>'epoch')::int;
  return to_jsonb(found);
end $$;

-- Takes {id, createdAt}.
create function owe_card_event(p jsonb) returns jsonb language plpgsql as $$
begin
  insert into card_events_owed (event_id, created_at, due_at) values (p->>'id', (p->>'createdAt')::timestamptz, clock_timestamp() + interval '1 minute')
  on conflict do nothing;
  return to_jsonb(found);
end $$;

-- Takes some up that are due, and puts each off for longer: [id]. Takes {rowsMax, keptMs}. What the service does not keep any more is given up.
create function take_owed_card_events(p jsonb) returns jsonb language plpgsql as $$
declare
  taken jsonb;
begin
  delete from card_events_owed where created_at < clock_timestamp() - (p->>'keptMs')::float8 * interval '1 millisecond';
  with due as (
    select event_id from card_events_owed where due_at < clock_timestamp() order by due_at limit (p->>'rowsMax')::int for update skip locked
  ), put_off as (
    update card_events_owed o set looks = looks + 1, due_at = clock_timestamp() + least(120 * power(2, least(looks, 10)), 21600) * interval '1 second'
    from due where o.event_id = due.event_id returning o.event_id)
  select coalesce(jsonb_agg(event_id), '[]') into taken from put_off;
  return taken;
end $$;

-- It is booked, or nobody's. Takes {id}.
create function settle_owed_card_event(p jsonb) returns jsonb language plpgsql as $$
begin
  delete from card_events_owed where event_id = p->>'id';
  return to_jsonb(found);
end $$;
