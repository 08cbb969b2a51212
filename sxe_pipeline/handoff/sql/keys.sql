-- Keys that sign batches: which signed what, and which signs no more.

create or replace function handoff.keys_of(_manifest bytea) returns text[]
language sql immutable as $$
    select array(select (regexp_matches(convert_from(_manifest, 'UTF8'),
                                        '"keyid": ?"([0-9a-f]{64})"', 'g'))[1]);
$$;

-- A key with what it signed: published batches, and the last of their days.
create or replace function handoff.keys()
returns table (key_id text, contracts text[], created_at timestamptz, retired_at timestamptz,
               retired_reason text, batch_count bigint, last_day date)
language sql stable as $$
    select k.key_id, k.contracts, k.created_at, k.retired_at, k.retired_reason, count(b),
           max(b.day)
    from handoff.signing_key k
    left join handoff.batch b on b.state = 'published' and k.key_id = any (handoff.keys_of(b.manifest))
    group by k.key_id order by k.created_at, k.key_id;
$$;

-- It signs nothing from here on. One person is enough, as for taking any right away; no word of the past
-- changes.
create or replace function handoff.retire_key(_start text, _reason text, _actor text) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    k handoff.signing_key;
begin
    if coalesce(trim(_reason), '') = '' then
        perform gate.refuse('SXBAD', 'say why: a reason is part of the record');
    end if;
    begin
        select * into strict k from handoff.signing_key
        where _start ~ '^[0-9a-f]{8,64}$' and starts_with(key_id, _start) for update;
    exception when no_data_found or too_many_rows then
        perform gate.refuse('SXNOF', 'there is no such signing key, or more than one; see sxe keys list');
    end;
    if k.retired_at is not null then
        perform gate.refuse('SXREF', 'that key is retired already');
    end if;
    update handoff.signing_key set retired_at = clock_timestamp(), retired_reason = _reason,
        retired_event_id = audit.append('key.retired', audit.as_login(_actor), k.key_id, 'retired',
            jsonb_build_object('contracts', k.contracts, 'reason_sha256', audit.digest_of(_reason)))
    where key_id = k.key_id;
    return k.key_id;
end $$;

-- A tier tells its consumers that a key takes over from another: said before the statement lies in its store.
create or replace function handoff.note_rotation(_old text, _new text, _number int, _actor text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if session_user not in ('sxe_social', 'sxe_contacts') then
        perform gate.refuse('SXREF', 'a key is rotated by the login of its tier');
    end if;
    if not exists (select from audit.event
                   where event_id = audit.event_id('key.rotated', _new, _old || '/' || _number)) then
        perform audit.append('key.rotated', audit.as_login(_actor), _new, _old || '/' || _number,
            jsonb_build_object('old_key_id', _old, 'number', _number));
    end if;
end $$;
