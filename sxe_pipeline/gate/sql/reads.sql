-- What people may look at: counts, states, money and hashes. No match input and no contact value.

create or replace function gate.show_requests(_request uuid default null) returns setof jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select jsonb_build_object(
        'request_id', r.request_id, 'version', r.version, 'market', r.market, 'state', r.state,
        'created_by', r.created_by, 'created_at', r.created_at, 'decide_by', r.decide_by,
        'finished_at', r.finished_at, 'attempt', r.attempt, 'stops', r.stops,
        'content_sha256', encode(v.content_sha256, 'hex'), 'item_count', v.item_count,
        'asks', convert_from(v.header, 'UTF8')::jsonb - '{request_id,version,item_count}'::text[],
        'cap_micros', b.cap, 'reserved_micros', b.reserved, 'spent_micros', b.spent,
        'overrun_micros', b.overrun,
        'skipped', (select coalesce(jsonb_object_agg(skip_reason, n), '{}') from (
            select skip_reason, count(*) as n from gate.request_item i
            where i.request_id = r.request_id and i.version = r.version
              and skip_reason is not null group by 1) x),
        'calls', (select coalesce(jsonb_object_agg(lower(state), n), '{}') from (
            select state, count(*) as n from gate.call c
            where c.request_id = r.request_id group by 1) x),
        'outcomes', (select coalesce(jsonb_object_agg(outcome, n), '{}') from (
            select i.outcome, count(*) as n from gate.call_item i join gate.call c using (call_id)
            where c.request_id = r.request_id and i.outcome is not null group by 1) x),
        'approvals', (select coalesce(jsonb_agg(jsonb_build_object(
                'principal', a.principal, 'decision', a.decision, 'version', a.version,
                'made_at', a.made_at, 'expires_at', a.expires_at, 'max_micros', a.max_micros,
                'items', coalesce(cardinality(a.positions), v.item_count),
                'reason', a.reason) order by a.made_at), '[]')
            from gate.approval a where a.request_id = r.request_id),
        'lost_cards', (select coalesce(jsonb_agg(distinct i.card_id), '[]')
            from gate.call_item i join gate.call c using (call_id)
            where c.request_id = r.request_id and i.outcome = 'paid_lost'))
    from gate.request r
    join gate.request_version v using (request_id, version)
    join gate.budget b on b.request_id = r.request_id
    where _request is null or r.request_id = _request
    order by r.created_at;
$$;

-- From a value to the ground it stands on: call, approvals, budgets, policy. Never the value.
create or replace function gate.receipt(_card text, _request uuid) returns setof jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select jsonb_build_object(
        'card_id', i.card_id, 'provider', c.provider, 'field_group', i.field_group,
        'outcome', i.outcome, 'call_id', c.call_id, 'call_state', c.state, 'sent_at', c.sent_at,
        'request_id', c.request_id, 'version', c.version,
        'charged_micros', c.charged_micros,
        'reserved_micros', (select coalesce(max(amount), 0) from gate.transfer t
            where t.call_id = c.call_id and t.kind = 'reserve'),
        'values', (select coalesce(jsonb_agg(jsonb_build_object('kind', p.kind,
                'status', p.status, 'obtained_at', p.obtained_at, 'price_micros', p.price_micros,
                'dnc', p.dnc, 'tcpa', p.tcpa, 'litigator', p.litigator)
                order by p.kind, p.contact_point_id), '[]')
            from contacts.contact_point p
            where p.call_id = c.call_id and p.card_id = i.card_id
              and i.field_group in (p.kind, 'person')),
        'approvals', (select coalesce(jsonb_agg(jsonb_build_object('approval_id', a.approval_id,
                'principal', a.principal, 'made_at', a.made_at) order by a.made_at), '[]')
            from gate.approval a
            where a.request_id = c.request_id and a.version = c.version and a.decision = 'approve'
              and a.made_at <= coalesce(c.sent_at, c.claimed_at)
              and (a.positions is null or i.position = any (a.positions))),
        'budgets', (select jsonb_agg(distinct concat_ws('/', coalesce(b.market, '*'),
                coalesce(b.provider, '*'), coalesce(b.month::text, 'request')))
            from gate.transfer t join gate.budget b using (budget_id)
            where t.call_id = c.call_id and t.kind = 'reserve'),
        'policy_sha256', convert_from(v.header, 'UTF8')::jsonb->>'policy_sha256',
        'content_sha256', encode(v.content_sha256, 'hex'),
        'events', (select jsonb_agg(s.event_id order by s.step) from gate.call_step s
                   where s.call_id = c.call_id))
    from gate.call_item i
    join gate.call c using (call_id)
    join gate.request_version v on v.request_id = c.request_id and v.version = c.version
    where case when _card is not null
               then i.survivor_id = any (gate.family(gate.survivor(_card)))
               else c.request_id = _request end
    order by c.claimed_at, i.position, i.field_group;
$$;

-- The ledger against itself: what a budget says and what its transfers add up to.
create or replace function gate.show_budgets() returns setof jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select jsonb_build_object('market', b.market, 'provider', b.provider, 'month', b.month,
        'cap_micros', b.cap, 'reserved_micros', b.reserved, 'spent_micros', b.spent,
        'overrun_micros', b.overrun,
        'is_balanced', b.reserved = t.reserved and b.spent = t.spent and b.overrun = t.overrun)
    from gate.budget b
    cross join lateral gate.balance_of(b.budget_id) t
    where b.request_id is null
    order by b.month, b.market nulls first, b.provider nulls first;
$$;

create or replace function gate.show_providers() returns setof jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select jsonb_build_object('provider', v.provider, 'circuit_state', v.circuit_state, 'cause', v.cause,
        'changed_at', v.changed_at, 'price_card', p.content,
        'booked_units_micro', v.booked_units_micro,
        'booked_micros', (select coalesce(sum(c.charged_micros), 0) from gate.call c
                          where c.provider = v.provider),
        'counter_units_micro', v.read_units_micro, 'counter_read_at', v.read_at,
        'agreed_at', v.agreed_at,
        'drift_units_micro', (v.read_units_micro - v.agreed_units_micro)
                             - (v.booked_units_micro - v.agreed_booked_micro),
        'open_calls', (select count(*) from gate.call c where c.provider = v.provider
                       and c.state in ('SENDING', 'AWAITING', 'UNKNOWN')),
        'unknown_calls', (select coalesce(jsonb_agg(c.call_id), '[]') from gate.call c
                          where c.provider = v.provider and c.state = 'UNKNOWN'))
    from gate.provider v cross join lateral gate.current_price(v.provider) p
    order by v.provider;
$$;

create or replace function gate.show_proposals() returns setof jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select jsonb_build_object('proposal_id', proposal_id, 'kind', kind, 'content', content,
        'reason', reason, 'proposed_by', proposed_by, 'proposed_at', proposed_at,
        'expires_at', expires_at, 'decided_by', decided_by, 'decision', decision,
        -- A name that is taken is another thing than a new one; whoever confirms sees which.
        'known', case when kind = 'principal' then (
            select jsonb_build_object('scopes', p.scopes, 'is_active', p.is_active,
                'working_tokens', (select count(*) from gate.working_tokens(p.principal)))
            from gate.principal p where p.principal = content->>'principal') end)
    from gate.proposal order by proposed_at;
$$;

create or replace function gate.show_principals() returns setof jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select jsonb_build_object('principal', p.principal, 'scopes', p.scopes,
        'is_active', p.is_active, 'tokens', coalesce(jsonb_agg(jsonb_build_object(
                'token', left(encode(t.token_sha256, 'hex'), 12),
                'ends_in', right(encode(t.token_sha256, 'hex'), 4),
                'is_accepted', t.proved_at is not null, 'expires_at', t.expires_at)
                order by t.made_at) filter (
            where t.replaced_at is null and t.revoked_at is null
              and t.expires_at > clock_timestamp()), '[]'))
    from gate.principal p left join gate.token t using (principal)
    group by p.principal order by p.principal;
$$;

create or replace function gate.show_policy() returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select jsonb_build_object('sha256', encode(p.sha256, 'hex'), 'content', p.content,
                              'in_force_since', p.in_force_since)
    from gate.current_policy() p where p.sha256 is not null;
$$;

-- What asking about every candidate of a market could cost by the prices in force, before what is
-- known, suppressed or asked already: of open platforms, each group of each provider for itself. It
-- names nobody, so no token is asked for.
create or replace function gate.show_market_cost(_market text) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    with prices as materialized (
        select p.* from gate.provider v cross join lateral gate.current_price(v.provider) p
        where p.provider is not null
    ), candidates as materialized (
        select c.inputs, c.platforms from gate.candidate c
        where c.withdrawn_at is null and c.market = _market
    ), opened as materialized (
        select d.platforms from (select distinct platforms from candidates) d
        where exists (
            select from gate.current_policy() y
            cross join lateral (select y.content->'platforms'->d.platforms[1]->'enrichment') e (terms)
            cross join lateral jsonb_array_elements_text(e.terms->'match_bases') basis
            cross join lateral jsonb_array_elements_text(e.terms->'purposes') purpose
            cross join lateral gate.policy_allows(y.content, d.platforms, basis, purpose) a
            where a.is_allowed)
    ), matchable as (
        select p.provider, count(*) as n from prices p
        join candidates c on gate.is_matchable(p.needs, c.inputs)
        join opened o on o.platforms = c.platforms
        group by p.provider
    )
    select jsonb_build_object(
        'has_policy', exists (select from gate.current_policy() y where y.sha256 is not null),
        'candidates', (select count(*) from candidates),
        'open_candidates', (select count(*) from candidates join opened using (platforms)),
        'prices', (select coalesce(jsonb_agg(jsonb_build_object(
                'provider', p.provider, 'group', g.key,
                'gives', array_remove(array[case when g.gives_email then 'email' end,
                                            case when g.gives_phone then 'phone' end], null),
                'matchable', coalesce(m.n, 0), 'hit_share', g.hit_share,
                'expected_micros', round(coalesce(m.n, 0) * g.micros * g.hit_share),
                'worst_micros', coalesce(m.n, 0) * g.micros) order by p.provider, g.key), '[]')
            from prices p
            cross join lateral unnest(p.groups, p.gives_email, p.gives_phone, p.worst_micros,
                p.hit_share) as g (key, gives_email, gives_phone, micros, hit_share)
            left join matchable m using (provider)));
$$;
