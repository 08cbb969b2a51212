-- What two people do together: one proposes, another confirms, and it is in force.

-- What two admins may change of gate.setting while the gate runs.
create or replace function gate.adjustable_settings() returns text[]
language sql immutable as $$
    select '{quorum,decide_within,run_within,reconcile_wait,poll_wait,email_fresh_for,'
           'phone_fresh_for,negative_for,may_request_and_approve}'::text[];
$$;

create or replace function gate.propose(_token text, _kind text, _content jsonb, _reason text)
returns uuid language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    who text := gate.authenticate(_token, case when _kind in ('principal', 'setting') then 'admin'
                                      else 'budget' end);
    made uuid := gen_random_uuid();
begin
    if coalesce(trim(_reason), '') = '' then
        perform gate.refuse('SXBAD', 'say why: a reason is part of the record');
    end if;
    perform gate.check_proposal(_kind, _content);
    insert into gate.proposal (proposal_id, kind, content, reason, proposed_by, expires_at, event_id)
    select made, _kind, _content, _reason, who, clock_timestamp() + s.decide_within,
           audit.append('proposal.made', 'principal:' || who, made::text, 'made', jsonb_build_object(
               'kind', _kind, 'content_sha256', encode(gate.sha256_of(_content), 'hex'),
               'reason_sha256', audit.digest_of(_reason)))
    from gate.setting s;
    return made;
end $$;

-- What a kind needs; of a recovery it is compared when it is confirmed, with the server of that moment.
create or replace function gate.check_proposal(_kind text, _content jsonb) returns void
language plpgsql as $$
begin
    case _kind
    when 'cap' then perform gate.check_cap(_content);
    when 'price' then perform gate.check_price(_content);
    when 'policy' then perform gate.check_policy(_content);
    when 'principal' then perform gate.check_principal(_content);
    when 'setting' then perform gate.check_setting(_content);
    when 'circuit' then perform gate.check_circuit(_content);
    when 'resolve' then perform gate.check_resolve(_content);
    when 'adjust' then perform gate.check_adjust(_content);
    when 'recovery' then null;
    else
        perform gate.refuse('SXBAD', 'a proposal is one of: cap, price, policy, setting, '
            'principal, circuit, resolve, adjust, recovery');
    end case;
end $$;

create or replace function gate.decide(_token text, _proposal uuid, _is_confirmed boolean)
returns jsonb language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    p gate.proposal;
    who text;
    event uuid;
begin
    select * into p from gate.proposal where proposal_id = _proposal for update;
    if p.proposal_id is null then
        perform gate.refuse('SXNOF', 'there is no such proposal; see sxe budget proposals');
    end if;
    who := gate.authenticate(_token, case when p.kind in ('principal', 'setting') then 'admin'
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
    event := audit.append(case when _is_confirmed then 'proposal.confirmed' else 'proposal.rejected' end,
        'principal:' || who, _proposal::text, 'decided',
        jsonb_build_object('kind', p.kind, 'proposed_by', p.proposed_by,
                           'content_sha256', encode(gate.sha256_of(p.content), 'hex'),
                           'before', gate.before(p)));
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

create or replace function gate.apply(_p gate.proposal, _actor text) returns void
language plpgsql as $$
declare
    c jsonb := _p.content;
    name text;
begin
    perform gate.check_proposal(_p.kind, c);
    case _p.kind
    when 'cap' then perform gate.set_cap(c, _p.proposal_id, _actor);
    when 'price' then perform gate.set_price(c, _p.proposal_id, _actor);
    when 'policy' then perform gate.set_policy(c, _p.proposal_id);
    when 'principal' then
        perform gate.add_principal(c->>'principal',
            array(select jsonb_array_elements_text(c->'scopes')), c->>'token_sha256',
            least((c->>'expires_at')::timestamptz, clock_timestamp() + interval '1 year'), _actor, null);
    when 'setting' then
        for name in select jsonb_object_keys(c) loop
            execute format('update gate.setting s set %1$I = '
                '(jsonb_populate_record(s, $1)).%1$I', name) using c;
        end loop;
    when 'circuit' then
        -- Who closes the circuit of a provider that drifted accepts the drift, so its counter starts anew; but not while
        -- it may hold the charge of a call that nobody has booked yet.
        update gate.provider v set failures = 0,
            agreed_units_micro = case when cause in ('drift', 'restored') and not exists (
                select from gate.call k where k.provider = v.provider
                  and k.state in ('SENDING', 'AWAITING', 'UNKNOWN')) then null
                else agreed_units_micro end
        where v.provider = c->>'provider';
        perform gate.set_circuit(c->>'provider', 'closed', 'reopened', _actor);
    when 'resolve' then
        perform gate.resolve_unknown((c->>'call_id')::uuid, (c->>'units_micro')::numeric::bigint, _actor);
    when 'adjust' then
        perform gate.correct(c, _actor);
    when 'recovery' then
        perform ops.adopt(c, _actor);
    end case;
exception
    when not_null_violation or check_violation or invalid_text_representation
         or invalid_datetime_format or datetime_field_overflow or invalid_parameter_value
         or numeric_value_out_of_range then
        perform gate.refuse('SXBAD', 'the proposal does not hold what its kind needs; '
            'nothing was changed');
end $$;

-- What a changed setting was; what it becomes is the proposal's content. Few bytes, or none.
create or replace function gate.before(_p gate.proposal) returns jsonb
language sql stable as $$
    select case when octet_length(was::text) <= 200 then was end from (
        select jsonb_object_agg(name, to_jsonb(s) -> name) as was
        from gate.setting s cross join jsonb_object_keys(_p.content) name
        where _p.kind = 'setting') x;
$$;

-- A budget in the log: one line, whatever somebody called a market.
create or replace function gate.budget_subject(_market text, _provider text, _month date)
returns text language sql immutable as $$
    select regexp_replace(concat_ws('/', 'budget', coalesce(_market, '*'), coalesce(_provider, '*'),
                                    _month), '\s', ' ', 'g');
$$;

create or replace function gate.set_cap(_c jsonb, _proposal uuid, _actor text) returns void
language plpgsql as $$
declare
    before bigint;
    of_month date := gate.month_of(_c);
    micros bigint := (_c->>'cap_micros')::numeric;
begin
    select cap into before from gate.budget
    where budget_key = gate.budget_key(null, _c->>'market', _c->>'provider', of_month);
    insert into gate.budget (market, provider, month, cap)
    values (_c->>'market', _c->>'provider', of_month, micros)
    on conflict (budget_key) do update set cap = excluded.cap;
    perform audit.append('budget.cap_set', _actor,
        gate.budget_subject(_c->>'market', _c->>'provider', of_month), clock_timestamp()::text,
        jsonb_build_object('cap_micros', micros, 'before_micros', before,
                           'proposal_id', _proposal));
end $$;
