-- Whom a call outside of turns was for: it counts with that user's budgets, as a turn of theirs does.

alter table direct_calls add column user_id text;

-- What a turn's user is known by; nobody where neither says anything.
create or replace function user_of(end_user jsonb) returns text language sql immutable as $$
  select coalesce(nullif(end_user->>'id', ''), nullif(end_user->>'email', ''))
$$;
