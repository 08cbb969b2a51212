set local role sxe_owner;

-- Launching: the sensor launches what this returns, and nothing is launched twice within the lease

create function gate.claim_launches(_limit int default 20)
returns table (request_id uuid, version int, attempt int)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
    moment timestamptz := clock_timestamp();
begin
    return query
    update gate.request r
    set attempt = r.attempt + 1, launch_until = moment + (select launch_lease from gate.setting)
    where r.request_id in (
        select o.request_id from gate.request o
        where (o.launch_until is null or o.launch_until <= moment)
          and (o.lease_until is null or o.lease_until <= moment)
          and ((o.state in ('APPROVED', 'PARTIAL')
                and exists (select from gate.live_approval a
                            where a.request_id = o.request_id and a.version = o.version))
            or o.state = 'EXECUTING'
            or exists (
                select from gate.call c
                where c.request_id = o.request_id and c.poll_after <= moment
                  and c.state in ('AWAITING', 'UNKNOWN')))
        order by o.created_at
        limit _limit
        for update skip locked)
    returning r.request_id, r.version, r.attempt;
end $$;

-- A run takes the request over. Only a launch of the gate may: a run that somebody started by hand,
-- a backfill or a second daemon brings no attempt that waits.
create function gate.begin(_request uuid, _attempt int, _run_id text) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    r gate.request;
    v gate.request_version;
    h jsonb;
    approved int[];
    next_fence bigint := nextval('gate.fence');
    now_state text;
    left_over uuid;
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
        now_state := case when exists (select from gate.live_approval
                                       where request_id = _request and version = r.version)
                          then 'EXECUTING' else 'HALTED' end;
    end if;
    -- What an earlier run reserved and did not send is free again: its fence is gone.
    perform from gate.lane where provider in (
        select provider from gate.call where request_id = _request and state = 'RESERVED')
    order by provider for update;
    perform gate.hold_budgets(array(
        select call_id from gate.call where request_id = _request and state = 'RESERVED'));
    for left_over in select call_id from gate.call
                     where request_id = _request and state = 'RESERVED' for update loop
        perform gate.let_go(left_over, 'taken_over', null, 'run:' || _run_id);
    end loop;
    if now_state = 'EXECUTING' then
        approved := gate.approved_positions(_request, r.version);
        update gate.request_item set done_by = '{}',
            skip_reason = case when approved is null or position = any (approved) then null
                               else 'not_approved' end
        where request_id = _request and version = r.version;
    end if;
    update gate.request
    set fence = next_fence, run_id = _run_id, launch_until = null, state = now_state, stops = '{}',
        lease_until = clock_timestamp() + (select call_lease from gate.setting),
        event_id = audit.say('request.begun', 'run:' || _run_id, _request::text, 'a' || _attempt,
            jsonb_build_object('attempt', _attempt, 'state', now_state, 'version', r.version))
    where request_id = _request;
    return jsonb_build_object('fence', next_fence, 'state', now_state, 'header', h,
        'waterfall', h->'waterfall',
        'loopback_only', coalesce((select (content->>'loopback_only')::boolean from gate.policy
            where encode(sha256, 'hex') = h->>'policy_sha256'), true),
        'open_calls', coalesce((
            select jsonb_agg(jsonb_build_object('call_id', c.call_id, 'provider', c.provider,
                'state', c.state, 'provider_request_id', c.provider_request_id,
                'groups', c.groups,
                'items', (select jsonb_agg(jsonb_build_object('position', i.position,
                        'card_id', i.card_id, 'person', i.provider_person_id) order by i.position)
                    from gate.call_item i where i.call_id = c.call_id and i.live and i.is_async)))
            from gate.call c
            where c.request_id = _request and c.state in ('AWAITING', 'UNKNOWN')
              and c.poll_after <= clock_timestamp()), '[]'));
end $$;

create function gate.hold(_request uuid, _fence bigint) returns gate.request
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

-- Why no call may leave now (null when one may), and what was frozen and stands in force. Asked again
-- before every call, so it is one statement. `approved`: the positions that enough persons approved,
-- null for all.
create function gate.look(
    _r gate.request, _provider text, out why text, out header jsonb, out price gate.price_card,
    out policy jsonb, out approved int[], out setting gate.setting
) language plpgsql stable as $$
declare
    f record;
begin
    select s as setting, v.header, v.content_sha256, c as price, c.sha256 as price_sha256,
           p.content as policy, p.sha256 as policy_sha256, l.state, l.cause, l.changed_at,
           a.whole, a.several,
           (select count(*) from gate.call where provider = _provider and state = 'UNKNOWN') as lost
    into f
    from gate.setting s
    join gate.request_version v on v.request_id = _r.request_id and v.version = _r.version
    left join gate.lane l on l.provider = _provider
    left join lateral (select * from gate.price_card o where o.provider = _provider
                       order by o.in_force_since desc limit 1) c on true
    left join lateral (select * from gate.policy o
                       order by o.in_force_since desc limit 1) p on true
    cross join lateral (
        select count(distinct principal) filter (where positions is null) as whole,
               count(distinct principal) as several
        from gate.live_approval o
        where o.request_id = _r.request_id and o.version = _r.version) a;
    header := convert_from(f.header, 'UTF8')::jsonb;
    price := f.price;
    policy := f.policy;
    setting := f.setting;
    why := case
        when _r.state <> 'EXECUTING' then lower(_r.state)
        when sha256(f.header) <> f.content_sha256 then 'tampered'
        when f.several = 0 then 'expired'
        when encode(f.policy_sha256, 'hex') is distinct from header->>'policy_sha256'
            then 'policy_changed'
        when encode(f.price_sha256, 'hex') is distinct from header->'price_cards'->>_provider
            then 'price_changed'
        when f.state = 'killed' then 'killed'
        when f.state = 'open' and (f.cause <> 'failures'
                                   or f.changed_at + setting.breaker_rest > clock_timestamp())
            then 'lane_open'
        when f.lost >= setting.max_unknown_open then 'unknown_open' end;
    if f.whole < setting.quorum then
        approved := gate.approved_positions(_r.request_id, _r.version);
    end if;
end $$;

-- The groups that this item still wants from this provider; an empty list when there is none.
-- null: an answer for it is on its way, ask again later.
create function gate.wanted_groups(
    _family text[], _fingerprint uuid, _provider text, _price jsonb, _fields jsonb
) returns text[] language plpgsql stable as $$
declare
    sold record;
    wish text;
    wanted text[] := '{}';
    in_flight boolean := false;
begin
    for sold in select key, value from jsonb_each(_price->'sells') order by key loop
        for wish in select f from jsonb_array_elements_text(sold.value->'gives') f
                     where _fields ? f loop
            continue when gate.is_known(_family, wish);
            continue when exists (
                select from gate.answer a
                where a.card_id = any (_family) and a.provider = _provider and a.field = wish
                  and a.outcome <> 'match' and a.fingerprint = _fingerprint
                  and a.valid_until > clock_timestamp());
            if exists (
                select from gate.call_item i
                where i.survivor_id = any (_family) and i.live
                  and i.field_group in (wish, 'person')) then
                in_flight := true;
                continue;
            end if;
            wanted := wanted || sold.key;
            exit;
        end loop;
    end loop;
    if in_flight and wanted = '{}' then return null; end if;
    return wanted;
end $$;

-- Paid and lost, or never known: not sent again under an approval that is older than that.
create function gate.is_lost(_r gate.request, _family text[], _provider text) returns boolean
language sql stable as $$
    select exists (
        select from gate.call_item i join gate.call c using (call_id)
        where i.survivor_id = any (_family) and i.provider = _provider
          and i.outcome in ('paid_lost', 'unknown_free')
          and not exists (
              select from gate.live_approval a
              where a.request_id = _r.request_id and a.version = _r.version
                and a.made_at > c.resolved_at
                and (i.outcome = 'unknown_free' or a.lost_cards && _family)));
$$;

-- The same for somebody who was asked about before.
create function gate.wanted_again(
    _r gate.request, _s gate.setting, _i gate.request_item, _family text[], _provider text,
    _price jsonb, _header jsonb
) returns text[] language plpgsql stable as $$
begin
    if gate.is_lost(_r, _family, _provider) then return '{}'; end if;
    if (select count(distinct c.call_id) from gate.call_item ci join gate.call c using (call_id)
        where ci.survivor_id = any (_family) and c.fence = _r.fence and c.provider = _provider
          and c.state = 'RELEASED') >= _s.max_tries then
        return '{}';
    end if;
    return gate.wanted_groups(_family, _i.fingerprint, _provider, _price, _header->'fields');
end $$;

-- Transaction 1 of a call: choose the items, price them, reserve the worst case. No amount is taken
-- from outside, and nothing has left yet, so it leaves no event.
create function gate.permit(_request uuid, _fence bigint, _provider text) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan as $$
declare
    s gate.setting;
    r gate.request;
    seen record;
    card gate.price_card;
    this_month date := date_trunc('month', clock_timestamp() at time zone 'UTC');
    why text;
    has_past boolean;
    can_match boolean;
    i gate.request_item;
    survivor text;
    family text[];
    groups text[];
    every text[] := '{}';
    wanted text[];
    places int[] := '{}';
    cards text[] := '{}';
    survivors text[] := '{}';
    fingerprints uuid[] := '{}';
    is_waiting boolean := false;
    sync_each bigint := 0;
    async_each bigint := 0;
    budgets bigint[];
    room bigint;
    drawn int;
    n int;
    made uuid := gen_random_uuid();
begin
    r := gate.hold(_request, _fence);
    seen := gate.look(r, _provider);
    s := seen.setting;
    if seen.why is not null then
        return gate.no_permit(_request, _provider, seen.why);
    end if;
    card := seen.price;
    -- What is wanted of somebody who was never asked about.
    for k in 1 .. cardinality(card.groups) loop
        if (card.gives_email[k] and seen.header->'fields' ? 'email')
           or (card.gives_phone[k] and seen.header->'fields' ? 'phone') then
            every := every || card.groups[k];
        end if;
    end loop;

    for i in select * from gate.request_item
             where request_id = _request and version = r.version and skip_reason is null
               and _provider <> all (done_by)
               and (seen.approved is null or position = any (seen.approved))
             order by position loop
        survivor := gate.survivor(i.card_id);
        -- One claim at a time for one person; requests list their cards in one order.
        perform pg_advisory_xact_lock(hashtextextended('gate/' || survivor, 0));
        family := gate.family(survivor);
        select case
                when i.inputs is null then 'forgotten'
                when exists (select from privacy.suppression p where p.card_id = any (family))
                    then 'suppressed'
                when not exists (select from gate.candidate c where c.card_id = i.card_id
                                 and c.withdrawn_at is null) then 'withdrawn'
                when not (select is_allowed from gate.policy_allows(
                              seen.policy, i.platforms, seen.header->>'match_basis',
                              seen.header->>'purpose')) then 'policy' end,
            exists (select from gate.call_item ci where ci.survivor_id = any (family))
            or exists (select from gate.answer a where a.card_id = any (family))
        into why, has_past;
        if why is not null then
            update gate.request_item set skip_reason = why
            where request_id = _request and version = r.version and position = i.position;
            continue;
        end if;
        if sha256(i.nonce || i.inputs) <> i.item_sha256 then
            return gate.no_permit(_request, _provider, 'tampered');
        end if;
        can_match := false;
        for k in 1 .. cardinality(card.needs) loop
            can_match := can_match
                or convert_from(i.inputs, 'UTF8')::jsonb ?& card.needs[k]::text[];
        end loop;
        if not can_match then
            wanted := '{}';
        elsif has_past then
            wanted := gate.wanted_again(r, s, i, family, _provider, card.content, seen.header);
        else
            wanted := every;
        end if;
        if wanted is null then
            is_waiting := true;
        elsif wanted = '{}' then
            update gate.request_item set done_by = done_by || _provider
            where request_id = _request and version = r.version and position = i.position;
        elsif (groups is null or groups = wanted) and survivor <> all (survivors) then
            groups := wanted;
            places := places || i.position;
            cards := cards || i.card_id;
            survivors := survivors || survivor;
            fingerprints := fingerprints || i.fingerprint;
            exit when cardinality(places) = (card.content->>'batch_max')::int;
        end if;
    end loop;
    if groups is null then
        return gate.no_permit(_request, _provider,
                              case when is_waiting then 'in_flight' else 'nothing_left' end);
    end if;

    for k in 1 .. cardinality(card.groups) loop
        if card.groups[k] = any (groups) and card.is_async[k] then
            async_each := async_each + card.worst_micros[k];
        elsif card.groups[k] = any (groups) then
            sync_each := sync_each + card.worst_micros[k];
        end if;
    end loop;
    -- The four budgets that the call draws on; the month is the database's.
    select array_agg(budget_id), min(cap - reserved - spent - overrun) into budgets, room
    from gate.budget where slot in (
        gate.budget_slot(_request, null, null, null),
        gate.budget_slot(null, r.market, null, this_month),
        gate.budget_slot(null, null, _provider, this_month),
        gate.budget_slot(null, r.market, _provider, this_month));
    n := least(cardinality(places), greatest(room / (sync_each + async_each), 0));
    -- A budget that nobody made has a cap of 0.
    if cardinality(budgets) < 4 or n = 0 then
        return gate.no_permit(_request, _provider, 'budget');
    end if;

    with called as (
        insert into gate.call (call_id, request_id, version, provider, groups, state, fence,
                               lease_until, micros_per_unit, sync_micros, async_micros)
        values (made, _request, r.version, _provider, groups, 'RESERVED', _fence,
                clock_timestamp() + s.call_lease, (card.content->>'micros_per_unit')::bigint,
                n * sync_each, n * async_each)
    ), claimed as (
        insert into gate.call_item (call_id, position, field_group, card_id, survivor_id, provider,
                                    fingerprint, is_async)
        select made, p.position, g, p.card_id, p.survivor_id, _provider, p.fingerprint,
               card.is_async[array_position(card.groups, g)]
        from unnest(places[:n], cards[:n], survivors[:n], fingerprints[:n])
             as p (position, card_id, survivor_id, fingerprint)
        cross join unnest(groups) g
    )
    insert into gate.transfer (budget_id, call_id, part, kind, amount)
    select b, made, part, 'reserve', amount
    from unnest(budgets) b
    cross join (values ('sync', n * sync_each), ('async', n * async_each)) x (part, amount)
    where amount > 0;
    if r.lease_until < clock_timestamp() + s.call_lease / 2 then
        update gate.request set lease_until = clock_timestamp() + s.call_lease
        where request_id = _request;
    end if;
    -- Nothing leaves before SENDING is on disk, and the log goes to disk in its order, this permit
    -- before it. So nobody waits for the disk while holding the rows that everybody wants.
    perform set_config('synchronous_commit', 'off', true);
    -- Those rows come last, in the order of their ids. A row that waited for another transaction is
    -- compared as that one left it.
    perform from gate.budget
    where budget_id = any (budgets)
      and reserved + spent + overrun + n * (sync_each + async_each) <= cap
    order by budget_id for no key update;
    get diagnostics drawn = row_count;
    if drawn < cardinality(budgets) then
        perform gate.refuse('SXBSY', 'another call took what was left of a budget; ask again');
    end if;
    update gate.budget set reserved = reserved + n * (sync_each + async_each)
    where budget_id = any (budgets);
    return jsonb_build_object('granted', true, 'call_id', made, 'items', n, 'groups', groups,
        'reserved_micros', n * (sync_each + async_each));
end $$;

create function gate.no_permit(_request uuid, _provider text, _why text) returns jsonb
language plpgsql as $$
begin
    update gate.request set stops = stops || jsonb_build_object(_provider, _why)
    where request_id = _request;
    return jsonb_build_object('granted', false, 'reason', _why);
end $$;

-- A run that cannot ask a provider says so, or the request would look done.
create function gate.stop(_request uuid, _fence bigint, _provider text, _why text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform gate.hold(_request, _fence);
    perform gate.no_permit(_request, _provider, gate.word(_why));
end $$;

-- Transaction 2: everything is looked at once more, and the row says SENDING before anything leaves.
create function gate.sending(_call uuid, _fence bigint) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan as $$
declare
    s gate.setting;
    r gate.request;
    c gate.call;
    l gate.lane;
    seen record;
    why text;
    items jsonb;
begin
    select * into c from gate.call where call_id = _call;
    if c.call_id is null then perform gate.refuse('SXNOF', 'there is no such call'); end if;
    r := gate.hold(c.request_id, _fence);
    select * into l from gate.lane where provider = c.provider for update;
    select * into c from gate.call where call_id = _call for update;
    if c.state <> 'RESERVED' or c.fence <> _fence or c.lease_until <= clock_timestamp() then
        perform gate.refuse('SXBSY', 'the call is no longer this run''s');
    end if;
    seen := gate.look(r, c.provider);
    s := seen.setting;
    if s.call_lease <= s.send_deadline then
        perform gate.refuse('SXREF', 'the lease of a call must outlive its deadline; settings');
    end if;
    if l.busy_call is not null then
        return jsonb_build_object('send', false, 'reason', 'lane_busy');
    end if;
    why := seen.why;
    if why is null and (c.version <> r.version
            or encode(gate.items_sha256(c.request_id, c.version), 'hex') <> seen.header->>'items_sha256'
            or exists (select from gate.request_item i join gate.call_item ci
                       on ci.call_id = _call and ci.position = i.position
                       where i.request_id = c.request_id and i.version = c.version
                         and (i.card_id <> ci.card_id or i.inputs is null
                              or sha256(i.nonce || i.inputs) <> i.item_sha256))) then
        why := 'tampered';
    end if;
    -- What approved these items may have run out since the permit, while another approval lives.
    if why is null and seen.approved is not null and exists (
            select from gate.call_item ci
            where ci.call_id = _call and ci.position <> all (seen.approved)) then
        why := 'expired';
    end if;
    if why is null and exists (
            select from gate.call_item ci
            where ci.call_id = _call and (
                privacy.is_suppressed(gate.family(gate.survivor(ci.card_id)))
                or not exists (select from gate.candidate k
                               where k.card_id = ci.card_id and k.withdrawn_at is null))) then
        why := 'item_closed';
    end if;
    if why is not null then
        perform gate.let_go(_call, why, null, 'run:' || r.run_id);
        if why <> 'item_closed' then perform gate.no_permit(c.request_id, c.provider, why); end if;
        return jsonb_build_object('send', false, 'reason', why);
    end if;
    if l.state = 'open' then
        perform gate.move_lane(c.provider, 'half_open', 'probe', 'run:' || r.run_id);
    end if;
    update gate.lane set busy_call = _call where provider = c.provider;
    update gate.call set state = 'SENDING', sent_at = clock_timestamp(),
        lease_until = clock_timestamp() + s.call_lease
    where call_id = _call;
    update gate.request set lease_until = clock_timestamp() + s.call_lease
    where request_id = c.request_id;
    perform gate.step(c, 'SENDING', 'call.sending', 'run:' || r.run_id, jsonb_build_object(
        'reserved_micros', c.sync_micros + c.async_micros,
        'items', (select count(distinct position) from gate.call_item where call_id = _call)));
    select jsonb_agg(jsonb_build_object('position', i.position, 'card_id', i.card_id,
               'inputs', convert_from(i.inputs, 'UTF8')::jsonb) order by i.position)
    into items
    from gate.request_item i
    where i.request_id = c.request_id and i.version = c.version and i.position in (
        select position from gate.call_item where call_id = _call);
    return jsonb_build_object('send', true, 'items', items, 'groups', c.groups);
end $$;

-- One event for one move of a call; its row keeps the event's id.
create function gate.step(_c gate.call, _state text, _kind text, _actor text, _data jsonb)
returns void language plpgsql as $$
declare
    next_step int := 1 + (select count(*) from gate.call_step where call_id = _c.call_id);
begin
    insert into gate.call_step (call_id, step, state, event_id)
    values (_c.call_id, next_step, _state,
            audit.say(_kind, _actor, _c.request_id::text, _c.call_id || '/' || next_step,
                _data || jsonb_build_object('call_id', _c.call_id, 'provider', _c.provider)));
end $$;

reset role;
