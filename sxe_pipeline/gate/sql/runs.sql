-- Runs of the contact tier: launched once, holding a fence and a lease, finished with a reason.

-- Launching: the sensor launches what this returns, and nothing is launched twice within the lease

create or replace function gate.claim_launches(_limit int default 20, _waiting uuid[] default '{}')
returns table (request_id uuid, version int, attempt int) language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
    moment timestamptz := clock_timestamp();
    leased timestamptz := moment + (select launch_lease from gate.setting);
begin
    -- A launch whose run waits for its turn is not lost, however long the queue is.
    update gate.request r set launch_until = leased
    where r.request_id = any (_waiting) and r.launch_until is not null;
    return query
    update gate.request r
    set attempt = r.attempt + 1, launch_until = leased
    where r.request_id in (
        select o.request_id from gate.request o
        where ops.doubts() = '{}'
          and (o.launch_until is null or o.launch_until <= moment)
          and (o.lease_until is null or o.lease_until <= moment)
          and ((o.state in ('APPROVED', 'PARTIAL')
                and gate.approved_positions(o.request_id, o.version) is distinct from '{}')
            or o.state = 'EXECUTING'
            or gate.may_go_on(o)
            or exists (
                select from gate.call c
                where c.request_id = o.request_id and c.poll_after <= moment
                  and c.state in ('AWAITING', 'UNKNOWN')))
        order by o.created_at
        limit _limit
        for update skip locked)
    returning r.request_id, r.version, r.attempt;
end $$;

-- Whether a run ended because an answer about somebody was on its way, which is there by now and lacks what
-- another provider may be asked for.
create or replace function gate.may_go_on(_r gate.request) returns boolean
language sql stable as $$
    select _r.state in ('DONE', 'DONE_UNKNOWN')
        and exists (select from jsonb_each_text(_r.stops) where value = 'in_flight')
        and gate.approved_positions(_r.request_id, _r.version) is distinct from '{}'
        and exists (
            select from gate.request_version v
            cross join lateral (select convert_from(v.header, 'UTF8')::jsonb as header) h
            join gate.request_item i using (request_id, version)
            cross join lateral (select gate.family(gate.survivor(i.card_id)) as family) f
            where v.request_id = _r.request_id and v.version = _r.version and i.skip_reason is null
              and exists (select from jsonb_array_elements_text(h.header->'fields') wish
                          where not gate.is_known(f.family, wish))
              and exists (select from jsonb_array_elements_text(h.header->'waterfall') provider
                          where provider <> all (i.done_by)))
        and not exists (
            select from gate.request_item i
            cross join lateral (select gate.kin(gate.survivor(i.card_id)) as kin) k
            join gate.call_item c on c.survivor_id = any (k.kin) and c.live
            where i.request_id = _r.request_id and i.version = _r.version and i.skip_reason is null);
$$;

-- A run takes the request over. Only a launch of the gate may: a run that somebody started by hand,
-- a backfill or a second daemon brings no attempt that waits.
create or replace function gate.begin(_request uuid, _attempt int, _run_id text) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    r gate.request;
    v gate.request_version;
    h jsonb;
    approved int[];
    next_fence bigint := nextval('gate.fence');
    counted ops.marker;
    now_state text;
    left_over uuid;
    begun jsonb;
begin
    select * into r from gate.request where request_id = _request for no key update;
    if r.request_id is null then
        perform gate.refuse('SXNOF', 'there is no such request');
    end if;
    if _attempt is distinct from r.attempt or r.launch_until is null
       or r.launch_until <= clock_timestamp() then
        perform gate.refuse('SXREF', 'the gate did not launch this run, so it calls nobody; '
            'the sensor approved_requests launches what is approved');
    end if;
    select * into v from gate.request_version
    where request_id = _request and version = r.version;
    h := convert_from(v.header, 'UTF8')::jsonb;
    now_state := r.state;
    if r.state in ('APPROVED', 'PARTIAL', 'EXECUTING') then
        approved := gate.approved_positions(_request, r.version);
        now_state := case when approved = '{}' then 'HALTED' else 'EXECUTING' end;
    elsif gate.may_go_on(r) then
        approved := gate.approved_positions(_request, r.version);
        now_state := 'EXECUTING';
    end if;
    -- What an earlier run reserved and did not send is free again: its fence is gone.
    perform from gate.provider where provider in (
        select provider from gate.call where request_id = _request and state = 'RESERVED')
    order by provider for update;
    perform gate.lock_budgets(array(
        select call_id from gate.call where request_id = _request and state = 'RESERVED'));
    for left_over in select call_id from gate.call
                     where request_id = _request and state = 'RESERVED' for update loop
        perform gate.release_call(left_over, 'taken_over', null, 'run:' || _run_id);
    end loop;
    if now_state = 'EXECUTING' then
        update gate.request_item set done_by = '{}',
            skip_reason = case when approved is null or position = any (approved) then null
                               else 'not_approved' end
        where request_id = _request and version = r.version;
    end if;
    update gate.request
    set fence = next_fence, run_id = _run_id, launch_until = null, state = now_state,
        stops = case when now_state = 'EXECUTING' then '{}' else stops end,
        begun_version = case when now_state = 'EXECUTING' then r.version else begun_version end,
        lease_until = clock_timestamp() + (select call_lease from gate.setting),
        event_id = audit.append('request.begun', 'run:' || _run_id, _request::text, 'a' || _attempt,
            jsonb_build_object('attempt', _attempt, 'state', now_state, 'version', r.version))
    where request_id = _request;
    -- The store hears who may be asked about before anybody is: a restored database asks it.
    if now_state = 'EXECUTING' then
        counted := ops.count_marker('contact_handoff');
    end if;
    begun := jsonb_build_object('fence', next_fence, 'state', now_state, 'header', h,
        'marker', case when counted.store is not null then to_jsonb(counted) - 'store' end,
        'card_ids', (select coalesce(jsonb_agg(card_id order by position), '[]')
                     from gate.request_item where request_id = _request and version = r.version
                       and skip_reason is null),
        'waterfall', h->'waterfall',
        'offers', (select coalesce(jsonb_object_agg(p.provider, jsonb_build_object(
                'batch_max', p.batch_max, 'sells', (
                    select jsonb_object_agg(key, value->>'part')
                    from jsonb_each(p.content->'sells')))), '{}')
            from jsonb_array_elements_text(h->'waterfall') w
            cross join lateral gate.current_price(w) p where p.provider is not null),
        'loopback_only', coalesce((select loopback_only from gate.policy
            where encode(sha256, 'hex') = h->>'policy_sha256'), true),
        'open_calls', coalesce((
            select jsonb_agg(jsonb_build_object('call_id', c.call_id, 'provider', c.provider,
                'state', c.state, 'provider_request_id', c.provider_request_id,
                'groups', c.groups,
                'items', (select coalesce(jsonb_agg(jsonb_build_object('position', i.position,
                        'card_id', i.card_id, 'person', i.provider_person_id,
                        'is_doubtful', i.is_doubtful)
                        order by i.position), '[]')
                    from gate.call_item i where i.call_id = c.call_id and i.live and i.is_async)))
            from gate.call c
            where c.request_id = _request and c.state in ('AWAITING', 'UNKNOWN')
              and c.poll_after <= clock_timestamp()), '[]'));
    -- A run that cannot ask about them leaves them for later, and later each time; one that can says when.
    update gate.call set poll_after = clock_timestamp() + least(interval '1 hour',
        greatest((select poll_wait from gate.setting), (clock_timestamp() - sent_at) / 10))
    where call_id in (
        select c.call_id from gate.call c
        join jsonb_to_recordset(begun->'open_calls') as o (call_id uuid) using (call_id)
        for no key update of c skip locked);
    return begun;
end $$;

create or replace function gate.lock_request(_request uuid, _fence bigint) returns gate.request
language plpgsql as $$
declare
    r gate.request;
begin
    select * into r from gate.request where request_id = _request for no key update;
    if r.fence is distinct from _fence or r.lease_until is null
       or r.lease_until <= clock_timestamp() then
        perform gate.refuse('SXBSY', 'another run took this request over, or the lease ran out');
    end if;
    return r;
end $$;

create or replace function gate.no_permit(_request uuid, _provider text, _why text) returns jsonb
language plpgsql as $$
begin
    update gate.request set stops = stops || jsonb_build_object(_provider, _why)
    where request_id = _request;
    return jsonb_build_object('granted', false, 'reason', _why);
end $$;

-- A run that cannot ask a provider says so, or the request would look done.
create or replace function gate.stop(_request uuid, _fence bigint, _provider text, _why text)
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform gate.lock_request(_request, _fence);
    perform gate.no_permit(_request, _provider, gate.reason_code(_why));
end $$;

-- What is left when a run has nothing more to send.
create or replace function gate.finish(_request uuid, _fence bigint) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    r gate.request := gate.lock_request(_request, _fence);
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
        update gate.request_item i set skip_reason = 'refused'
        where i.request_id = _request and i.version = r.version and i.skip_reason is null
          and exists (select from jsonb_object_keys(r.stops) asked
                      where gate.refused(r, i.position, asked) = 'alone')
          and not exists (select from gate.call c join gate.call_item k using (call_id)
                          where c.request_id = _request and c.version = r.version
                            and k.position = i.position and k.outcome = 'match');
        now_state := case
            when has_open then 'HALTED'
            -- Nobody had a cap for it: it waits for one, and for another approval.
            when exists (select from jsonb_each_text(r.stops) where value = 'budget')
                 and not exists (select from gate.call
                                 where request_id = _request and sent_at is not null) then 'HALTED'
            when exists (select from gate.call where request_id = _request and state = 'UNKNOWN')
                then 'DONE_UNKNOWN'
            else 'DONE' end;
    end if;
    update gate.request set state = now_state, lease_until = null,
        finished_at = coalesce(finished_at, clock_timestamp()),
        event_id = case when now_state = r.state then event_id else audit.append(
            case now_state when 'HALTED' then 'request.halted' else 'request.done' end,
            'run:' || r.run_id, _request::text, 'a' || r.attempt,
            jsonb_build_object('state', now_state, 'stops', (
                select array_agg(key || '=' || value order by key) from jsonb_each_text(r.stops)),
                'spent_micros', (select spent from gate.budget where request_id = _request))) end
    where request_id = _request;
    return jsonb_build_object('state', now_state, 'stops', r.stops);
end $$;
