-- What is learned after an answer: a late charge, money back, the cost of a call nobody knew about.

-- What two persons know from an invoice: more than was booked, or less.
create or replace function gate.correct(_c jsonb, _actor text) returns void
language plpgsql as $$
begin
    if _c ? 'late_units_micro' then
        perform gate.late((_c->>'call_id')::uuid, (_c->>'late_units_micro')::numeric::bigint, _actor);
    else
        perform gate.adjust((_c->>'call_id')::uuid, (_c->>'units_micro')::numeric::bigint, _actor);
    end if;
end $$;

-- A charge that is learned when everything was resolved: recorded all the same, as an overrun, which
-- no cap refuses; the provider stops until two persons let it go on.
create or replace function gate.late(_call uuid, _units_micro bigint, _actor text) returns void
language plpgsql as $$
declare
    c gate.call;
    micros bigint;
begin
    perform gate.lock_provider(_call);
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
    update gate.provider set booked_units_micro = booked_units_micro + _units_micro
    where provider = c.provider;
    perform gate.add_step(c, c.state, 'call.late', _actor,
        jsonb_build_object('charged_micros', micros, 'units_micro', _units_micro));
    perform gate.set_circuit(c.provider, 'open', 'late_charge', _actor);
end $$;

-- The invoice says less than was booked: two persons give it back to the budgets it was taken from.
create or replace function gate.adjust(_call uuid, _units_micro bigint, _actor text) returns void
language plpgsql as $$
declare
    c gate.call;
    micros bigint;
begin
    perform gate.lock_provider(_call);
    select * into c from gate.call where call_id = _call for update;
    -- What is left is rounded up, not what comes back: many small credits return no more than one.
    micros := greatest(c.charged_micros - gate.micros(
        c.charged_units_micro - _units_micro, c.micros_per_unit), 0);
    perform gate.lock_budgets(array[_call]);
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
    from gate.transfer where call_id = _call and kind = 'reserve' and micros > 0;
    update gate.budget set spent = spent - micros
    where budget_id in (select budget_id from gate.transfer
                        where call_id = _call and kind = 'reserve');
    update gate.call set charged_micros = charged_micros - micros,
        charged_units_micro = charged_units_micro - _units_micro
    where call_id = _call;
    update gate.provider set booked_units_micro = booked_units_micro - _units_micro
    where provider = c.provider;
    perform gate.add_step(c, c.state, 'call.adjusted', _actor,
        jsonb_build_object('returned_micros', micros, 'units_micro', _units_micro));
end $$;

-- The road out of UNKNOWN: by the provider's counter, by time, or by two persons. It brings back
-- the price, never the data: what was paid is lost, and only a newer approval asks again.
create or replace function gate.resolve_unknown(_call uuid, _units_micro bigint, _actor text)
returns void language plpgsql as $$
declare
    c gate.call;
    micros bigint;
    over bigint;
begin
    perform gate.lock_provider(_call);
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
        resolved_at = clock_timestamp(), resolved_tick = nextval('gate.tick'), poll_after = null
    where call_id = _call;
    update gate.provider set booked_units_micro = booked_units_micro + _units_micro, failures = 0
    where provider = c.provider;
    perform gate.add_step(c, case when _units_micro > 0 then 'SETTLED' else 'RELEASED' end,
        case when _units_micro > 0 then 'call.settled' else 'call.released' end, _actor,
        jsonb_build_object('reason', 'resolved', 'charged_micros', micros,
            'units_micro', _units_micro, 'overrun_micros', nullif(over, 0)));
    if over > 0 then perform gate.set_circuit(c.provider, 'open', 'overrun', _actor); end if;
    perform gate.close_resolved(1, c.request_id);
end $$;

-- Nothing is unknown about them any more. One that a run holds is for the next sweep.
create or replace function gate.close_resolved(_limit int, _request uuid) returns void
language sql as $$
    update gate.request set state = 'DONE' where request_id in (
        select q.request_id from gate.request q
        where q.state = 'DONE_UNKNOWN' and (_request is null or q.request_id = _request)
          and not exists (select from gate.call k
                          where k.request_id = q.request_id and k.state = 'UNKNOWN')
        order by q.request_id limit _limit for no key update skip locked);
$$;
