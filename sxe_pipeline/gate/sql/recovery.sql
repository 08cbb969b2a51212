-- Who may have been paid for while a restored database was not there, as the contact store tells it.

create or replace function gate.recover_asks(_cards text[], _asked_at timestamptz) returns int
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    added int;
    event uuid;
begin
    if ops.doubts() = '{}' then
        perform gate.refuse('SXREF', 'this database is not behind its stores; nothing is recovered');
    end if;
    if _cards <@ array(select card_id from gate.lost_ask where asked_at >= _asked_at) then
        return 0;
    end if;
    event := audit.append('request.recovered', 'recovery', 'contact_handoff', clock_timestamp()::text,
        jsonb_build_object('cards', cardinality(_cards), 'asked_at', _asked_at));
    insert into gate.lost_ask as l (card_id, asked_at, until, event_id)
    select distinct c, _asked_at, _asked_at + greatest(s.negative_for, s.email_fresh_for, s.phone_fresh_for),
           event
    from unnest(_cards) c, gate.setting s
    on conflict (card_id) do update set asked_at = excluded.asked_at, until = excluded.until,
        event_id = excluded.event_id
    where l.asked_at < excluded.asked_at;
    get diagnostics added = row_count;
    return added;
end $$;
