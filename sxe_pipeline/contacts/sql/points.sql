-- Values are kept by the transaction that books the call which brought them, for the cards that it
-- answered about, and with its event.

create or replace function contacts.keep_points(_call uuid, _points jsonb) returns int
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    event uuid;
begin
    select s.event_id into event from gate.call_step s
    where s.call_id = _call and s.xact = pg_current_xact_id()
      and s.state in ('SETTLED', 'AWAITING') order by s.step desc limit 1;
    if event is null then
        perform gate.refuse('SXREF', 'values are kept by the transaction that books their call');
    end if;
    if exists (
            select from jsonb_to_recordset(_points) as p (card_id text)
            where not exists (select from gate.call_item i where i.call_id = _call
                              and i.card_id = p.card_id and i.outcome = 'match')) then
        perform gate.refuse('SXREF', 'a value is of a card that this call did not answer about');
    end if;
    insert into contacts.contact_point as old (contact_point_id, card_id, kind, ciphertext, blind_index,
        status, confidence, provider, call_id, request_id, price_micros, verified_at, dnc, tcpa,
        litigator, flags_checked_at, flags_valid_until, purpose, legal_basis, event_id)
    select p.contact_point_id, p.card_id, p.kind, p.ciphertext, p.blind_index,
        p.status, p.confidence, c.provider, c.call_id, c.request_id, p.price_micros, p.verified_at,
        p.dnc, p.tcpa, p.litigator, p.flags_checked_at, p.flags_valid_until, p.purpose,
        p.legal_basis, event
    from gate.call c cross join jsonb_to_recordset(_points) as p (contact_point_id uuid,
        card_id text, kind text, ciphertext bytea, blind_index bytea, status text,
        confidence double precision, price_micros bigint, verified_at timestamptz, dnc boolean,
        tcpa boolean, litigator boolean, flags_checked_at timestamptz,
        flags_valid_until timestamptz, purpose text, legal_basis text)
    where c.call_id = _call
    -- The answer to a poll may hold again what the first answer held: of that its warnings count.
    on conflict (call_id, card_id, kind, blind_index) do update set
        dnc = case when excluded.dnc then true else old.dnc end,
        tcpa = case when excluded.tcpa then true else old.tcpa end,
        litigator = case when excluded.litigator then true else old.litigator end,
        flags_checked_at = coalesce(old.flags_checked_at, excluded.flags_checked_at),
        flags_valid_until = coalesce(old.flags_valid_until, excluded.flags_valid_until)
    where excluded.dnc or excluded.tcpa or excluded.litigator;
    return (select count(*) from contacts.contact_point p join jsonb_to_recordset(_points)
            as made (contact_point_id uuid) using (contact_point_id));
end $$;
