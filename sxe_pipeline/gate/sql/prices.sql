-- Prices and policies come into force: read once into their types, in an order that no clock decides.

create or replace function gate.set_price(_card jsonb, _proposal uuid, _actor text) returns void
language plpgsql as $$
begin
    insert into gate.price_card (provider, sha256, content, proposal_id, batch_max, micros_per_unit,
                                 has_counter, negative_for, needs, groups, gives_email, gives_phone,
                                 is_async, worst_micros, hit_share, in_force_tick)
    select _card->>'provider', gate.sha256_of(_card), _card, _proposal,
           (_card->>'batch_max')::numeric::int, (_card->>'micros_per_unit')::numeric::bigint,
           coalesce((_card->>'has_counter')::boolean, false),
           (_card->>'negative_for')::gate.period,
           array(select array(select jsonb_array_elements_text(one))::text
                 from jsonb_array_elements(_card->'needs') one),
           array_agg(key order by key), array_agg(value->'gives' ? 'email' order by key),
           array_agg(value->'gives' ? 'phone' order by key),
           array_agg(value->>'part' = 'async' order by key),
           array_agg(gate.micros((value->>'worst_units_micro')::numeric::bigint,
                                 (_card->>'micros_per_unit')::numeric::bigint) order by key),
           array_agg((value->>'hit_share')::numeric order by key), nextval('gate.tick')
    from jsonb_each(_card->'sells')
    on conflict (provider, sha256) do update
        set in_force_since = clock_timestamp(), in_force_tick = excluded.in_force_tick;
    if not exists (select from gate.provider where provider = _card->>'provider') then
        insert into gate.provider (provider, event_id)
        values (_card->>'provider',
                audit.append('provider.added', _actor, _card->>'provider', 'made', '{}'));
    end if;
end $$;

create or replace function gate.set_policy(_policy jsonb, _proposal uuid) returns void
language plpgsql as $$
begin
    insert into gate.policy (sha256, content, proposal_id, loopback_only, in_force_tick)
    values (gate.sha256_of(_policy), _policy, _proposal,
            coalesce((_policy->>'loopback_only')::boolean, true), nextval('gate.tick'))
    on conflict (sha256) do update
        set in_force_since = clock_timestamp(), in_force_tick = excluded.in_force_tick;
end $$;
