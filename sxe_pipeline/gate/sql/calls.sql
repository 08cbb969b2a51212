-- How a call moves between its states, each move with one event.

create or replace function gate.lock_call(_call uuid, _fence bigint, _states text[])
returns gate.call language plpgsql as $$
declare
    c gate.call;
    r gate.request;
begin
    select q.* into r from gate.request q join gate.call k using (request_id)
    where k.call_id = _call for no key update of q;
    perform gate.lock_provider(_call);
    select * into c from gate.call where call_id = _call for update;
    -- A call in flight belongs to the run that sent it; one that waits, to the run that polls.
    if c.call_id is null or c.state <> all (_states) or _fence is distinct from
       (case when c.state in ('AWAITING', 'UNKNOWN') then r.fence else c.fence end) then
        perform gate.refuse('SXBSY', 'the call is no longer this run''s');
    end if;
    return c;
end $$;

-- One event for one move of a call; its row keeps the event's id.
create or replace function gate.add_step(_c gate.call, _state text, _kind text, _actor text, _data jsonb)
returns void language plpgsql as $$
declare
    next_step int := 1 + (select count(*) from gate.call_step where call_id = _c.call_id);
begin
    insert into gate.call_step (call_id, step, state, event_id)
    values (_c.call_id, next_step, _state,
            audit.append(_kind, _actor, _c.request_id::text, _c.call_id || '/' || next_step,
                _data || jsonb_build_object('call_id', _c.call_id, 'provider', _c.provider)));
end $$;

create or replace function gate.release_call(_call uuid, _reason text, _http_status int, _actor text)
returns void language plpgsql as $$
declare
    c gate.call;
begin
    perform gate.charge(_call, '{sync,async}', 0);
    update gate.call_item set live = false, outcome = 'released' where call_id = _call and live;
    update gate.call set state = 'RELEASED', reason = _reason, http_status = _http_status,
        resolved_at = clock_timestamp(), poll_after = null
    where call_id = _call returning * into c;
    update gate.provider set busy_call = null where provider = c.provider and busy_call = _call;
    perform gate.add_step(c, 'RELEASED', 'call.released', _actor,
        jsonb_build_object('reason', _reason, 'http_status', _http_status));
end $$;

-- It never left, or the provider refused it and charged nothing.
create or replace function gate.release(
    _call uuid, _fence bigint, _reason text, _http_status int, _opens_circuit boolean
) returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    c gate.call := gate.lock_call(_call, _fence, '{SENDING,RESERVED}');
begin
    perform gate.release_call(_call, gate.reason_code(_reason), _http_status, 'fence:' || _fence);
    if _opens_circuit then
        perform gate.set_circuit(c.provider, 'open', 'refused', 'fence:' || _fence);
    elsif (select circuit_state from gate.provider where provider = c.provider) = 'half_open' then
        perform gate.set_circuit(c.provider, 'open', 'failures', 'fence:' || _fence);
    end if;
end $$;

create or replace function gate.mark_unknown(_call uuid, _reason text, _http_status int, _actor text)
returns void language plpgsql as $$
declare
    s gate.setting;
    c gate.call;
    provider_row gate.provider;
begin
    select * into s from gate.setting;
    update gate.call set state = 'UNKNOWN', reason = _reason, http_status = _http_status,
        polls = 0, resolved_at = null,
        poll_after = case when (select p.has_counter from gate.current_price(provider) p)
                          then clock_timestamp() + s.reconcile_wait end
    where call_id = _call returning * into c;
    perform gate.add_step(c, 'UNKNOWN', 'call.unknown', _actor,
        jsonb_build_object('reason', _reason, 'http_status', _http_status,
                           'reserved_micros', c.sync_micros + c.async_micros));
    update gate.provider
    set failures = failures + 1, busy_call = nullif(busy_call, _call), read_at = null
    where provider = c.provider returning * into provider_row;
    if provider_row.failures >= s.breaker_after or provider_row.circuit_state = 'half_open' then
        perform gate.set_circuit(c.provider, 'open', 'failures', _actor);
    end if;
end $$;

-- The charge cannot be known from here: the reservation stays, nobody asks again.
create or replace function gate.unknown(_call uuid, _fence bigint, _reason text, _http_status int)
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform gate.lock_call(_call, _fence, '{SENDING,AWAITING}');
    perform gate.mark_unknown(_call, gate.reason_code(_reason), _http_status, 'fence:' || _fence);
end $$;

-- The rest of an answer is not there yet: later, and later each time.
create or replace function gate.wait(_call uuid, _fence bigint, _retry_after_s double precision)
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    base interval := (select poll_wait from gate.setting);
begin
    perform gate.lock_call(_call, _fence, '{AWAITING}');
    update gate.call set polls = polls + 1, poll_after = clock_timestamp() + greatest(
        coalesce(make_interval(secs => _retry_after_s), base),
        case when polls > 2 then least(base * 2.0 ^ least(polls, 16), interval '1 hour') end)
    where call_id = _call;
end $$;
