-- What a wallet has signed for one call is good until a call was paid with it: where the call failed, its money went back, and so does the nonce.

create unique index purchases_by_nonce_kept on purchases (session_id, nonce) where state <> 'released';
drop index purchases_by_nonce;
