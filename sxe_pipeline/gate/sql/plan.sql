-- Which cards a request would take, why the others not, and what it may cost. Reads only.

-- A request is read whole, too: what is not of its type is refused by name, before anything is done.
create or replace function gate.check_spec(_spec jsonb) returns void
language plpgsql stable as $$
declare
    name text;
begin
    perform gate.demand_names(_spec, 'request', '{market,fields,purpose,legal_basis,match_basis,'
        'permissible_purpose,limit,pool,card_ids,waterfall,max_micros,request_id}');
    if _spec ? 'card_ids' then
        perform gate.demand(gate.is_list(_spec->'card_ids', 1, 250, null), 'request, card_ids',
            '1 to 250 different ids of cards');
    end if;
    if _spec ? 'limit' or not _spec ? 'card_ids' then
        perform gate.demand(gate.is_whole(_spec->'limit', 1, 250), 'request, limit',
            'a request has 1 to 250 cards');
    end if;
    perform gate.demand(gate.is_list(_spec->'fields', 1, 2, '{email,phone}'), 'request, fields',
        'the fields of a request are email, phone, or both');
    foreach name in array '{market,purpose,legal_basis,match_basis,permissible_purpose}'::text[] loop
        if not coalesce(gate.is_text(_spec->name), false) then
            perform gate.refuse('SXBAD', format('the request does not say its %s', name));
        end if;
    end loop;
    perform gate.demand(not _spec ? 'pool' or gate.is_text(_spec->'pool'), 'request, pool',
        'the name of an audience pool');
    perform gate.demand(not _spec ? 'max_micros' or gate.is_whole(_spec->'max_micros', 1, 1e18),
        'request, max_micros', 'the maximum of a request is a positive whole amount');
    perform gate.demand(not _spec ? 'request_id' or gate.fits(_spec->'request_id', 'uuid'),
        'request, request_id', 'the id of a request');
    if _spec->'waterfall' = '[]' then
        perform gate.refuse('SXBAD', 'no provider has a price card; two people set one '
            '(sxe budget propose, then confirm)');
    end if;
    if _spec ? 'waterfall' then
        perform gate.demand(gate.is_list(_spec->'waterfall', 1, 20, null), 'request, waterfall',
            'different names of providers in their order');
        for name in select jsonb_array_elements_text(_spec->'waterfall') loop
            if not exists (select from gate.price_card p where p.provider = name) then
                perform gate.refuse('SXBAD', format('provider %s has no price card', left(name, 40)));
            end if;
        end loop;
    end if;
end $$;

create or replace function gate.plan(_spec jsonb) returns jsonb
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
            'two people set one (sxe policy propose, then confirm)');
    end if;
    -- Thousands of candidates are looked at: whatever asks a function does so for the few that have
    -- an alias or a past.
    with prices as materialized (
        select w.provider, w.rank, p.content, p.needs, p.groups, p.gives_email, p.gives_phone,
               p.worst_micros, p.hit_share
        from jsonb_array_elements_text(_spec->'waterfall') with ordinality w (provider, rank)
        cross join lateral gate.current_price(w.provider) p
    ), needs as materialized (
        select provider, one::text[] as names from prices cross join lateral unnest(needs) one
    ), looked as materialized (
        select c.card_id, c.inputs, c.inputs_revision, c.inputs_tick, c.platforms,
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
                    select bool_or(l.inputs ?& n.names and coalesce(gate.wanted_groups(l.survivor,
                        f.family, l.inputs_revision, l.inputs_tick, n.provider, p.content,
                        _spec->'fields'), '{}') <> '{}')
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
            or exists (select from gate.call_item i where i.inputs_revision = l.inputs_revision)
            or exists (select from gate.call_item i
                       where i.survivor_id = any (f.family) and i.live) as has_history) h
    ), chosen as materialized (
        -- Two ids of one person are one card: the lowest id stands for both.
        select distinct on (survivor) * from judged
        where is_allowed and not is_suppressed and (is_askable or is_known)
          and not exists (select from gate.lost_ask l
                          where l.card_id = any (family) and l.until > clock_timestamp())
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
            'inputs_revision', inputs_revision, 'inputs_tick', inputs_tick,
            'platforms', platforms) order by survivor) from taken),
        (select coalesce(jsonb_agg(jsonb_build_object('provider', provider, 'group', field_group,
                'matchable', n, 'min_micros', 0, 'expected_micros', expected,
                'worst_micros', worst) order by rank, field_group), '[]')
         from (
            select p.rank, p.provider, g.key as field_group, count(*) as n,
                   round(sum(g.micros * g.hit_share)) as expected, sum(g.micros) as worst
            from prices p
            cross join lateral unnest(p.groups, p.gives_email, p.gives_phone, p.worst_micros,
                p.hit_share) as g (key, gives_email, gives_phone, micros, hit_share)
            join taken t on gate.is_matchable(p.needs, t.inputs)
                and (not t.has_history or g.key = any (gate.wanted_groups(t.survivor, t.family,
                    t.inputs_revision, t.inputs_tick, p.provider, p.content, _spec->'fields')))
            where exists (select from unnest(fields) f
                where ((f = 'email' and g.gives_email) or (f = 'phone' and g.gives_phone))
                  and not gate.is_known(t.family, f))
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
