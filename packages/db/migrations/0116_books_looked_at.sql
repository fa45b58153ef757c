-- The sweep looks whether the books of whoever has changed something are in order, a part of the ledger with each tick, and how far behind charging is.

-- How far it has come. One row, of no organization.
create table ledger_looks (
  one boolean primary key default true check (one),
  through_id uuid not null
);
insert into ledger_looks (through_id) values (first_id_at(now()));
grant select, update on ledger_looks to parley_sweep;

-- Organizations whose books are not in order; looked at again with each tick, until they are.
create table ledger_faults (
  organization_id uuid primary key,
  problems jsonb not null,
  -- Transactions that do not add up, or not to their charges.
  transactions uuid[] not null,
  found_at timestamptz not null default clock_timestamp()
);
alter table ledger_faults enable row level security;
alter table ledger_faults force row level security;
create policy tenant on ledger_faults to parley_app
  using (organization_id = any (nullif(current_setting('parley.organizations', true), '')::uuid[]))
  with check (organization_id = any (nullif(current_setting('parley.organizations', true), '')::uuid[]));
create policy sweep on ledger_faults to parley_sweep using (true) with check (true);
grant select on ledger_faults to parley_app;
grant select, insert, update, delete on ledger_faults to parley_sweep;

create policy sweep on ledger_entries for select to parley_sweep using (true);
create policy sweep on ledger_balances for select to parley_sweep using (true);
create policy sweep on charges for select to parley_sweep using (true);
grant select (organization_id, transaction_id, account, amount_micros, source_type) on ledger_entries to parley_sweep;
grant select on ledger_balances to parley_sweep;
grant select (organization_id, transaction_id, amount_micros) on charges to parley_sweep;
grant select (organization_id, amount_micros, on_balance) on holds to parley_sweep;
grant select (created_at) on usage_records to parley_sweep;
grant select (at) on direct_calls to parley_sweep;
grant select (at) on peer_usage to parley_sweep;
grant select on transaction_problems, held_problems to parley_sweep;

-- Looks at the next entries, at most so many, and not at those of the last moments, of which some may not be committed: whether the accounts of their organizations add
-- up to zero, whether what is held is what the holds add up to, and whether each transaction adds up, and to its charges. Returns {faults: organizations that are not in
-- order, found: [{organizationId, problems}], those that were not known, unpostedAgeMs: of the oldest of some usage that is not charged, null where there is none}.
-- What is kept of each account is not compared with all of its entries: `check_ledger` does that.
create function look_at_books(entries_max int, settled interval) returns jsonb language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
  since uuid;
  part uuid[];
  looked uuid[];
  wrong jsonb;
  news jsonb;
begin
  select through_id into since from ledger_looks for update;
  part := array(select transaction_id from ledger_entries
    where transaction_id > since and transaction_id < first_id_at(clock_timestamp() - settled) order by transaction_id limit entries_max);
  if cardinality(part) > 0 then update ledger_looks set through_id = part[cardinality(part)]; end if;
  part := array(select distinct unnest(part) union select unnest(transactions) from ledger_faults);
  looked := array(select organization_id from ledger_entries where transaction_id = any (part) union (select organization_id from ledger_faults order by found_at limit 100));
  -- One statement: all of it as of one moment.
  with problems as (
    select organization_id, null::uuid as transaction_id, 'The accounts add up to ' || sum(balance_micros) || '.' as text
    from ledger_balances where organization_id = any (looked) group by 1 having sum(balance_micros) <> 0
    union all
    select organization_id, null, text from held_problems where organization_id = any (looked)
    union all
    select organization_id, transaction_id, text from transaction_problems where transaction_id = any (part)
  )
  select coalesce(jsonb_object_agg(organization_id, of_one), '{}') into wrong from (
    select organization_id, jsonb_build_object('problems', jsonb_agg(text), 'transactions', coalesce(jsonb_agg(distinct transaction_id) filter (where transaction_id is not null), '[]')) as of_one
    from problems group by 1) told;
  delete from ledger_faults where organization_id = any (looked) and not wrong ? organization_id::text;
  with written as (
    insert into ledger_faults as f (organization_id, problems, transactions)
    select key::uuid, value->'problems', array(select jsonb_array_elements_text(value->'transactions')::uuid) from jsonb_each(wrong)
    on conflict (organization_id) do update set problems = excluded.problems, transactions = excluded.transactions
    returning f.organization_id, f.problems, f.xmax = 0 as is_new
  )
  select coalesce(jsonb_agg(jsonb_build_object('organizationId', organization_id, 'problems', problems)) filter (where is_new), '[]') into news from written;
  return jsonb_build_object('faults', (select count(*) from ledger_faults), 'found', news, 'unpostedAgeMs', (
    select floor(extract(epoch from clock_timestamp() - min(at)) * 1000) from (
      (select created_at as at from usage_records where unposted limit 1000)
      union all (select at from direct_calls where unposted limit 1000)
      union all (select at from peer_usage where unposted limit 1000)) left_over));
end $$;
revoke all on function look_at_books from public;
grant execute on function look_at_books to parley_sweep;
