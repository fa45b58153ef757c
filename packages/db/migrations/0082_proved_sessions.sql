-- Whose session that is, where it is that wallet's: of another wallet's nobody learns that it is there. For wallets that come without a key.
create function wallet_session_owner(session text, holder text) returns uuid language sql stable security definer set search_path = public as $$
  select organization_id from wallet_sessions where id = session and wallet = holder
$$;
revoke all on function wallet_session_owner(text, text) from public;
grant execute on function wallet_session_owner(text, text) to parley_app;
