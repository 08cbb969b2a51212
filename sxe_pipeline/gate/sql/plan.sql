-- Which cards a request would take, why the others not, and what it may cost. Reads only.

create or replace function gate.check_spec(_spec jsonb) returns void
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
        if jsonb_typeof(_spec->name) is distinct from 'string' or trim(_spec->>name) = '' then
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
        select w.provider, w.rank, p.content
        from jsonb_array_elements_text(_spec->'waterfall') with ordinality w (provider, rank)
        cross join lateral gate.current_price(w.provider) p
    ), needs as materialized (
        select provider, array(select jsonb_array_elements_text(one)) as names
        from prices cross join lateral jsonb_array_elements(content->'needs') one
    ), looked as materialized (
        select c.card_id, c.inputs, c.inputs_revision, c.platforms,
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
                        l.inputs_revision, n.provider, p.content, _spec->'fields'), '{}') <> '{}')
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
            'inputs_revision', inputs_revision, 'platforms', platforms) order by survivor) from taken),
        (select coalesce(jsonb_agg(jsonb_build_object('provider', provider, 'group', field_group,
                'matchable', n, 'min_micros', 0, 'expected_micros', expected,
                'worst_micros', worst) order by rank, field_group), '[]')
         from (
            select p.rank, p.provider, g.key as field_group, count(*) as n,
                   round(sum(micros * (g.value->>'hit_share')::numeric)) as expected,
                   sum(micros) as worst
            from prices p
            cross join lateral jsonb_each(p.content->'sells') g
            cross join lateral (select gate.micros((g.value->>'worst_units_micro')::bigint,
                (p.content->>'micros_per_unit')::bigint) as micros) m
            join taken t on gate.is_matchable(p.content, t.inputs)
                and (not t.has_history or g.key = any (gate.wanted_groups(t.family, t.inputs_revision,
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
