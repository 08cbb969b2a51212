set local role sxe_owner;

-- Refusals carry a class of ours: SXBAD bad input, SXNOF not found, SXREF refused, SXBSY try again.

create function gate.refuse(_class text, _why text) returns void language plpgsql as $$
begin
    raise exception using errcode = _class, message = _why;
end $$;

create function gate.sha256_of(_value jsonb) returns bytea
language sql immutable as $$
    select sha256(convert_to(audit.canonical(_value), 'UTF8'));
$$;

-- Who speaks: the person behind a token, never a name that somebody typed.
create function gate.who(_token text, _scope text) returns text
language plpgsql stable as $$
declare
    person text;
begin
    select t.principal into person
    from gate.token t join gate.principal p using (principal)
    where t.token_sha256 = sha256(convert_to(coalesce(_token, ''), 'UTF8'))
      and t.revoked_at is null and t.expires_at > clock_timestamp() and p.is_active
      and (_scope is null or (_scope = any (t.scopes) and _scope = any (p.scopes)));
    if person is null then
        perform gate.refuse('SXREF', format(
            'no valid token with the scope %s; set SXE_TOKEN to one (sxe keys token makes one)',
            coalesce(_scope, 'of any kind')));
    end if;
    return person;
end $$;

create function gate.add_principal(
    _principal text, _scopes text[], _token_sha256 text, _expires_at timestamptz, _actor text
) returns void language plpgsql as $$
declare
    event uuid := audit.say('principal.added', _actor, _principal, _token_sha256,
                            jsonb_build_object('scopes', _scopes, 'expires_at', _expires_at));
begin
    insert into gate.principal (principal, scopes, event_id) values (_principal, _scopes, event)
    on conflict (principal) do update
        set scopes = excluded.scopes, is_active = true, event_id = excluded.event_id;
    insert into gate.token (token_sha256, principal, scopes, expires_at, event_id)
    values (decode(_token_sha256, 'hex'), _principal, _scopes, _expires_at, event);
exception
    when unique_violation then
        perform gate.refuse('SXBAD', 'that token is known already; make a new one');
    when check_violation then
        perform gate.refuse('SXBAD', 'a principal is a short lower-case name, with scopes of: '
            'request, approve, budget, ack, admin');
end $$;

-- For the migrating login alone, and only while nobody exists.
create function gate.bootstrap(
    _first text, _first_sha256 text, _second text, _second_sha256 text, _expires_at timestamptz
) returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    lock table gate.principal in exclusive mode;
    if exists (select from gate.principal) then
        perform gate.refuse('SXREF', 'principals exist already; two of them add a third');
    end if;
    if _first = _second or _first_sha256 = _second_sha256 then
        perform gate.refuse('SXBAD', 'two admins are two persons with a token each');
    end if;
    perform gate.add_principal(_first, '{admin,budget}', _first_sha256, _expires_at, 'bootstrap');
    perform gate.add_principal(_second, '{admin,budget}', _second_sha256, _expires_at, 'bootstrap');
end $$;

-- A person renews the own token; its scopes never grow.
create function gate.renew(_token text, _new_sha256 text, _expires_at timestamptz) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    who text := gate.who(_token, null);
begin
    insert into gate.token (token_sha256, principal, scopes, expires_at, event_id)
    select decode(_new_sha256, 'hex'), who, t.scopes,
           least(_expires_at, clock_timestamp() + interval '1 year'),
           audit.say('principal.token_added', 'principal:' || who, who, _new_sha256, '{}')
    from gate.token t where t.token_sha256 = sha256(convert_to(_token, 'UTF8'));
    return who;
end $$;

-- Taking rights away needs one person: the own token, or an admin's word about anybody.
create function gate.retire(_token text, _principal text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    who text := gate.who(_token, null);
    event uuid;
begin
    if who <> _principal then
        perform gate.who(_token, 'admin');
    end if;
    if not exists (select from gate.principal where principal = _principal) then
        perform gate.refuse('SXNOF', 'there is no such principal; see sxe keys list');
    end if;
    event := audit.say('principal.retired', 'principal:' || who, _principal,
                       clock_timestamp()::text, '{}');
    update gate.principal set is_active = false, event_id = event where principal = _principal;
    update gate.token set revoked_at = clock_timestamp()
    where principal = _principal and revoked_at is null;
end $$;

-- Proposals: caps, prices, policies, settings, principals, opened lanes, resolved calls

create function gate.check_price(_card jsonb) returns void
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

create function gate.check_policy(_policy jsonb) returns void
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

create function gate.propose(_token text, _kind text, _content jsonb, _reason text) returns uuid
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    who text := gate.who(_token, case when _kind in ('principal', 'setting') then 'admin'
                                      else 'budget' end);
    made uuid := gen_random_uuid();
begin
    if coalesce(trim(_reason), '') = '' then
        perform gate.refuse('SXBAD', 'say why: a reason is part of the record');
    end if;
    if _kind = 'price' then perform gate.check_price(_content); end if;
    if _kind = 'policy' then perform gate.check_policy(_content); end if;
    if _kind = 'setting' and (_content = '{}' or exists (
            select from jsonb_object_keys(_content) name where name <> all (
                '{quorum,decide_within,run_within,reconcile_wait,poll_wait,email_fresh_for,'
                'phone_fresh_for,negative_for}'::text[]))) then
        perform gate.refuse('SXBAD', 'the settings are: quorum, decide_within, run_within, '
            'reconcile_wait, poll_wait, email_fresh_for, phone_fresh_for, negative_for');
    end if;
    insert into gate.proposal (proposal_id, kind, content, reason, proposed_by, expires_at, event_id)
    select made, _kind, _content, _reason, who, clock_timestamp() + s.decide_within,
           audit.say('proposal.made', 'principal:' || who, made::text, 'made', jsonb_build_object(
               'kind', _kind, 'content_sha256', encode(gate.sha256_of(_content), 'hex')))
    from gate.setting s;
    return made;
exception
    when check_violation then
        perform gate.refuse('SXBAD', 'a proposal is one of: cap, price, policy, setting, '
            'principal, lane, resolve, adjust');
        return null;
end $$;

create function gate.decide(_token text, _proposal uuid, _is_confirmed boolean) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    p gate.proposal;
    who text;
    event uuid;
begin
    select * into p from gate.proposal where proposal_id = _proposal for update;
    if p.proposal_id is null then
        perform gate.refuse('SXNOF', 'there is no such proposal; see sxe budget proposals');
    end if;
    who := gate.who(_token, case when p.kind in ('principal', 'setting') then 'admin'
                                 else 'budget' end);
    if p.decision is not null then
        perform gate.refuse('SXREF', 'the proposal was decided already');
    end if;
    if _is_confirmed and p.expires_at <= clock_timestamp() then
        perform gate.refuse('SXREF', 'the proposal expired; make it again');
    end if;
    if _is_confirmed and who = p.proposed_by then
        perform gate.refuse('SXREF', 'a second person confirms; you proposed it');
    end if;
    event := audit.say(case when _is_confirmed then 'proposal.confirmed' else 'proposal.rejected' end,
        'principal:' || who, _proposal::text, 'decided',
        jsonb_build_object('kind', p.kind, 'proposed_by', p.proposed_by,
                           'content_sha256', encode(gate.sha256_of(p.content), 'hex')));
    update gate.proposal
    set decided_by = who, decided_at = clock_timestamp(), decided_event_id = event,
        decision = case when _is_confirmed then 'confirmed' else 'rejected' end
    where proposal_id = _proposal;
    if _is_confirmed then
        perform gate.apply(p, 'principal:' || who);
    end if;
    return jsonb_build_object('proposal_id', _proposal, 'kind', p.kind,
        'decision', case when _is_confirmed then 'confirmed' else 'rejected' end);
end $$;

create function gate.apply(_p gate.proposal, _actor text) returns void
language plpgsql as $$
declare
    c jsonb := _p.content;
begin
    case _p.kind
    when 'cap' then perform gate.set_cap(c, _actor);
    when 'price' then
        insert into gate.price_card (provider, sha256, content, proposal_id, needs, groups,
                                     gives_email, gives_phone, is_async, worst_micros)
        select c->>'provider', gate.sha256_of(c), c, _p.proposal_id,
               array(select array(select jsonb_array_elements_text(one))::text
                     from jsonb_array_elements(c->'needs') one),
               array_agg(key order by key), array_agg(value->'gives' ? 'email' order by key),
               array_agg(value->'gives' ? 'phone' order by key),
               array_agg(value->>'part' = 'async' order by key),
               array_agg(gate.micros((value->>'worst_units_micro')::bigint,
                                     (c->>'micros_per_unit')::bigint) order by key)
        from jsonb_each(c->'sells')
        on conflict (provider, sha256) do update set in_force_since = clock_timestamp();
        if not exists (select from gate.lane where provider = c->>'provider') then
            insert into gate.lane (provider, event_id)
            values (c->>'provider', audit.say('lane.made', _actor, c->>'provider', 'made', '{}'));
        end if;
    when 'policy' then
        insert into gate.policy (sha256, content, proposal_id)
        values (gate.sha256_of(c), c, _p.proposal_id)
        on conflict (sha256) do update set in_force_since = clock_timestamp();
    when 'principal' then
        perform gate.add_principal(c->>'principal',
            array(select jsonb_array_elements_text(c->'scopes')), c->>'token_sha256',
            least((c->>'expires_at')::timestamptz, clock_timestamp() + interval '1 year'), _actor);
    when 'setting' then
        update gate.setting set
            quorum = coalesce((c->>'quorum')::int, quorum),
            decide_within = coalesce((c->>'decide_within')::interval, decide_within),
            run_within = coalesce((c->>'run_within')::interval, run_within),
            reconcile_wait = coalesce((c->>'reconcile_wait')::interval, reconcile_wait),
            poll_wait = coalesce((c->>'poll_wait')::interval, poll_wait),
            email_fresh_for = coalesce((c->>'email_fresh_for')::interval, email_fresh_for),
            phone_fresh_for = coalesce((c->>'phone_fresh_for')::interval, phone_fresh_for),
            negative_for = coalesce((c->>'negative_for')::interval, negative_for);
    when 'lane' then
        -- Who opens a lane that drifted accepts the drift, so its counter starts anew; but not while
        -- it may hold the charge of a call that nobody has booked yet.
        update gate.lane l set failures = 0,
            agreed_units_micro = case when cause = 'drift' and not exists (
                select from gate.call k where k.provider = l.provider
                  and k.state in ('SENDING', 'AWAITING', 'UNKNOWN')) then null
                else agreed_units_micro end
        where l.provider = c->>'provider';
        perform gate.move_lane(c->>'provider', 'closed', 'reopened', _actor);
    when 'resolve' then
        perform gate.resolve_unknown((c->>'call_id')::uuid, (c->>'units_micro')::bigint, _actor);
    when 'adjust' then
        perform gate.adjust((c->>'call_id')::uuid, (c->>'units_micro')::bigint, _actor);
    end case;
exception
    when not_null_violation or check_violation or invalid_text_representation
         or invalid_datetime_format or datetime_field_overflow or invalid_parameter_value
         or numeric_value_out_of_range then
        perform gate.refuse('SXBAD', 'the proposal does not hold what its kind needs; '
            'nothing was changed');
end $$;

create function gate.set_cap(_c jsonb, _actor text) returns void
language plpgsql as $$
declare
    of_month date := coalesce((_c->>'month')::date,
                              date_trunc('month', clock_timestamp() at time zone 'UTC'));
begin
    insert into gate.budget (market, provider, month, cap)
    values (_c->>'market', _c->>'provider', of_month, (_c->>'cap_micros')::bigint)
    on conflict (slot) do update set cap = excluded.cap;
    perform audit.say('budget.cap_set', _actor, concat_ws('/', 'budget', coalesce(_c->>'market', '*'),
        coalesce(_c->>'provider', '*'), of_month), clock_timestamp()::text,
        jsonb_build_object('cap_micros', (_c->>'cap_micros')::bigint));
exception when check_violation then
    perform gate.refuse('SXREF', 'a cap is 0 or more, of a market, a provider or both, and '
        'not below what is spent and reserved');
end $$;

-- Lanes: stopping needs one person, opening again two

create function gate.move_lane(_provider text, _state text, _cause text, _actor text) returns void
language plpgsql as $$
declare
    event uuid;
begin
    -- What is killed opens by two people alone. An open lane keeps its first cause, unless that was
    -- failures: those end by themselves after a rest, and a charge that nobody granted must not.
    if exists (select from gate.lane where provider = _provider
               and ((state = _state and (state <> 'open' or cause <> 'failures'
                                         or _cause = 'failures'))
                    or (state = 'killed' and _cause <> 'reopened'))) then
        return;
    end if;
    event := audit.say('lane.' || _state, _actor, _provider, clock_timestamp()::text,
                       jsonb_build_object('cause', _cause));
    update gate.lane set state = _state, cause = _cause, changed_at = clock_timestamp(),
        event_id = event
    where provider = _provider;
    if not found then
        perform gate.refuse('SXNOF', 'there is no such provider; a price card makes one');
    end if;
end $$;

create function gate.kill(_token text, _provider text, _reason text) returns int
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    who text := gate.who(_token, null);
    lane text;
    killed int := 0;
begin
    if coalesce(trim(_reason), '') = '' then
        perform gate.refuse('SXBAD', 'say why: a reason is part of the record');
    end if;
    for lane in select provider from gate.lane
                where _provider is null or provider = _provider order by provider for update loop
        perform gate.move_lane(lane, 'killed', 'killed', 'principal:' || who);
        killed := killed + 1;
    end loop;
    if killed = 0 then
        perform gate.refuse('SXNOF', 'there is no such provider; see sxe budget show');
    end if;
    return killed;
end $$;

-- Suppression begins here: by card, every tier asks this one function

create function gate.survivor(_card text) returns text
language plpgsql stable as $$
declare
    current text := _card;
    further text;
begin
    loop
        select a.survivor_card_id into further from social.alias a where a.card_id = current;
        if not found then return current; end if;
        current := further;
    end loop;
end $$;

-- Every id that a person has had: what was known, paid or suppressed under one holds under all.
create function gate.family(_survivor text) returns text[]
language plpgsql stable as $$
begin
    if not exists (select from social.alias a where a.survivor_card_id = _survivor) then
        return array[_survivor];
    end if;
    return array(
        with recursive ids (card_id) as (
            select _survivor
            union
            select a.card_id from social.alias a join ids on a.survivor_card_id = ids.card_id
        )
        select card_id from ids);
end $$;

create function privacy.is_suppressed(_family text[]) returns boolean
language sql stable as $$
    select exists (select from privacy.suppression s where s.card_id = any (_family));
$$;

create function privacy.suppress(_token text, _card text, _reason text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    who text := gate.who(_token, null);
begin
    if coalesce(trim(_reason), '') = '' then
        perform gate.refuse('SXBAD', 'say why: a reason is part of the record');
    end if;
    if not exists (select from social.card c where c.card_id = _card) then
        perform gate.refuse('SXNOF', 'there is no such card');
    end if;
    if not exists (select from privacy.suppression s where s.card_id = _card) then
        insert into privacy.suppression (card_id, reason, added_by, event_id)
        values (_card, _reason, who,
                audit.say('suppression.added', 'principal:' || who, _card, 'added', '{}'));
    end if;
end $$;

create function privacy.suppressed_cards() returns setof text
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select distinct unnest(gate.family(gate.survivor(s.card_id))) from privacy.suppression s;
$$;

reset role;
