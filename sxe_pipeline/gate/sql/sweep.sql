-- What time alone decides. Bounded work, safe beside any worker: it moves what a lease left behind.
create or replace function gate.sweep(_limit int default 100) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    s gate.setting;
    c gate.call;
    r gate.request;
    moment timestamptz := clock_timestamp();
    released int := 0; lost int := 0; charged int := 0; expired int := 0; forgotten int := 0;
begin
    select * into s from gate.setting;
    perform from gate.provider order by provider for update;
    perform gate.lock_budgets(array(
        select call_id from gate.call
        where (state = 'RESERVED' and lease_until <= moment) or state = 'UNKNOWN'));
    for c in select * from gate.call
             where state = 'RESERVED' and lease_until <= moment
             order by call_id limit _limit for update skip locked loop
        perform gate.release_call(c.call_id, 'lease_over', null, 'sweep');
        released := released + 1;
    end loop;
    -- Sent, and nobody came back: the money may be gone, so it is never released here.
    for c in select * from gate.call
             where (state = 'SENDING' and lease_until + s.send_deadline <= moment)
                or (state = 'AWAITING' and sent_at + s.await_for <= moment)
             order by call_id limit _limit for update skip locked loop
        perform gate.mark_unknown(c.call_id, 'lease_over', null, 'sweep');
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
                or (state in ('APPROVED', 'PARTIAL')
                    and gate.approved_positions(q.request_id, q.version) = '{}')
             order by request_id limit _limit for no key update skip locked loop
        update gate.request set state = case r.state when 'SUBMITTED' then 'EXPIRED' else 'HALTED' end,
            launch_until = null,
            event_id = audit.append(case r.state when 'SUBMITTED' then 'request.expired'
                else 'request.halted' end, 'sweep', r.request_id::text, moment::text, '{}')
        where request_id = r.request_id;
        expired := expired + 1;
    end loop;
    perform gate.close_resolved(_limit, null);
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
        update gate.call_item set provider_person_id = null
        where provider_person_id is not null
          and call_id in (select call_id from gate.call where request_id = r.request_id);
        update gate.request set forgotten_at = moment, event_id = audit.append('request.forgotten',
            'sweep', r.request_id::text, 'v' || r.version, '{}')
        where request_id = r.request_id;
        forgotten := forgotten + 1;
    end loop;
    return jsonb_build_object('released', released, 'unknown', lost, 'charged_in_full', charged,
                              'expired', expired, 'forgotten', forgotten);
end $$;
