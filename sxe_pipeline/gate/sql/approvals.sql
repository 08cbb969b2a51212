-- Approvals: by another person, of exactly these bytes, for a while.

create or replace function gate.lock_for_decision(
    _who text, _request uuid, _version int, _content_sha256 text
) returns gate.request language plpgsql as $$
declare
    r gate.request;
begin
    select * into r from gate.request where request_id = _request for no key update;
    if r.request_id is null then
        perform gate.refuse('SXNOF', 'there is no such request; see sxe enrich status');
    end if;
    if _version is distinct from r.version or not exists (
            select from gate.request_version v
            where v.request_id = _request and v.version = _version
              and encode(v.content_sha256, 'hex') = _content_sha256
              and sha256(v.header) = v.content_sha256) then
        perform gate.refuse('SXREF', 'what you looked at is not what is asked for now; '
            'look again: sxe enrich status REQUEST');
    end if;
    if exists (select from gate.request_version v
               where v.request_id = _request and v.edited_by = _who) then
        perform gate.refuse('SXREF', 'who asked for it or edited it does not decide on it');
    end if;
    return r;
end $$;

create or replace function gate.approve(
    _token text, _request uuid, _version int, _content_sha256 text, _reason text,
    _positions int[] default null, _max_micros bigint default null,
    _lost_cards text[] default '{}'
) returns jsonb language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    who text := gate.authenticate(_token, 'approve');
    r gate.request := gate.lock_for_decision(who, _request, _version, _content_sha256);
    total int := (select item_count from gate.request_version
                  where request_id = _request and version = _version);
    made uuid := gen_random_uuid();
    approved int[];
    now_state text;
begin
    if r.state = 'SUBMITTED' and r.decide_by <= clock_timestamp() then
        perform gate.refuse('SXREF', 'the time to decide is over; ask for it again');
    end if;
    if r.state not in ('SUBMITTED', 'PARTIAL', 'APPROVED', 'HALTED', 'DONE', 'DONE_UNKNOWN') then
        perform gate.refuse('SXREF', format('a request that is %s is not approved', lower(r.state)));
    end if;
    if coalesce(trim(_reason), '') = '' then
        perform gate.refuse('SXBAD', 'say why: a reason is part of the record');
    end if;
    if exists (select from unnest(_positions) p where p not between 1 and total) then
        perform gate.refuse('SXBAD', format('the request has the items 1 to %s', total));
    end if;
    insert into gate.approval (approval_id, request_id, version, content_sha256, principal, decision,
        token_sha256, max_micros, positions, lost_cards, reason, expires_at, event_id)
    select made, _request, _version, decode(_content_sha256, 'hex'), who, 'approve',
        sha256(convert_to(_token, 'UTF8')), _max_micros, _positions, _lost_cards, _reason, clock_timestamp() + s.run_within,
        audit.append('request.approved', 'principal:' || who, _request::text, made::text,
            jsonb_build_object('version', _version, 'content_sha256', _content_sha256,
                'items', coalesce(cardinality(_positions), total), 'max_micros', _max_micros,
                'lost_cards', cardinality(_lost_cards), 'reason_sha256', audit.digest_of(_reason)))
    from gate.setting s;
    perform gate.set_request_cap(_request, _version);
    approved := gate.approved_positions(_request, _version);
    now_state := case when approved is null or cardinality(approved) = total then 'APPROVED'
                      when cardinality(approved) > 0 then 'PARTIAL' else r.state end;
    if now_state <> r.state then
        update gate.request set state = now_state, launch_until = null, stops = '{}'
        where request_id = _request;
    end if;
    return jsonb_build_object('approval_id', made, 'request_id', _request, 'state', now_state,
        'approved_items', coalesce(cardinality(approved), total), 'item_count', total,
        'expires_at', (select expires_at from gate.approval where approval_id = made));
exception
    when check_violation then
        perform gate.refuse('SXBAD', 'a part of a request is 1 to 250 items, a maximum is positive');
        return null;
end $$;

create or replace function gate.reject(
    _token text, _request uuid, _version int, _content_sha256 text, _reason text
) returns jsonb language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    who text := gate.authenticate(_token, 'approve');
    r gate.request := gate.lock_for_decision(who, _request, _version, _content_sha256);
begin
    if r.state not in ('SUBMITTED', 'PARTIAL', 'APPROVED') or r.attempt > 0 then
        perform gate.refuse('SXREF', format('a request that is %s is revoked, not rejected',
                                            lower(r.state)));
    end if;
    return gate.end_request(who, r, 'reject', _reason);
end $$;

-- Whoever may approve, and whoever asked, may stop it; nothing needs to match but the id.
create or replace function gate.revoke(_token text, _request uuid, _reason text) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    who text := gate.authenticate(_token, null);
    r gate.request;
begin
    select * into r from gate.request where request_id = _request for no key update;
    if r.request_id is null then
        perform gate.refuse('SXNOF', 'there is no such request; see sxe enrich status');
    end if;
    if not exists (select from gate.request_version v
                   where v.request_id = _request and v.edited_by = who) then
        perform gate.authenticate(_token, 'approve');
    end if;
    if r.state in ('REJECTED', 'EXPIRED', 'REVOKED') then
        perform gate.refuse('SXREF', format('the request is %s already', lower(r.state)));
    end if;
    return gate.end_request(who, r, 'revoke', _reason);
end $$;

create or replace function gate.end_request(_who text, _r gate.request, _decision text, _reason text)
returns jsonb language plpgsql as $$
declare
    event uuid;
    now_state text := case _decision when 'reject' then 'REJECTED' else 'REVOKED' end;
begin
    if coalesce(trim(_reason), '') = '' then
        perform gate.refuse('SXBAD', 'say why: a reason is part of the record');
    end if;
    event := audit.append('request.' || lower(now_state), 'principal:' || _who, _r.request_id::text,
        clock_timestamp()::text, jsonb_build_object('version', _r.version, 'before', _r.state,
            'reason_sha256', audit.digest_of(_reason)));
    insert into gate.approval (request_id, version, content_sha256, principal, decision, reason,
                               event_id)
    select _r.request_id, _r.version, v.content_sha256, _who, _decision, _reason, event
    from gate.request_version v
    where v.request_id = _r.request_id and v.version = _r.version;
    update gate.request set state = now_state, event_id = event, launch_until = null,
        finished_at = clock_timestamp()
    where request_id = _r.request_id;
    return jsonb_build_object('request_id', _r.request_id, 'state', now_state);
end $$;
