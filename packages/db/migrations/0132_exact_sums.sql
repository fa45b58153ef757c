-- Amounts are told as numbers of JSON, which are exact up to 2^53 - 1. No account of the ledger goes beyond that, either way: what would bring it there is refused as a whole. All
-- other sums of money are parts of an account's, or bounded where they come in. Looked at in the write that is made anyway.
alter table ledger_balances add constraint ledger_balances_exact check (balance_micros between -9007199254740991 and 9007199254740991) not valid;

-- Balances are written by the ledger's own trigger alone.
revoke insert on ledger_balances from parley_app;
