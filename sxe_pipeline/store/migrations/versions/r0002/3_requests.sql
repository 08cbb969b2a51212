set local role sxe_owner;

-- Candidates: what the cards let go to the gate, and nothing else of them

create function gate.put_candidates(
    _generation uuid, _card_ids text[], _markets text[], _pools text[], _platforms jsonb[],
    _inputs jsonb[]
) returns int language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    put int;
begin
    insert into gate.candidate as c
        (card_id, market, audience_pool, platforms, inputs, fingerprint, generation)
    select n.card_id, n.market, n.pool, array(select jsonb_array_elements_text(n.platforms)),
           n.inputs, gen_random_uuid(), _generation
    from unnest(_card_ids, _markets, _pools, _platforms, _inputs)
        as n (card_id, market, pool, platforms, inputs)
    on conflict (card_id) do update set
        market = excluded.market, audience_pool = excluded.audience_pool,
        platforms = excluded.platforms, inputs = excluded.inputs,
        generation = excluded.generation, updated_at = clock_timestamp(), withdrawn_at = null,
        -- Random, and new when the inputs are: the hash of a name could be guessed.
        fingerprint = case when c.inputs = excluded.inputs then c.fingerprint
                           else excluded.fingerprint end;
    get diagnostics put = row_count;
    return put;
end $$;

create function gate.withdraw_candidates(_generation uuid) returns int
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    gone int;
begin
    update gate.candidate set withdrawn_at = clock_timestamp(), inputs = null
    where generation <> _generation and withdrawn_at is null;
    get diagnostics gone = row_count;
    return gone;
end $$;

create function gate.current_price(_provider text) returns gate.price_card
language sql stable as $$
    select p from gate.price_card p where p.provider = _provider
    order by p.in_force_since desc limit 1;
$$;

create function gate.current_policy() returns gate.policy
language sql stable as $$
    select p from gate.policy p order by p.in_force_since desc limit 1;
$$;

-- Closed by default: every platform that the card stands on must allow basis and purpose.
create function gate.policy_allows(
    _policy jsonb, _platforms text[], _match_basis text, _purpose text
) returns table (is_allowed boolean) language sql immutable as $$
    select bool_and(coalesce(
        _policy->'platforms'->p->'enrichment'->'match_bases' ? _match_basis
        and _policy->'platforms'->p->'enrichment'->'purposes' ? _purpose, false))
    from unnest(_platforms) p;
$$;

-- A provider can recognise somebody when one of the sets that it needs is there in full.
create function gate.is_matchable(_price jsonb, _inputs jsonb) returns boolean
language sql immutable as $$
    select exists (
        select from jsonb_array_elements(_price->'needs') one
        where _inputs ?& array(select jsonb_array_elements_text(one)));
$$;

-- A value of this field is known and fresh, whoever gave it.
create function gate.is_known(_family text[], _field text) returns boolean
language sql stable as $$
    select exists (
        select from gate.answer a
        where a.card_id = any (_family) and a.field = _field and a.outcome = 'match'
          and a.valid_until > clock_timestamp());
$$;

create function gate.check_spec(_spec jsonb) returns void
language plpgsql stable as $$
declare
    name text;
    price gate.price_card;
    n int := coalesce(jsonb_array_length(_spec->'card_ids'), (_spec->>'limit')::int);
begin
    if n is null or n not between 1 and 250 then
        perform gate.refuse('SXBAD', format('a request has 1 to 250 cards, not %s', n));
    end if;
    if not coalesce(_spec->'fields' <@ '["email","phone"]'
                    and jsonb_array_length(_spec->'fields') > 0, false) then
        perform gate.refuse('SXBAD', 'the fields of a request are email, phone, or both');
    end if;
    foreach name in array '{market,purpose,legal_basis,match_basis,permissible_purpose}'::text[] loop
        if coalesce(trim(_spec->>name), '') = '' then
            perform gate.refuse('SXBAD', format('the request does not say its %s', name));
        end if;
    end loop;
    if coalesce(jsonb_array_length(_spec->'waterfall'), 0) = 0 then
        perform gate.refuse('SXBAD', 'no provider has a price card; two people set one '
            '(sxe budget propose, then confirm)');
    end if;
    if (select count(distinct w) <> count(*) from jsonb_array_elements(_spec->'waterfall') w) then
        perform gate.refuse('SXBAD', 'a provider stands twice in the waterfall');
    end if;
    for name in select jsonb_array_elements_text(_spec->'waterfall') loop
        price := gate.current_price(name);
        if price.provider is null then
            perform gate.refuse('SXBAD', format('provider %s has no price card', name));
        end if;
    end loop;
    if (_spec->>'max_micros')::bigint <= 0 then
        perform gate.refuse('SXBAD', 'the maximum of a request is a positive amount');
    end if;
exception when invalid_text_representation or numeric_value_out_of_range then
    perform gate.refuse('SXBAD', 'limit and max_micros are whole numbers');
end $$;

-- Own waterfall: what a found field is expected to cost decides the order, cheapest first.
create function gate.waterfall(_fields jsonb) returns jsonb
language sql stable as $$
    select coalesce(jsonb_agg(provider order by cost, provider), '[]')
    from (
        select l.provider, min((s.value->>'worst_units_micro')::numeric
                * (p.content->>'micros_per_unit')::numeric
                / greatest((s.value->>'hit_share')::numeric, 0.001)
                / (select count(*) from jsonb_array_elements(s.value->'gives') g
                   where _fields @> jsonb_build_array(g))) as cost
        from gate.lane l
        cross join lateral gate.current_price(l.provider) p
        cross join lateral jsonb_each(p.content->'sells') s
        where exists (select from jsonb_array_elements(s.value->'gives') g
                      where _fields @> jsonb_build_array(g))
        group by l.provider) ranked;
$$;

-- Which cards, why the others not, and what it may cost. Reads only.
create function gate.plan(_spec jsonb) returns jsonb
language plpgsql stable as $$
declare
    policy gate.policy := gate.current_policy();
    asked text[] := array(select jsonb_array_elements_text(_spec->'card_ids'));
    has_list boolean := _spec->'card_ids' is not null;
    fields text[] := array(select jsonb_array_elements_text(_spec->'fields') order by 1);
    counts jsonb;
    items jsonb;
    forecast jsonb;
begin
    if policy.sha256 is null then
        perform gate.refuse('SXREF', 'no policy is in force, so every platform is closed; '
            'two people set one (sxe budget propose, then confirm)');
    end if;
    -- Thousands of candidates are looked at: whatever asks a function does so for the few that have
    -- an alias or a past.
    with prices as materialized (
        select w.provider, w.place, p.content
        from jsonb_array_elements_text(_spec->'waterfall') with ordinality w (provider, place)
        cross join lateral gate.current_price(w.provider) p
    ), needs as materialized (
        select provider, array(select jsonb_array_elements_text(one)) as names
        from prices cross join lateral jsonb_array_elements(content->'needs') one
    ), looked as materialized (
        select c.card_id, c.inputs, c.fingerprint, c.platforms,
               case when a.card_id is null then c.card_id else gate.survivor(c.card_id) end
                   as survivor
        from gate.candidate c left join social.alias a on a.card_id = c.card_id
        where c.withdrawn_at is null and c.market = _spec->>'market'
          and (_spec->>'pool' is null or c.audience_pool = _spec->>'pool')
          and (not has_list or c.card_id = any (asked))
    ), allowed as materialized (
        select platforms, is_allowed
        from (select distinct platforms from looked) d
        cross join gate.policy_allows(policy.content, platforms, _spec->>'match_basis',
                                      _spec->>'purpose')
    ), judged as materialized (
        select l.*, f.family, h.has_history, al.is_allowed,
            exists (select from privacy.suppression s where s.card_id = any (f.family))
                as is_suppressed,
            exists (select from needs n where l.inputs ?& n.names) as is_matchable,
            case when h.has_history then (
                    select bool_or(l.inputs ?& n.names and coalesce(gate.wanted_groups(f.family,
                        l.fingerprint, n.provider, p.content, _spec->'fields'), '{}') <> '{}')
                    from needs n join prices p using (provider))
                else exists (select from needs n where l.inputs ?& n.names) end as is_askable,
            h.has_history and (select bool_and(gate.is_known(f.family, field))
                               from unnest(fields) field) as is_known
        from looked l join allowed al using (platforms)
        cross join lateral (select case
            when exists (select from social.alias a where a.survivor_card_id = l.survivor)
            then gate.family(l.survivor) else array[l.survivor] end as family) f
        cross join lateral (select
            exists (select from gate.answer a where a.card_id = any (f.family))
            or exists (select from gate.call_item i
                       where i.survivor_id = any (f.family) and i.live) as has_history) h
    ), chosen as materialized (
        -- Two ids of one person are one card: the lowest id stands for both.
        select distinct on (survivor) * from judged
        where is_allowed and not is_suppressed and (is_askable or is_known)
        order by survivor, card_id
    ), taken as materialized (
        -- In the order of the ids, so that two permits lock their cards in one order.
        select * from (
            select * from chosen
            order by is_known, card_id
            limit case when has_list then 250 else (_spec->>'limit')::int end) few
        order by survivor
    )
    select jsonb_build_object(
            'looked_at', (select count(*) from judged),
            'suppressed', (select count(*) from judged where is_suppressed),
            'closed_by_policy', (select count(*) from judged where not is_allowed),
            'not_matchable', (select count(*) from judged
                where is_allowed and not is_suppressed and not is_matchable and not is_known),
            'asked_before', (select count(*) from judged where is_allowed and not is_suppressed
                and is_matchable and not is_askable and not is_known),
            'known_and_fresh', (select count(*) from taken where is_known),
            'chosen', (select count(*) from taken)),
        (select jsonb_agg(jsonb_build_object('card_id', card_id, 'inputs', inputs,
            'fingerprint', fingerprint, 'platforms', platforms) order by survivor) from taken),
        (select coalesce(jsonb_agg(jsonb_build_object('provider', provider, 'group', field_group,
                'matchable', n, 'min_micros', 0, 'expected_micros', expected,
                'worst_micros', worst) order by place, field_group), '[]')
         from (
            select p.place, p.provider, g.key as field_group, count(*) as n,
                   round(sum(micros * (g.value->>'hit_share')::numeric)) as expected,
                   sum(micros) as worst
            from prices p
            cross join lateral jsonb_each(p.content->'sells') g
            cross join lateral (select gate.micros((g.value->>'worst_units_micro')::bigint,
                (p.content->>'micros_per_unit')::bigint) as micros) m
            join taken t on gate.is_matchable(p.content, t.inputs)
                and (not t.has_history or g.key = any (gate.wanted_groups(t.family, t.fingerprint,
                    p.provider, p.content, _spec->'fields')))
            where exists (select from unnest(fields) f
                where g.value->'gives' ? f and not gate.is_known(t.family, f))
            group by 1, 2, 3) priced)
    into counts, items, forecast;
    return jsonb_build_object('counts', counts, 'items', coalesce(items, '[]'),
        'forecast', forecast, 'policy_sha256', encode(policy.sha256, 'hex'),
        'worst_micros', (select coalesce(sum((f->>'worst_micros')::bigint), 0)
                         from jsonb_array_elements(forecast) f),
        'unknown_cards', (select count(*) from unnest(asked) a
            where not exists (select from gate.candidate c
                              where c.card_id = a and c.market = _spec->>'market')),
        'withdrawn_cards', (select count(*) from gate.candidate c
            where c.card_id = any (asked) and c.withdrawn_at is not null));
end $$;

-- A charge in the smallest unit of money: a fraction is rounded up.
create function gate.micros(_units_micro bigint, _micros_per_unit bigint) returns bigint
language sql immutable as $$
    select ceil(_units_micro::numeric * _micros_per_unit / 1000000)::bigint;
$$;

-- Ask for contact data; without _is_final it only says what would be asked for.
create function gate.submit(_token text, _spec jsonb, _is_final boolean) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    who text := gate.who(_token, 'request');
    spec jsonb := _spec;
    plan jsonb;
    made uuid := coalesce((_spec->>'request_id')::uuid, gen_random_uuid());
    next_version int := 1;
    header jsonb;
    content bytea;
    lost int;
    before gate.request;
begin
    if spec->'waterfall' is null then
        spec := spec || jsonb_build_object('waterfall', gate.waterfall(spec->'fields'));
    end if;
    perform gate.check_spec(spec);
    plan := gate.plan(spec);
    lost := jsonb_array_length(coalesce(spec->'card_ids', '[]'));
    if lost > 0 and lost <> jsonb_array_length(plan->'items') then
        perform gate.refuse('SXREF', format(
            '%s of %s cards cannot be asked for: %s unknown in this market, %s withdrawn, '
            '%s suppressed, %s closed by policy, %s without what a provider needs, %s asked before without an '
            'answer; the rest are one person twice',
            lost - jsonb_array_length(plan->'items'), lost, plan->>'unknown_cards',
            plan->>'withdrawn_cards', plan->'counts'->>'suppressed',
            plan->'counts'->>'closed_by_policy', plan->'counts'->>'not_matchable',
            plan->'counts'->>'asked_before'));
    end if;
    spec := spec || jsonb_build_object('max_micros',
        coalesce((spec->>'max_micros')::bigint, greatest((plan->>'worst_micros')::bigint, 1)));
    if not _is_final then
        return (plan - 'items') || jsonb_build_object(
            'waterfall', spec->'waterfall', 'max_micros', spec->'max_micros');
    end if;
    if jsonb_array_length(plan->'items') = 0 then
        perform gate.refuse('SXREF', format('no card can be asked for: %s looked at, %s '
            'suppressed, %s closed by policy, %s without what a provider needs, %s asked before '
            'without an answer',
            plan->'counts'->>'looked_at', plan->'counts'->>'suppressed',
            plan->'counts'->>'closed_by_policy', plan->'counts'->>'not_matchable',
            plan->'counts'->>'asked_before'));
    end if;
    select * into before from gate.request where request_id = made for update;
    if before.request_id is not null then
        if before.state not in ('SUBMITTED', 'APPROVED', 'PARTIAL', 'REJECTED', 'EXPIRED', 'REVOKED')
           or before.attempt > 0 then
            perform gate.refuse('SXREF', 'a request that was begun is not edited; make another');
        end if;
        next_version := before.version + 1;
    elsif _spec->>'request_id' is not null then
        perform gate.refuse('SXNOF', 'there is no such request');
    end if;

    insert into gate.request_item (request_id, version, position, card_id, inputs, nonce,
                                   item_sha256, fingerprint, platforms)
    select made, next_version, i.place, i.item->>'card_id', i.bytes, i.nonce,
           sha256(i.nonce || i.bytes), (i.item->>'fingerprint')::uuid,
           array(select jsonb_array_elements_text(i.item->'platforms'))
    from (
        select item, place, convert_to(audit.canonical(item->'inputs'), 'UTF8') as bytes,
               uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) as nonce
        from jsonb_array_elements(plan->'items') with ordinality x (item, place)) i;

    header := jsonb_build_object(
        'request_id', made, 'version', next_version, 'market', spec->'market',
        'fields', (select jsonb_agg(f order by f) from jsonb_array_elements(spec->'fields') f),
        'waterfall', spec->'waterfall',
        'price_cards', (select jsonb_object_agg(w, encode((gate.current_price(w)).sha256, 'hex'))
                        from jsonb_array_elements_text(spec->'waterfall') w),
        'max_micros', spec->'max_micros', 'purpose', spec->'purpose',
        'legal_basis', spec->'legal_basis', 'match_basis', spec->'match_basis',
        'permissible_purpose', spec->'permissible_purpose',
        'policy_sha256', plan->'policy_sha256',
        'item_count', jsonb_array_length(plan->'items'),
        'items_sha256', encode(gate.items_sha256(made, next_version), 'hex'));
    content := convert_to(audit.canonical(header), 'UTF8');

    if next_version = 1 then
        insert into gate.request (request_id, version, market, state, created_by, decide_by, event_id)
        select made, 1, spec->>'market', 'SUBMITTED', who, clock_timestamp() + s.decide_within,
               audit.say('request.submitted', 'principal:' || who, made::text, 'v1',
                         gate.said_of(header, content))
        from gate.setting s;
        insert into gate.budget (request_id, cap) values (made, 0);
    else
        update gate.request set version = next_version, state = 'SUBMITTED',
            market = spec->>'market',
            decide_by = clock_timestamp() + (select decide_within from gate.setting),
            event_id = audit.say('request.submitted', 'principal:' || who, made::text,
                                 'v' || next_version, gate.said_of(header, content))
        where request_id = made;
        update gate.budget set cap = 0 where request_id = made;
    end if;
    insert into gate.request_version
        (request_id, version, header, content_sha256, item_count, edited_by, event_id)
    select made, next_version, content, sha256(content), jsonb_array_length(plan->'items'), who,
           r.event_id
    from gate.request r where r.request_id = made;
    return (plan - 'items') || jsonb_build_object(
        'request_id', made, 'version', next_version, 'content_sha256',
        encode(sha256(content), 'hex'), 'waterfall', spec->'waterfall',
        'max_micros', spec->'max_micros', 'item_count', jsonb_array_length(plan->'items'));
end $$;

create function gate.said_of(_header jsonb, _content bytea) returns jsonb
language sql immutable as $$
    select jsonb_build_object('content_sha256', encode(sha256(_content), 'hex'),
        'items', _header->'item_count', 'max_micros', _header->'max_micros',
        'fields', _header->'fields', 'waterfall', _header->'waterfall');
$$;

create function gate.items_sha256(_request uuid, _version int) returns bytea
language sql stable as $$
    select sha256(convert_to(string_agg(
        concat_ws(' ', position, card_id, encode(item_sha256, 'hex')), E'\n' order by position), 'UTF8'))
    from gate.request_item where request_id = _request and version = _version;
$$;

-- Approvals: by another person, of exactly these bytes, for a while

create view gate.live_approval as
    select a.* from gate.approval a join gate.request_version v using (request_id, version)
    where a.decision = 'approve' and a.expires_at > clock_timestamp()
      and a.content_sha256 = v.content_sha256
      and not exists (
          select from gate.approval other
          where other.request_id = a.request_id and other.version = a.version
            and other.decision <> 'approve' and other.made_at >= a.made_at);

-- The positions that enough persons approved; null means all of them.
create function gate.approved_positions(_request uuid, _version int) returns int[]
language plpgsql stable as $$
declare
    wanted int := (select quorum from gate.setting);
    whole int;
    any_at_all int;
begin
    select count(distinct principal) filter (where positions is null), count(distinct principal)
    into whole, any_at_all
    from gate.live_approval where request_id = _request and version = _version;
    if whole >= wanted then return null; end if;
    if any_at_all < wanted then return '{}'; end if;
    return array(
        select i.position
        from gate.request_item i
        join gate.live_approval a using (request_id, version)
        where i.request_id = _request and i.version = _version
          and (a.positions is null or i.position = any (a.positions))
        group by i.position having count(distinct a.principal) >= wanted
        order by i.position);
end $$;

create function gate.set_request_cap(_request uuid, _version int) returns void
language plpgsql as $$
begin
    update gate.budget set cap = greatest(reserved + spent, (
        select least(min(a.max_micros),
                     (convert_from(v.header, 'UTF8')::jsonb->>'max_micros')::bigint)
        from gate.request_version v
        left join gate.live_approval a using (request_id, version)
        where v.request_id = _request and v.version = _version
        group by v.header))
    where request_id = _request;
end $$;

create function gate.hold_for_decision(
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

create function gate.approve(
    _token text, _request uuid, _version int, _content_sha256 text, _reason text,
    _positions int[] default null, _max_micros bigint default null,
    _lost_cards text[] default '{}'
) returns jsonb language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    who text := gate.who(_token, 'approve');
    r gate.request := gate.hold_for_decision(who, _request, _version, _content_sha256);
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
        max_micros, positions, lost_cards, reason, expires_at, event_id)
    select made, _request, _version, decode(_content_sha256, 'hex'), who, 'approve', _max_micros,
        _positions, _lost_cards, _reason, clock_timestamp() + s.run_within,
        audit.say('request.approved', 'principal:' || who, _request::text, made::text,
            jsonb_build_object('version', _version, 'content_sha256', _content_sha256,
                'items', coalesce(cardinality(_positions), total), 'max_micros', _max_micros,
                'lost_cards', cardinality(_lost_cards)))
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

create function gate.reject(
    _token text, _request uuid, _version int, _content_sha256 text, _reason text
) returns jsonb language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    who text := gate.who(_token, 'approve');
    r gate.request := gate.hold_for_decision(who, _request, _version, _content_sha256);
begin
    if r.state not in ('SUBMITTED', 'PARTIAL', 'APPROVED') or r.attempt > 0 then
        perform gate.refuse('SXREF', format('a request that is %s is revoked, not rejected',
                                            lower(r.state)));
    end if;
    return gate.take_back(who, r, 'reject', _reason);
end $$;

-- Whoever may approve, and whoever asked, may stop it; nothing needs to match but the id.
create function gate.revoke(_token text, _request uuid, _reason text) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    who text := gate.who(_token, null);
    r gate.request;
begin
    select * into r from gate.request where request_id = _request for no key update;
    if r.request_id is null then
        perform gate.refuse('SXNOF', 'there is no such request; see sxe enrich status');
    end if;
    if not exists (select from gate.request_version v
                   where v.request_id = _request and v.edited_by = who) then
        perform gate.who(_token, 'approve');
    end if;
    if r.state in ('REJECTED', 'EXPIRED', 'REVOKED') then
        perform gate.refuse('SXREF', format('the request is %s already', lower(r.state)));
    end if;
    return gate.take_back(who, r, 'revoke', _reason);
end $$;

create function gate.take_back(_who text, _r gate.request, _decision text, _reason text)
returns jsonb language plpgsql as $$
declare
    event uuid;
    now_state text := case _decision when 'reject' then 'REJECTED' else 'REVOKED' end;
begin
    if coalesce(trim(_reason), '') = '' then
        perform gate.refuse('SXBAD', 'say why: a reason is part of the record');
    end if;
    event := audit.say('request.' || lower(now_state), 'principal:' || _who, _r.request_id::text,
        clock_timestamp()::text, jsonb_build_object('version', _r.version));
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

reset role;
