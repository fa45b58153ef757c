/** The three functions over many turns of any organizations: one round trip and one commit for all of them. Results are in the order given. */
export const BATCH_FUNCTIONS = `
-- Items: {organization, conversation, agent, message, turn, input}. Returns true per item.
create function admit_batch(items jsonb) returns boolean[] language plpgsql as $$
declare item jsonb; results boolean[] := '{}';
begin
  for item in select * from jsonb_array_elements(items) loop
    perform admit((item->>'organization')::uuid, (item->>'conversation')::uuid, (item->>'agent')::uuid, (item->>'message')::uuid,
      (item->>'turn')::uuid, item->'input');
    results := results || true;
  end loop;
  return results;
end $$;

-- Items: {organization, conversation}. Returns [{epoch, context}]; epoch is null where the claim is refused.
create function claim_batch(items jsonb, worker text, lease_ms int, durable boolean) returns jsonb language plpgsql as $$
declare item jsonb; results jsonb := '[]'; claimed record;
begin
  for item in select * from jsonb_array_elements(items) loop
    select * into claimed from claim((item->>'organization')::uuid, (item->>'conversation')::uuid, worker, lease_ms, durable);
    results := results || jsonb_build_object('epoch', claimed.claimed_epoch, 'context', claimed.context);
  end loop;
  return results;
end $$;

-- Items: {organization, conversation, epoch, turn, answer, input, output}. Returns per item whether the lease was still held.
create function finish_batch(items jsonb) returns boolean[] language plpgsql as $$
declare item jsonb; results boolean[] := '{}';
begin
  for item in select * from jsonb_array_elements(items) loop
    begin
      perform finish((item->>'organization')::uuid, (item->>'conversation')::uuid, (item->>'epoch')::bigint, (item->>'turn')::uuid,
        item->>'answer', (item->>'input')::bigint, (item->>'output')::bigint);
      results := results || true;
    exception when raise_exception then
      results := results || false;
    end;
  end loop;
  return results;
end $$;
`;
