-- Transaction 1 of a call: choose the items, price them, reserve the worst case. No amount is taken
-- from outside, and nothing has left yet, so it leaves no event.
create or replace function gate.permit(_request uuid, _fence bigint, _provider text) returns jsonb
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
    refused text;
    positions int[] := '{}';
    cards text[] := '{}';
    survivors text[] := '{}';
    revisions uuid[] := '{}';
    is_waiting boolean := false;
    sync_each bigint := 0;
    async_each bigint := 0;
    budgets bigint[];
    room bigint;
    drawn int;
    n int;
    made uuid := gen_random_uuid();
begin
    r := gate.lock_request(_request, _fence);
    seen := gate.inspect(r, _provider);
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
        -- One claim at a time for one person and whoever was one with it; requests list their cards
        -- in one order.
        perform pg_advisory_xact_lock(hashtextextended('gate/' || (gate.kin(survivor))[1], 0));
        family := gate.family(survivor);
        select case
                when i.inputs is null then 'forgotten'
                when exists (select from privacy.suppression p where p.card_id = any (family))
                    then 'suppressed'
                when exists (select from gate.lost_ask l where l.card_id = any (family)
                             and l.until > clock_timestamp()) then 'maybe_paid'
                when not exists (select from gate.candidate c where c.card_id = i.card_id
                                 and c.withdrawn_at is null) then 'withdrawn'
                when not gate.is_open(seen.policy, seen.header, family, i.platforms)
                    then 'policy' end,
            exists (select from gate.call_item ci where ci.survivor_id = any (family)
                    or ci.inputs_revision = i.inputs_revision)
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
        refused := null;
        for k in 1 .. cardinality(card.needs) loop
            can_match := can_match
                or convert_from(i.inputs, 'UTF8')::jsonb ?& card.needs[k]::text[];
        end loop;
        if not can_match then
            wanted := '{}';
        elsif has_past then
            refused := gate.refused(r, i.position, _provider);
            wanted := case when refused = 'alone' then '{}' else gate.wanted_again(
                r, s, i, survivor, family, _provider, card.content, seen.header) end;
        else
            wanted := every;
        end if;
        if wanted is null then
            is_waiting := true;
        elsif wanted = '{}' then
            update gate.request_item set done_by = done_by || _provider
            where request_id = _request and version = r.version and position = i.position;
        elsif (groups is null or groups = wanted and refused is null) and survivor <> all (survivors)
              and (i.inputs_revision <> all (revisions)
                   or cardinality(gate.kin(survivor)) = 1) then
            groups := wanted;
            positions := positions || i.position;
            cards := cards || i.card_id;
            survivors := survivors || survivor;
            revisions := revisions || i.inputs_revision;
            -- Who was refused together with others goes alone, so that nobody keeps the others back.
            exit when cardinality(positions) = card.batch_max or refused is not null;
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
    from gate.budget where budget_key in (
        gate.budget_key(_request, null, null, null),
        gate.budget_key(null, r.market, null, this_month),
        gate.budget_key(null, null, _provider, this_month),
        gate.budget_key(null, r.market, _provider, this_month));
    n := least(cardinality(positions), greatest(room / (sync_each + async_each), 0));
    -- A budget that nobody made has a cap of 0.
    if cardinality(budgets) < 4 or n = 0 then
        return gate.no_permit(_request, _provider, 'budget');
    end if;

    with called as (
        insert into gate.call (call_id, request_id, version, provider, groups, state, fence,
                               lease_until, micros_per_unit, sync_micros, async_micros)
        values (made, _request, r.version, _provider, groups, 'RESERVED', _fence,
                clock_timestamp() + s.call_lease, card.micros_per_unit,
                n * sync_each, n * async_each)
    ), claimed as (
        insert into gate.call_item (call_id, position, field_group, card_id, survivor_id, provider,
                                    inputs_revision, is_async)
        select made, p.position, g, p.card_id, p.survivor_id, _provider, p.inputs_revision,
               card.is_async[array_position(card.groups, g)]
        from unnest(positions[:n], cards[:n], survivors[:n], revisions[:n])
             as p (position, card_id, survivor_id, inputs_revision)
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
