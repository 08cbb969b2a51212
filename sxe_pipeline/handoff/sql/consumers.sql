-- Who a consumer is, by the hash of its key, and what that key may see.

create or replace function handoff.authenticate(_key_sha256 bytea) returns handoff.api_key
language plpgsql stable as $$
declare
    k handoff.api_key;
begin
    select a.* into k from handoff.api_key a join handoff.consumer c using (consumer)
    where a.key_sha256 = _key_sha256 and a.revoked_at is null
      and a.expires_at > clock_timestamp() and c.ended_at is null;
    if k.consumer is null then
        perform gate.refuse('SXREF', 'that key is unknown, has expired or was revoked; ask the sender for another');
    end if;
    return k;
end $$;

create or replace function handoff.may_see(_k handoff.api_key, _contract text, _market text) returns boolean
language sql immutable as $$
    select _contract = any (_k.contracts) and (_k.markets && array['*', _market]);
$$;
