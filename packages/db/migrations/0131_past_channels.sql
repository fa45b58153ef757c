-- Channels that are closed go after their time, as other payments that are over. What is kept of one is its name alone: nothing that was signed for in it is taken again.

create index payment_channels_closed on payment_channels (used_at) where status = 'closed';

create table past_channels (
  id text primary key,
  organization_id uuid not null
);
alter table past_channels enable row level security;
alter table past_channels force row level security;
create policy tenant on past_channels to parley_app
  using (organization_id = any (nullif(current_setting('parley.organizations', true), '')::uuid[]))
  with check (organization_id = any (nullif(current_setting('parley.organizations', true), '')::uuid[]));
create policy sweep on past_channels to parley_sweep using (true) with check (true);
grant select on past_channels to parley_app;
grant insert, select (id) on past_channels to parley_sweep;
grant select (reserved_micros), delete on payment_channels to parley_sweep;

-- Closed ones that nothing has changed since, and of whose calls none is kept any more. Returns how many rows it removed.
create function forget_channels(older_than interval, rows_max int) returns int language plpgsql as $$
declare
  gone int;
begin
  perform set_config('lock_timeout', '500ms', true);
  with past as (
    delete from payment_channels where id = any (array(
      select id from payment_channels c where status = 'closed' and used_at < clock_timestamp() - older_than and reserved_micros = 0
        and not exists (select from purchases u where u.session_id = c.id) order by used_at limit rows_max))
      -- Again, as of now: it may have been written while this waited for it.
      and status = 'closed' and used_at < clock_timestamp() - older_than and reserved_micros = 0
    returning id, organization_id
  )
  insert into past_channels (id, organization_id) select id, organization_id from past on conflict do nothing;
  get diagnostics gone = row_count;
  return gone;
end $$;

-- Takes {organizationId, id, version (null: it is new), state, payer, voucherMicros, depositMicros, status}. False where it has changed since that version, or where one
-- that is new was closed before: then nothing is written. One that goes just now is refused with `channel_gone`. What was signed for only grows.
create or replace function write_payment_channel(p jsonb) returns jsonb language plpgsql as $$
begin
  perform set_config('parley.organizations', '{' || (p->>'organizationId') || '}', true);
  if p->'version' = 'null' then
    insert into payment_channels (id, organization_id, payer, state, voucher_micros, deposit_micros, status)
    select p->>'id', (p->>'organizationId')::uuid, p->>'payer', p->>'state', (p->>'voucherMicros')::bigint, (p->>'depositMicros')::bigint, p->>'status'
    where not exists (select from past_channels where id = p->>'id') on conflict do nothing;
    if not found then return 'false'; end if;
    -- It may have waited for the row that `forget_channels` was removing.
    if exists (select from past_channels where id = p->>'id') then perform refuse('channel_gone'); end if;
    return 'true';
  end if;
  update payment_channels set state = p->>'state', voucher_micros = greatest(voucher_micros, (p->>'voucherMicros')::bigint),
    deposit_micros = (p->>'depositMicros')::bigint, status = p->>'status', version = version + 1, used_at = clock_timestamp()
  where id = p->>'id' and version = (p->>'version')::bigint;
  return to_jsonb(found);
end $$;
