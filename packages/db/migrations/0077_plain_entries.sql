-- Money goes out by what was used and by what is sold, and both are held for: nothing is charged beside them.
drop function debit_account(jsonb);
drop function debit_together(jsonb);

-- A statement's organizations are read once for it, and not for each row that it writes.
alter policy tenant on ledger_entries
  with check (organization_id = any ((select nullif(current_setting('parley.organizations', true), '')::uuid[])::uuid[]));

-- Entries in, balances up to date: in the same statement, whoever wrote it. One that does not add up is refused.
create or replace function keep_balances() returns trigger language plpgsql security definer set search_path = public as $$
begin
  if exists (select from added group by organization_id, transaction_id having sum(amount_micros) <> 0) then
    raise exception 'A transaction of the ledger does not add up to zero.' using errcode = '23514';
  end if;
  -- In the order of the key, so that two of these wait for one another and never both.
  insert into ledger_balances as b (organization_id, account, balance_micros)
  select organization_id, account, sum(amount_micros) from added group by organization_id, account order by organization_id, account
  on conflict (organization_id, account) do update set balance_micros = b.balance_micros + excluded.balance_micros;
  return null;
end $$;
