-- What a price card, a policy and a setting must hold before anybody is asked to confirm them.

create or replace function gate.demand(_holds boolean, _of text, _wanted text) returns void
language plpgsql immutable as $$
begin
    if _holds is not true then
        perform gate.refuse('SXBAD', format('%s: %s', _of, _wanted));
    end if;
end $$;

-- Whether a text reads as a value of a type, with the checks of a domain.
create or replace function gate.fits(_value jsonb, _type regtype) returns boolean
language plpgsql stable as $$
begin
    if jsonb_typeof(_value) = 'string' then
        execute format('select $1::%s', _type) using _value #>> '{}';
        return true;
    end if;
    return false;
exception when data_exception or check_violation then
    return false;
end $$;

create or replace function gate.is_whole(_value jsonb, _least numeric, _most numeric)
returns boolean language sql immutable as $$
    select case when jsonb_typeof(_value) = 'number' then
        (_value #>> '{}')::numeric between _least and _most
        and (_value #>> '{}')::numeric = trunc((_value #>> '{}')::numeric) else false end;
$$;

create or replace function gate.is_text(_value jsonb) returns boolean language sql immutable as $$
    select jsonb_typeof(_value) = 'string' and trim(_value #>> '{}') <> '';
$$;

-- A list of different texts, each one of those allowed; null allows any.
create or replace function gate.is_list(_value jsonb, _least int, _most int, _allowed text[])
returns boolean language sql immutable as $$
    select case when jsonb_typeof(_value) = 'array' then
        jsonb_array_length(_value) between _least and _most
        and coalesce((select bool_and(gate.is_text(one) and (_allowed is null
                                      or one #>> '{}' = any (_allowed)))
                             and count(*) = count(distinct one)
                      from jsonb_array_elements(_value) one), true) else false end;
$$;

-- A name that nobody reads is a slip of the pen: a misspelt one would be left out in silence.
create or replace function gate.demand_names(_value jsonb, _of text, _known text[]) returns void
language plpgsql immutable as $$
declare
    odd text;
begin
    perform gate.demand(jsonb_typeof(_value) = 'object', _of,
                        format('an object with %s', array_to_string(_known, ', ')));
    select name into odd from jsonb_object_keys(_value) name where name <> all (_known) limit 1;
    perform gate.demand(odd is null, _of, format('%s is none of %s', left(odd, 40),
                                                 array_to_string(_known, ', ')));
end $$;

create or replace function gate.check_price(_card jsonb) returns void
language plpgsql stable as $$
declare
    currency text := (select s.currency from gate.setting s);
    a text := 'price card, ';
    inputs text[] := '{first_name,last_name,city,region,country,domain,linkedin_url}';
    sold record;
begin
    perform gate.demand_names(_card, 'price card', '{provider,version,currency,micros_per_unit,'
        'batch_max,has_counter,negative_for,needs,sells}');
    perform gate.demand(_card->>'provider' ~ '^[a-z][a-z0-9_-]{1,31}$', a || 'provider',
        'a short lower-case name, such as "apollo"');
    perform gate.demand(not _card ? 'version' or gate.is_text(_card->'version'), a || 'version',
        'a text, such as "2026-11"');
    perform gate.demand(_card->>'currency' = currency, a || 'currency',
        format('the one of this gate, "%s"', currency));
    perform gate.demand(gate.is_whole(_card->'micros_per_unit', 1, 1e12), a || 'micros_per_unit',
        'a whole number of 1 or more, such as 50000');
    perform gate.demand(gate.is_whole(_card->'batch_max', 1, 250), a || 'batch_max',
        'a whole number from 1 to 250, such as 10');
    perform gate.demand(coalesce(jsonb_typeof(_card->'has_counter'), 'boolean') = 'boolean',
        a || 'has_counter', 'true or false');
    perform gate.demand(not _card ? 'negative_for'
        or gate.fits(_card->'negative_for', 'gate.period'), a || 'negative_for',
        'a time above zero and of at most ten years, such as "30 days"');
    perform gate.demand(case when jsonb_typeof(_card->'needs') = 'array' then
        _card->'needs' <> '[]' and (select bool_and(gate.is_list(one, 1, 7, inputs))
                                    from jsonb_array_elements(_card->'needs') one) end,
        a || 'needs', format('lists of match inputs (%s), none of them empty, such as '
            '[["first_name", "last_name", "domain"]]', array_to_string(inputs, ', ')));
    perform gate.demand(jsonb_typeof(_card->'sells') = 'object' and _card->'sells' <> '{}',
        a || 'sells', 'an object of field groups; see docs/enrichment.md');
    for sold in select left(key, 40) as key, value from jsonb_each(_card->'sells') loop
        perform gate.demand_names(sold.value, a || 'sells.' || sold.key,
                                  '{worst_units_micro,part,gives,hit_share}');
        perform gate.demand(gate.is_whole(sold.value->'worst_units_micro', 1, 1e12),
            a || 'sells.' || sold.key || '.worst_units_micro', 'a whole number of 1 or more, such as 1000000');
        perform gate.demand((_card->>'micros_per_unit')::numeric
            * (sold.value->>'worst_units_micro')::numeric <= 1e18, a || 'sells.' || sold.key,
            'one person costs a million at most');
        perform gate.demand(sold.value->>'part' in ('sync', 'async'), a || 'sells.' || sold.key || '.part',
            '"sync" or "async"');
        perform gate.demand(gate.is_list(sold.value->'gives', 1, 2, '{email,phone}'),
            a || 'sells.' || sold.key || '.gives', '["email"], ["phone"] or both');
        perform gate.demand(case when jsonb_typeof(sold.value->'hit_share') = 'number' then
            (sold.value->>'hit_share')::numeric between 0 and 1 end,
            a || 'sells.' || sold.key || '.hit_share', 'a number from 0 to 1, such as 0.6');
    end loop;
end $$;

create or replace function gate.check_policy(_policy jsonb) returns void
language plpgsql stable as $$
declare
    on_platform record;
    says text;
begin
    perform gate.demand_names(_policy, 'policy', '{version,loopback_only,platforms}');
    perform gate.demand(gate.is_text(_policy->'version'), 'policy, version',
        'a text, such as "2026-11"');
    perform gate.demand(coalesce(jsonb_typeof(_policy->'loopback_only'), 'boolean') = 'boolean',
        'policy, loopback_only', 'true or false');
    perform gate.demand(jsonb_typeof(_policy->'platforms') = 'object', 'policy, platforms',
        'an object such as {"x": {"enrichment": {"match_bases": [], "purposes": []}}}');
    for on_platform in select left(key, 40) as key, value from jsonb_each(_policy->'platforms') loop
        says := 'policy, platforms.' || on_platform.key;
        perform gate.demand_names(on_platform.value, says, '{redistribution,enrichment}');
        perform gate.demand(coalesce(on_platform.value->'redistribution', '"ids_only"')
            in ('"full"', '"ids_only"'), says || '.redistribution', '"full" or "ids_only"');
        says := says || '.enrichment';
        perform gate.demand_names(on_platform.value->'enrichment', says, '{match_bases,purposes}');
        perform gate.demand(gate.is_list(on_platform.value->'enrichment'->'match_bases', 0, 3,
            '{consent,user_provided,public_data}'), says || '.match_bases',
            'a list of consent, user_provided, public_data; empty is closed');
        perform gate.demand(gate.is_list(on_platform.value->'enrichment'->'purposes', 0, 100, null),
            says || '.purposes', 'a list of texts such as ["market_research"]; empty is closed');
    end loop;
end $$;

create or replace function gate.check_setting(_values jsonb) returns void
language plpgsql stable as $$
declare
    one record;
begin
    perform gate.demand(jsonb_typeof(_values) = 'object' and _values <> '{}', 'settings',
        'an object such as {"quorum": 2}');
    perform gate.demand_names(_values, 'settings', gate.adjustable_settings());
    for one in select key, value from jsonb_each(_values) loop
        perform case
            when one.key = 'quorum' then gate.demand(gate.is_whole(one.value, 1, 5),
                'setting quorum', 'a whole number from 1 to 5, such as 2')
            when one.key = 'may_request_and_approve' then gate.demand(
                jsonb_typeof(one.value) = 'boolean', 'setting ' || one.key, 'true or false')
            when one.key in ('reconcile_wait', 'poll_wait') then
                gate.demand(gate.fits(one.value, 'gate.pause'), 'setting ' || one.key,
                    'a time of zero to thirty days, such as "60 seconds"')
            else gate.demand(gate.fits(one.value, 'gate.period'), 'setting ' || one.key,
                'a time above zero and of at most ten years, such as "24 hours"') end;
    end loop;
end $$;
