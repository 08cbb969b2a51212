-- Circuits of providers: stopping needs one person, closing the circuit again two.

-- Answers the event, or null where nothing changed.
create or replace function gate.set_circuit(
    _provider text, _state text, _cause text, _actor text, _reason text default null
) returns uuid language plpgsql as $$
declare
    event uuid;
begin
    -- What is killed is closed again by two people alone. An open circuit keeps its first cause, unless that was
    -- failures: those end by themselves after a rest, and a charge that nobody granted must not.
    if exists (select from gate.provider where provider = _provider
               and ((circuit_state = _state and (circuit_state <> 'open' or cause <> 'failures'
                                         or _cause = 'failures'))
                    or (circuit_state = 'killed' and _cause <> 'reopened'))) then
        return null;
    end if;
    event := audit.append('circuit.' || _state, _actor, _provider, clock_timestamp()::text,
        jsonb_build_object('cause', _cause, 'reason_sha256', audit.digest_of(_reason),
            'before', (select circuit_state from gate.provider where provider = _provider)));
    update gate.provider set circuit_state = _state, cause = _cause, changed_at = clock_timestamp(),
        event_id = event
    where provider = _provider;
    if not found then
        perform gate.refuse('SXNOF', 'there is no such provider; a price card makes one');
    end if;
    return event;
end $$;

create or replace function gate.kill(_token text, _provider text, _reason text) returns int
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    who text := gate.authenticate(_token, null);
    name text;
    event uuid;
    killed int := 0;
begin
    if coalesce(trim(_reason), '') = '' then
        perform gate.refuse('SXBAD', 'say why: a reason is part of the record');
    end if;
    for name in select provider from gate.provider
                where _provider is null or provider = _provider order by provider for update loop
        event := gate.set_circuit(name, 'killed', 'killed', 'principal:' || who, _reason);
        insert into gate.stop (event_id, provider, reason, stopped_by)
        select event, name, _reason, who where event is not null;
        killed := killed + 1;
    end loop;
    if killed = 0 then
        perform gate.refuse('SXNOF', 'there is no such provider; see sxe budget show');
    end if;
    return killed;
end $$;

create or replace function gate.lock_provider(_call uuid) returns void
language plpgsql as $$
begin
    perform from gate.provider
    where provider = (select provider from gate.call where call_id = _call) for update;
end $$;
