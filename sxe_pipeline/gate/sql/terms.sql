-- On what terms somebody may be asked about: prices, policy, match inputs, what is known already.

create or replace function gate.current_price(_provider text) returns gate.price_card
language sql stable as $$
    select p from gate.price_card p where p.provider = _provider
    order by p.in_force_tick desc limit 1;
$$;

create or replace function gate.current_policy() returns gate.policy
language sql stable as $$
    select p from gate.policy p order by p.in_force_tick desc limit 1;
$$;

-- Closed by default: every platform that the card stands on must allow basis and purpose.
create or replace function gate.policy_allows(
    _policy jsonb, _platforms text[], _match_basis text, _purpose text
) returns table (is_allowed boolean) language sql immutable as $$
    select bool_and(coalesce(
        _policy->'platforms'->p->'enrichment'->'match_bases' ? _match_basis
        and _policy->'platforms'->p->'enrichment'->'purposes' ? _purpose, false))
    from unnest(_platforms) p;
$$;

-- Whether the policy is open to a person on every platform where the request found the card, and on every one
-- where the person stands by now, under whichever id.
create or replace function gate.is_open(
    _policy jsonb, _header jsonb, _family text[], _platforms text[]
) returns boolean language sql stable as $$
    select coalesce(is_allowed, false) from gate.policy_allows(_policy, array(
            select unnest(_platforms)
            union
            select unnest(c.platforms) from gate.candidate c
            where c.card_id = any (_family) and c.withdrawn_at is null),
        _header->>'match_basis', _header->>'purpose');
$$;

-- A provider can recognise somebody when one of the sets that it needs is there in full.
create or replace function gate.is_matchable(_needs text[], _inputs jsonb) returns boolean
language sql stable as $$
    select exists (select from unnest(_needs) one where _inputs ?& one::text[]);
$$;

-- A value of this field is known and fresh, whoever gave it.
create or replace function gate.is_known(_family text[], _field text) returns boolean
language sql stable as $$
    select exists (
        select from gate.answer a
        where a.card_id = any (_family) and a.field = _field and a.outcome = 'match'
          and a.valid_until > clock_timestamp());
$$;

-- A charge in the smallest unit of money: a fraction is rounded up.
create or replace function gate.micros(_units_micro bigint, _micros_per_unit bigint) returns bigint
language sql immutable as $$
    select ceil(_units_micro::numeric * _micros_per_unit / 1000000)::bigint;
$$;

-- The default order of providers: what a found field is expected to cost decides the order, cheapest first.
create or replace function gate.waterfall(_fields jsonb) returns jsonb
language sql stable as $$
    select coalesce(jsonb_agg(provider order by cost, provider), '[]')
    from (
        select v.provider,
               min(s.worst::numeric / greatest(s.hit_share, 0.001) / g.given) as cost
        from gate.provider v
        cross join lateral gate.current_price(v.provider) p
        cross join lateral unnest(p.gives_email, p.gives_phone, p.worst_micros, p.hit_share)
            as s (gives_email, gives_phone, worst, hit_share)
        cross join lateral (select (s.gives_email and _fields ? 'email')::int
                                   + (s.gives_phone and _fields ? 'phone')::int as given) g
        where g.given > 0
        group by v.provider) ranked;
$$;
