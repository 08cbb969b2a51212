-- What a price card and a policy must hold before anybody is asked to confirm them.

create or replace function gate.check_price(_card jsonb) returns void
language plpgsql stable as $$
declare
    sold record;
    currency text;
begin
    select s.currency into currency from gate.setting s;
    if not coalesce(_card->>'provider' ~ '^[a-z][a-z0-9_-]{1,31}$'
            and _card->>'currency' = currency
            and (_card->>'micros_per_unit')::bigint > 0
            and (_card->>'batch_max')::int between 1 and 250
            and jsonb_typeof(_card->'sells') = 'object' and _card->'sells' <> '{}'
            and jsonb_typeof(_card->'needs') = 'array' and _card->'needs' <> '[]', false) then
        perform gate.refuse('SXBAD', 'a price card has provider, currency (' || currency
            || '), micros_per_unit, batch_max, needs and sells; see docs/enrichment.md');
    end if;
    for sold in select key, value from jsonb_each(_card->'sells') loop
        if not coalesce((sold.value->>'worst_units_micro')::bigint > 0
                and sold.value->>'part' in ('sync', 'async')
                and sold.value->'gives' <@ '["email","phone"]'
                and jsonb_array_length(sold.value->'gives') > 0
                and (sold.value->>'hit_share')::numeric between 0 and 1, false) then
            perform gate.refuse('SXBAD', format('the price card leaves open what %s costs: '
                'worst_units_micro, part, gives, hit_share', sold.key));
        end if;
    end loop;
exception
    when invalid_text_representation or numeric_value_out_of_range or invalid_parameter_value then
        perform gate.refuse('SXBAD', 'a figure of the price card is no number, or a list is none');
end $$;

create or replace function gate.check_policy(_policy jsonb) returns void
language plpgsql stable as $$
begin
    if jsonb_typeof(_policy->'platforms') is distinct from 'object'
       or _policy->>'version' is null
       or exists (
            select from jsonb_each(_policy->'platforms') p
            where jsonb_typeof(p.value->'enrichment'->'match_bases') is distinct from 'array'
               or not p.value->'enrichment'->'match_bases'
                    <@ '["consent","user_provided","public_data"]'
               or jsonb_typeof(p.value->'enrichment'->'purposes') is distinct from 'array') then
        perform gate.refuse('SXBAD', 'a policy names version and platforms, each with '
            'enrichment: {match_bases, purposes}; see contracts/policy');
    end if;
end $$;
