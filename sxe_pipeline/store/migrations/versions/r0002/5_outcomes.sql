set local role sxe_owner;

-- Booking. A reservation is resolved once: by a post of at most its amount, or by a void. What a
-- provider takes beyond it is an overrun, which never needs room under a cap.

-- Everybody locks in one order, so that no booking meets another: request, lane, call, then budgets
-- by their ids. What holds a lane never waits for a request.
create function gate.hold_lane(_call uuid) returns void
language plpgsql as $$
begin
    perform from gate.lane
    where provider = (select provider from gate.call where call_id = _call) for update;
end $$;

create function gate.hold_budgets(_calls uuid[]) returns void
language plpgsql as $$
begin
    perform from gate.budget
    where budget_id in (select budget_id from gate.transfer
                        where call_id = any (_calls) and kind = 'reserve')
    order by budget_id for no key update;
end $$;

create function gate.charge(_call uuid, _parts text[], _charge bigint) returns bigint
language plpgsql as $$
declare
    t gate.transfer;
    this_part text;
    due bigint := _charge;
    paid bigint;
begin
    foreach this_part in array _parts loop
        paid := 0;
        for t in select * from gate.transfer o
                 where o.call_id = _call and o.kind = 'reserve' and o.part = this_part
                   and not exists (select from gate.transfer x where x.pending_id = o.transfer_id)
                 order by budget_id loop
            paid := least(due, t.amount);
            insert into gate.transfer (budget_id, call_id, part, kind, amount, pending_id)
            values (t.budget_id, _call, t.part, case when paid > 0 then 'post' else 'void' end,
                    case when paid > 0 then paid else t.amount end, t.transfer_id);
            update gate.budget set reserved = reserved - t.amount, spent = spent + paid
            where budget_id = t.budget_id;
        end loop;
        due := due - paid;
    end loop;
    if due > 0 then perform gate.charge_late(_call, due); end if;
    return due;
end $$;

-- What is still reserved for a call: a part of it may be resolved.
create function gate.pending_of(_call uuid) returns bigint
language sql stable as $$
    select coalesce(max(due), 0) from (
        select sum(amount)::bigint as due from gate.transfer t
        where call_id = _call and kind = 'reserve'
          and not exists (select from gate.transfer x where x.pending_id = t.transfer_id)
        group by budget_id) b;
$$;

create function gate.charge_late(_call uuid, _charge bigint) returns void
language plpgsql as $$
begin
    insert into gate.transfer (budget_id, call_id, part, kind, amount)
    select budget_id, _call, 'sync', 'late', _charge
    from (select distinct budget_id from gate.transfer
          where call_id = _call and kind = 'reserve' order by budget_id) b;
    perform gate.hold_budgets(array[_call]);
    update gate.budget set overrun = overrun + _charge
    where budget_id in (select budget_id from gate.transfer
                        where call_id = _call and kind = 'reserve');
end $$;

create function gate.let_go(_call uuid, _reason text, _http_status int, _actor text) returns void
language plpgsql as $$
declare
    c gate.call;
begin
    perform gate.charge(_call, '{sync,async}', 0);
    update gate.call_item set live = false, outcome = 'released' where call_id = _call and live;
    update gate.call set state = 'RELEASED', reason = _reason, http_status = _http_status,
        resolved_at = clock_timestamp(), poll_after = null
    where call_id = _call returning * into c;
    update gate.lane set busy_call = null where provider = c.provider and busy_call = _call;
    perform gate.step(c, 'RELEASED', 'call.released', _actor,
        jsonb_build_object('reason', _reason, 'http_status', _http_status));
end $$;

create function gate.own_call(_call uuid, _fence bigint, _states text[]) returns gate.call
language plpgsql as $$
declare
    c gate.call;
    r gate.request;
begin
    select q.* into r from gate.request q join gate.call k using (request_id)
    where k.call_id = _call for no key update of q;
    perform gate.hold_lane(_call);
    select * into c from gate.call where call_id = _call for update;
    -- A call in flight belongs to the run that sent it; one that waits, to the run that polls.
    if c.call_id is null or c.state <> all (_states) or _fence is distinct from
       (case when c.state in ('AWAITING', 'UNKNOWN') then r.fence else c.fence end) then
        perform gate.refuse('SXBSY', 'the call is no longer this run''s');
    end if;
    return c;
end $$;

-- A reason is a word of ours: no text of a provider gets into an event.
create function gate.word(_reason text) returns text
language sql immutable as $$
    select case when _reason is null or _reason ~ '^[a-z][a-z0-9_]{0,39}$' then _reason
                else 'unnamed' end;
$$;

-- It never left, or the provider refused it and charged nothing.
create function gate.release(
    _call uuid, _fence bigint, _reason text, _http_status int, _stops_lane boolean
) returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    c gate.call := gate.own_call(_call, _fence, '{SENDING,RESERVED}');
begin
    perform gate.let_go(_call, gate.word(_reason), _http_status, 'fence:' || _fence);
    if _stops_lane then
        perform gate.move_lane(c.provider, 'open', 'refused', 'fence:' || _fence);
    elsif (select state from gate.lane where provider = c.provider) = 'half_open' then
        perform gate.move_lane(c.provider, 'open', 'failures', 'fence:' || _fence);
    end if;
end $$;

-- The charge cannot be known from here: the reservation stays, nobody asks again.
create function gate.unknown(_call uuid, _fence bigint, _reason text, _http_status int)
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform gate.own_call(_call, _fence, '{SENDING,AWAITING}');
    perform gate.lose_sight(_call, gate.word(_reason), _http_status, 'fence:' || _fence);
end $$;

create function gate.lose_sight(_call uuid, _reason text, _http_status int, _actor text)
returns void language plpgsql as $$
declare
    s gate.setting;
    c gate.call;
    l gate.lane;
begin
    select * into s from gate.setting;
    update gate.call set state = 'UNKNOWN', reason = _reason, http_status = _http_status,
        polls = 0, resolved_at = null,
        poll_after = case when (select (p.content->>'has_counter')::boolean
                                from gate.current_price(provider) p)
                          then clock_timestamp() + s.reconcile_wait end
    where call_id = _call returning * into c;
    perform gate.step(c, 'UNKNOWN', 'call.unknown', _actor,
        jsonb_build_object('reason', _reason, 'http_status', _http_status,
                           'reserved_micros', c.sync_micros + c.async_micros));
    update gate.lane
    set failures = failures + 1, busy_call = nullif(busy_call, _call), read_at = null
    where provider = c.provider returning * into l;
    if l.failures >= s.breaker_after or l.state = 'half_open' then
        perform gate.move_lane(c.provider, 'open', 'failures', _actor);
    end if;
end $$;

-- Transaction 3: the money, the outcome of every item and the event, beside the values that the
-- caller writes in the same transaction. Answers which positions' values may be kept.
create function gate.settle(_call uuid, _fence bigint, _o jsonb) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    c gate.call := gate.own_call(_call, _fence, '{SENDING,AWAITING}');
    s gate.setting;
    r gate.request;
    price jsonb;
    ci gate.call_item;
    is_awaiting boolean := coalesce((_o->>'awaiting')::boolean, false);
    was_awaiting boolean := c.state = 'AWAITING';
    units bigint := (_o->>'units_micro')::bigint;
    micros bigint := gate.micros(units, c.micros_per_unit);
    said jsonb;
    fields jsonb;
    gives jsonb;
    one text;
    keeps boolean;
    result text;
    keep int[] := '{}';
    over bigint;
begin
    if units is null or units < 0 then
        perform gate.refuse('SXBAD', 'a settled call has a charge of 0 or more');
    end if;
    select * into s from gate.setting;
    select * into r from gate.request where request_id = c.request_id;
    select content into price from gate.price_card p where p.provider = c.provider and encode(
        p.sha256, 'hex') = (select convert_from(header, 'UTF8')::jsonb->'price_cards'->>c.provider
            from gate.request_version where request_id = c.request_id and version = c.version);
    for ci in select * from gate.call_item where call_id = _call and live
              order by position, field_group loop
        select f into said from jsonb_array_elements(_o->'found') f
        where (f->>'position')::int = ci.position;
        if is_awaiting and ci.is_async then
            update gate.call_item set provider_person_id = said->>'person'
            where call_id = _call and position = ci.position and field_group = ci.field_group;
            continue;
        end if;
        if _o->'left' ? ci.field_group then  -- not a negative answer: none at all
            update gate.call_item set live = false, outcome = 'released'
            where call_id = _call and position = ci.position and field_group = ci.field_group;
            continue;
        end if;
        gives := price->'sells'->ci.field_group->'gives';
        fields := coalesce(said->'fields', '[]');
        -- After a revocation, a suppression or a withdrawal the money is booked, the value dropped.
        keeps := r.state <> 'REVOKED'
            and not privacy.is_suppressed(gate.family(gate.survivor(ci.card_id)))
            and exists (select from gate.candidate k
                        where k.card_id = ci.card_id and k.withdrawn_at is null);
        result := case
            when said->>'outcome' = 'mismatch' then 'mismatch'
            when not exists (select from jsonb_array_elements(gives) g
                             where fields @> jsonb_build_array(g)) then 'no_match'
            when keeps then 'match' else 'discarded' end;
        update gate.call_item set live = false, outcome = result,
            provider_person_id = said->>'person'
        where call_id = _call and position = ci.position and field_group = ci.field_group;
        if result = 'match' then keep := keep || ci.position; end if;
        continue when result = 'discarded';
        for one in select jsonb_array_elements_text(gives) loop
            insert into gate.answer as a
                (card_id, provider, field, fingerprint, outcome, call_id, valid_until)
            values (gate.survivor(ci.card_id), c.provider, one, ci.fingerprint,
                case when result = 'mismatch' then 'mismatch'
                     when fields ? one then 'match' else 'no_match' end, _call,
                clock_timestamp() + case when result <> 'mismatch' and fields ? one then
                    case one when 'email' then s.email_fresh_for else s.phone_fresh_for end
                    else coalesce((price->>'negative_for')::interval, s.negative_for) end)
            on conflict (card_id, provider, field) do update set
                fingerprint = excluded.fingerprint, outcome = excluded.outcome,
                call_id = excluded.call_id, answered_at = clock_timestamp(),
                valid_until = excluded.valid_until;
        end loop;
    end loop;
    over := gate.charge(_call, case when was_awaiting then '{async}'
        when is_awaiting then '{sync}' else '{sync,async}' end::text[], micros);
    update gate.call set
        state = case when is_awaiting then 'AWAITING' else 'SETTLED' end,
        charged_micros = charged_micros + micros,
        charged_units_micro = charged_units_micro + units,
        http_status = (_o->>'http_status')::int, reason = gate.word(_o->>'reason'),
        response_sha256 = decode(_o->>'response_sha256', 'hex'),
        provider_request_id = coalesce(_o->>'provider_request_id', provider_request_id),
        resolved_at = case when is_awaiting then null else clock_timestamp() end,
        poll_after = case when is_awaiting then clock_timestamp() + coalesce(make_interval(
            secs => (_o->>'retry_after_s')::float), s.poll_wait) end
    where call_id = _call;
    perform gate.step(c, case when is_awaiting then 'AWAITING' else 'SETTLED' end,
        case when is_awaiting then 'call.awaiting' else 'call.settled' end, 'fence:' || _fence,
        jsonb_build_object('charged_micros', micros, 'units_micro', units,
            'overrun_micros', nullif(over, 0), 'kept', cardinality(keep), 'discarded', (
                select nullif(count(*), 0) from gate.call_item
                where call_id = _call and outcome = 'discarded')));
    update gate.lane
    set failures = 0, busy_call = nullif(busy_call, _call),
        booked_units_micro = booked_units_micro + units
    where provider = c.provider;
    if (select state from gate.lane where provider = c.provider) = 'half_open' then
        perform gate.move_lane(c.provider, 'closed', 'recovered', 'fence:' || _fence);
    end if;
    if over > 0 then
        perform gate.move_lane(c.provider, 'open', 'overrun', 'fence:' || _fence);
    end if;
    update gate.request_item set done_by = done_by || c.provider::text
    where request_id = c.request_id and version = c.version and c.provider <> all (done_by)
      and not is_awaiting
      and position in (select position from gate.call_item where call_id = _call);
    return jsonb_build_object('keep', keep, 'charged_micros', micros, 'overrun_micros', over);
end $$;

-- The rest of an answer is not there yet: later, and later each time.
create function gate.wait(_call uuid, _fence bigint, _retry_after_s double precision)
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    base interval := (select poll_wait from gate.setting);
begin
    perform gate.own_call(_call, _fence, '{AWAITING}');
    update gate.call set polls = polls + 1, poll_after = clock_timestamp() + greatest(
        coalesce(make_interval(secs => _retry_after_s), base),
        case when polls > 2 then least(base * 2.0 ^ least(polls, 16), interval '1 hour') end)
    where call_id = _call;
end $$;

-- A charge that is learned when everything was resolved: recorded all the same.
create function gate.late(_call uuid, _units_micro bigint) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    c gate.call;
    micros bigint;
begin
    perform gate.hold_lane(_call);
    select * into c from gate.call where call_id = _call for update;
    if c.call_id is null or c.state not in ('SETTLED', 'RELEASED')
       or coalesce(_units_micro, 0) <= 0 then
        perform gate.refuse('SXBAD', 'a late charge is positive and of a resolved call');
    end if;
    micros := gate.micros(_units_micro, c.micros_per_unit);
    perform gate.charge_late(_call, micros);
    update gate.call set charged_micros = charged_micros + micros,
        charged_units_micro = charged_units_micro + _units_micro
    where call_id = _call;
    update gate.lane set booked_units_micro = booked_units_micro + _units_micro
    where provider = c.provider;
    perform gate.step(c, c.state, 'call.late', 'contacts',
        jsonb_build_object('charged_micros', micros, 'units_micro', _units_micro));
    perform gate.move_lane(c.provider, 'open', 'late_charge', 'contacts');
end $$;

-- The invoice says less than was booked: two persons give it back to the budgets it was taken from.
create function gate.adjust(_call uuid, _units_micro bigint, _actor text) returns void
language plpgsql as $$
declare
    c gate.call;
    micros bigint;
begin
    perform gate.hold_lane(_call);
    select * into c from gate.call where call_id = _call for update;
    micros := least(gate.micros(_units_micro, c.micros_per_unit), c.charged_micros);
    perform gate.hold_budgets(array[_call]);
    if c.call_id is null or c.state <> 'SETTLED' or coalesce(_units_micro, 0) <= 0
       or _units_micro > c.charged_units_micro or exists (
            select from gate.transfer t where t.call_id = _call
            group by t.budget_id
            having coalesce(sum(amount) filter (where kind = 'post'), 0)
                   - coalesce(sum(amount) filter (where kind = 'adjust'), 0) < micros) then
        perform gate.refuse('SXREF', 'what comes back is positive, of a settled call, and no more '
            'than was posted for it; an overrun stays as it was booked');
    end if;
    insert into gate.transfer (budget_id, call_id, part, kind, amount)
    select distinct budget_id, _call, 'sync', 'adjust', micros
    from gate.transfer where call_id = _call and kind = 'reserve';
    update gate.budget set spent = spent - micros
    where budget_id in (select budget_id from gate.transfer
                        where call_id = _call and kind = 'reserve');
    update gate.call set charged_micros = charged_micros - micros,
        charged_units_micro = charged_units_micro - _units_micro
    where call_id = _call;
    update gate.lane set booked_units_micro = booked_units_micro - _units_micro
    where provider = c.provider;
    perform gate.step(c, c.state, 'call.adjusted', _actor,
        jsonb_build_object('returned_micros', micros, 'units_micro', _units_micro));
end $$;

-- The road out of UNKNOWN: by the provider's counter, by time, or by two persons. It brings back
-- the price, never the data: what was paid is lost, and only a newer approval asks again.
create function gate.resolve_unknown(_call uuid, _units_micro bigint, _actor text) returns void
language plpgsql as $$
declare
    c gate.call;
    micros bigint;
    over bigint;
begin
    perform gate.hold_lane(_call);
    select * into c from gate.call where call_id = _call for update;
    if c.call_id is null or c.state <> 'UNKNOWN' then
        perform gate.refuse('SXREF', 'only a call whose outcome is unknown is resolved');
    end if;
    if _units_micro is null or _units_micro < 0 then
        perform gate.refuse('SXBAD', 'a charge is 0 or more');
    end if;
    micros := gate.micros(_units_micro, c.micros_per_unit);
    over := gate.charge(_call, '{sync,async}', micros);
    update gate.call_item set live = false,
        outcome = case when _units_micro > 0 then 'paid_lost' else 'unknown_free' end
    where call_id = _call and live;
    update gate.call set state = case when _units_micro > 0 then 'SETTLED' else 'RELEASED' end,
        charged_micros = charged_micros + micros,
        charged_units_micro = charged_units_micro + _units_micro,
        resolved_at = clock_timestamp(), poll_after = null
    where call_id = _call;
    update gate.lane set booked_units_micro = booked_units_micro + _units_micro, failures = 0
    where provider = c.provider;
    perform gate.step(c, case when _units_micro > 0 then 'SETTLED' else 'RELEASED' end,
        case when _units_micro > 0 then 'call.settled' else 'call.released' end, _actor,
        jsonb_build_object('reason', 'resolved', 'charged_micros', micros,
            'units_micro', _units_micro, 'overrun_micros', nullif(over, 0)));
    if over > 0 then perform gate.move_lane(c.provider, 'open', 'overrun', _actor); end if;
    perform gate.close_known(1, c.request_id);
end $$;

-- Nothing is unknown about them any more. One that a run holds is for the next sweep.
create function gate.close_known(_limit int, _request uuid) returns void
language sql as $$
    update gate.request set state = 'DONE' where request_id in (
        select q.request_id from gate.request q
        where q.state = 'DONE_UNKNOWN' and (_request is null or q.request_id = _request)
          and not exists (select from gate.call k
                          where k.request_id = q.request_id and k.state = 'UNKNOWN')
        order by q.request_id limit _limit for no key update skip locked);
$$;

-- A reading of the provider's own counter. Two equal readings some time apart are believed: they
-- either agree with the ledger, or tell what the one unknown call cost, or stop the lane.
create function gate.reconcile(_provider text, _units_micro bigint) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    s gate.setting;
    l gate.lane;
    open_calls uuid[];
    waiting int;
    drift bigint;
begin
    select * into s from gate.setting;
    select * into l from gate.lane where provider = _provider for update;
    if l.provider is null then perform gate.refuse('SXNOF', 'there is no such provider'); end if;
    -- An account that others draw on too: its counter says nothing of our calls.
    if not coalesce((select (p.content->>'has_counter')::boolean
                     from gate.current_price(_provider) p), false) then
        return jsonb_build_object('verdict', 'no_counter');
    end if;
    select array_agg(call_id) filter (where state = 'UNKNOWN'),
           count(*) filter (where state in ('AWAITING', 'SENDING'))
    into open_calls, waiting
    from gate.call where provider = _provider and state in ('UNKNOWN', 'AWAITING', 'SENDING');
    update gate.call set poll_after = clock_timestamp() + s.reconcile_wait
        + make_interval(secs => least(2.0 ^ least(polls, 20), 3600)) * (polls > 1)::int,
        polls = polls + 1
    where provider = _provider and state = 'UNKNOWN' and poll_after is not null;
    if waiting > 0 or cardinality(open_calls) > 1 then
        return jsonb_build_object('verdict', 'not_alone');
    end if;
    if l.agreed_units_micro is null and open_calls is null then
        update gate.lane set agreed_units_micro = _units_micro, agreed_at = clock_timestamp(),
            agreed_booked_micro = booked_units_micro, read_units_micro = _units_micro,
            read_at = clock_timestamp()
        where provider = _provider;
        return jsonb_build_object('verdict', 'first_reading');
    end if;
    if l.read_at is null or l.read_units_micro is distinct from _units_micro
       or l.read_at + s.reconcile_wait > clock_timestamp() then
        update gate.lane set read_units_micro = _units_micro, read_at = case
                when read_units_micro = _units_micro then coalesce(read_at, clock_timestamp())
                else clock_timestamp() end
        where provider = _provider;
        return jsonb_build_object('verdict', 'read_again');
    end if;
    drift := (_units_micro - l.agreed_units_micro) - (l.booked_units_micro - l.agreed_booked_micro);
    if cardinality(open_calls) = 1 and drift >= 0 then
        perform gate.resolve_unknown(open_calls[1], drift, 'counter');
        drift := 0;
    end if;
    if coalesce(drift, 0) <> 0 or l.agreed_units_micro is null then
        perform gate.move_lane(_provider, 'open', 'drift', 'counter');
        return jsonb_build_object('verdict', 'drift', 'units_micro', drift);
    end if;
    update gate.lane set agreed_units_micro = _units_micro, agreed_at = clock_timestamp(),
        agreed_booked_micro = booked_units_micro
    where provider = _provider;
    return jsonb_build_object('verdict', 'agreed', 'resolved', coalesce(cardinality(open_calls), 0));
end $$;

-- What is left when a run has nothing more to send.
create function gate.finish(_request uuid, _fence bigint) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    r gate.request := gate.hold(_request, _fence);
    now_state text := r.state;
    has_open boolean;
begin
    if r.state = 'EXECUTING' then
        has_open := exists (
            select from jsonb_each_text(r.stops) stop
            join gate.request_item i on i.request_id = _request and i.version = r.version
                and i.skip_reason is null and stop.key <> all (i.done_by)
            where stop.value not in ('nothing_left', 'in_flight', 'budget'));
        update gate.request_item i set skip_reason = 'budget'
        where i.request_id = _request and i.version = r.version and i.skip_reason is null
          and exists (select from jsonb_each_text(r.stops) stop
                      where stop.value = 'budget' and stop.key <> all (i.done_by));
        now_state := case
            when has_open then 'HALTED'
            when exists (select from gate.call where request_id = _request and state = 'UNKNOWN')
                then 'DONE_UNKNOWN'
            else 'DONE' end;
    end if;
    update gate.request set state = now_state, lease_until = null,
        finished_at = coalesce(finished_at, clock_timestamp()),
        event_id = case when now_state = r.state then event_id else audit.say(
            case now_state when 'HALTED' then 'request.halted' else 'request.done' end,
            'run:' || r.run_id, _request::text, 'a' || r.attempt,
            jsonb_build_object('state', now_state, 'stops', (
                select array_agg(key || '=' || value order by key) from jsonb_each_text(r.stops)),
                'spent_micros', (select spent from gate.budget where request_id = _request))) end
    where request_id = _request;
    return jsonb_build_object('state', now_state, 'stops', r.stops);
end $$;

-- What time alone decides. Bounded work, safe beside any worker: it moves what a lease left behind.
create function gate.sweep(_limit int default 100) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    s gate.setting;
    c gate.call;
    r gate.request;
    moment timestamptz := clock_timestamp();
    released int := 0; lost int := 0; charged int := 0; expired int := 0; forgotten int := 0;
begin
    select * into s from gate.setting;
    perform from gate.lane order by provider for update;
    perform gate.hold_budgets(array(
        select call_id from gate.call
        where (state = 'RESERVED' and lease_until <= moment) or state = 'UNKNOWN'));
    for c in select * from gate.call
             where state = 'RESERVED' and lease_until <= moment
             order by call_id limit _limit for update skip locked loop
        perform gate.let_go(c.call_id, 'lease_over', null, 'sweep');
        released := released + 1;
    end loop;
    -- Sent, and nobody came back: the money may be gone, so it is never released here.
    for c in select * from gate.call
             where (state = 'SENDING' and lease_until + s.send_deadline <= moment)
                or (state = 'AWAITING' and sent_at + s.await_for <= moment)
             order by call_id limit _limit for update skip locked loop
        perform gate.lose_sight(c.call_id, 'lease_over', null, 'sweep');
        lost := lost + 1;
    end loop;
    for c in select * from gate.call k
             where k.state = 'UNKNOWN' and s.unknown_after <= moment - (
                select max(at) from gate.call_step t where t.call_id = k.call_id)
             order by call_id limit _limit for update skip locked loop
        -- Rounded down, so that rounding up the price of it meets the reservation and never passes it.
        perform gate.resolve_unknown(c.call_id, floor(
            gate.pending_of(c.call_id)::numeric * 1000000 / c.micros_per_unit)::bigint, 'sweep');
        charged := charged + 1;
    end loop;
    for r in select * from gate.request q
             where (state = 'SUBMITTED' and decide_by <= moment)
                or (state in ('APPROVED', 'PARTIAL') and not exists (
                        select from gate.live_approval a
                        where a.request_id = q.request_id and a.version = q.version))
             order by request_id limit _limit for no key update skip locked loop
        update gate.request set state = case r.state when 'SUBMITTED' then 'EXPIRED' else 'HALTED' end,
            launch_until = null,
            event_id = audit.say(case r.state when 'SUBMITTED' then 'request.expired'
                else 'request.halted' end, 'sweep', r.request_id::text, moment::text, '{}')
        where request_id = r.request_id;
        expired := expired + 1;
    end loop;
    perform gate.close_known(_limit, null);
    -- Names are personal data: a request keeps its inputs until a month after its last call.
    for r in select * from gate.request q
             where q.forgotten_at is null
               and q.state in ('DONE', 'HALTED', 'REJECTED', 'EXPIRED', 'REVOKED')
               and s.forget_after <= moment - greatest(q.decide_by, q.finished_at, (
                    select max(resolved_at) from gate.call k where k.request_id = q.request_id))
               and not exists (select from gate.call k where k.request_id = q.request_id
                               and k.state not in ('SETTLED', 'RELEASED'))
             order by request_id limit _limit for no key update skip locked loop
        update gate.request_item set inputs = null, nonce = null where request_id = r.request_id;
        update gate.request set forgotten_at = moment, event_id = audit.say('request.forgotten',
            'sweep', r.request_id::text, 'forgotten', '{}')
        where request_id = r.request_id;
        forgotten := forgotten + 1;
    end loop;
    return jsonb_build_object('released', released, 'unknown', lost, 'charged_in_full', charged,
                              'expired', expired, 'forgotten', forgotten);
end $$;

reset role;
