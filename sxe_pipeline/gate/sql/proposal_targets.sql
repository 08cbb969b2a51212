-- What a proposal about something that is there must name: a budget, a call, a provider, a person. Checked
-- when it is made and again when it is confirmed, as things go on in between.

create or replace function gate.check_cap(_c jsonb) returns void
language plpgsql as $$
declare
    b gate.budget;
begin
    perform gate.demand_names(_c, 'cap', '{market,provider,month,cap_micros}');
    perform gate.demand(gate.is_whole(_c->'cap_micros', 0, 1e18), 'cap, cap_micros',
        'a whole number of millionths from 0 to 10^18, such as 250000000');
    perform gate.demand(_c ? 'market' or _c ? 'provider', 'cap',
        'it is of a market, a provider or both');
    perform gate.demand(not _c ? 'market' or gate.is_text(_c->'market')
        and _c->>'market' ~ '^[a-z][a-z0-9]*(_[a-z0-9]+)*$' and length(_c->>'market') <= 64,
        'cap, market', 'the name of a market, such as "x_general"; without one it is of all markets');
    perform gate.demand(not _c ? 'provider' or gate.fits(_c->'provider', 'gate.slug'),
        'cap, provider', 'a short lower-case name, such as "apollo"');
    perform gate.demand(case when _c ? 'month' then gate.fits(_c->'month', 'date')
        and _c->>'month' ~ '^20[0-9]{2}-[0-9]{2}-01$' else true end, 'cap, month',
        'the first day of a month, such as "2026-11-01"');
    -- Locked, so that no call takes room away between this look and the change.
    select * into b from gate.budget
    where budget_key = gate.budget_key(null, _c->>'market', _c->>'provider', gate.month_of(_c))
    for update;
    if (_c->>'cap_micros')::numeric < b.reserved + b.spent then
        perform gate.refuse('SXREF', format('a cap is not below what is spent and reserved, here %s '
            'millionths', b.reserved + b.spent));
    end if;
end $$;

-- The month of a cap: of those two who set it, or the one in which they do.
create or replace function gate.month_of(_c jsonb) returns date
language sql stable as $$
    select coalesce((_c->>'month')::date,
                    date_trunc('month', clock_timestamp() at time zone 'UTC'));
$$;

create or replace function gate.check_resolve(_c jsonb) returns void
language plpgsql stable as $$
begin
    perform gate.demand_names(_c, 'resolve', '{call_id,units_micro}');
    perform gate.check_charge(_c, 'resolve', 'units_micro', 0);
    if not exists (select from gate.call
                   where call_id = (_c->>'call_id')::uuid and state = 'UNKNOWN') then
        perform gate.refuse('SXREF', 'only a call whose outcome is unknown is resolved');
    end if;
end $$;

create or replace function gate.check_adjust(_c jsonb) returns void
language plpgsql stable as $$
declare
    a text := case when _c ? 'late_units_micro' then 'late_units_micro' else 'units_micro' end;
begin
    perform gate.demand_names(_c, 'adjust', array['call_id', a]);
    perform gate.check_charge(_c, 'adjust', a, 1);
end $$;

-- The units of a call, and the call: there, and of a price that they can be multiplied with.
create or replace function gate.check_charge(_c jsonb, _of text, _name text, _least int)
returns void language plpgsql stable as $$
declare
    k gate.call;
begin
    perform gate.demand(gate.fits(_c->'call_id', 'uuid'), _of || ', call_id', 'the id of a call');
    perform gate.demand(gate.is_whole(_c->_name, _least, 1e15), _of || ', ' || _name, format(
        'a whole number of millionths of a unit from %s to 10^15, such as 1000000', _least));
    select * into k from gate.call where call_id = (_c->>'call_id')::uuid;
    if k.call_id is null then
        perform gate.refuse('SXNOF', 'there is no such call; see sxe enrich receipt');
    end if;
    perform gate.demand((_c->>_name)::numeric * k.micros_per_unit <= 1e24, _of || ', ' || _name,
        'that many units of this provider cost more than 10^18 millionths');
end $$;

create or replace function gate.check_circuit(_c jsonb) returns void
language plpgsql stable as $$
begin
    perform gate.demand_names(_c, 'circuit', '{provider}');
    perform gate.demand(gate.fits(_c->'provider', 'gate.slug'), 'circuit, provider',
        'a short lower-case name, such as "apollo"');
    if not exists (select from gate.provider where provider = _c->>'provider') then
        perform gate.refuse('SXNOF', 'there is no such provider; a price card makes one');
    end if;
end $$;

create or replace function gate.check_principal(_c jsonb) returns void
language plpgsql stable as $$
begin
    perform gate.demand_names(_c, 'principal', '{principal,scopes,token_sha256,expires_at}');
    perform gate.demand(gate.fits(_c->'principal', 'gate.slug'), 'principal, principal',
        'a short lower-case name, such as "ana"');
    perform gate.demand(gate.is_list(_c->'scopes', 1, 5, '{request,approve,budget,ack,admin}'),
        'principal, scopes', 'a list of request, approve, budget, ack, admin');
    perform gate.demand(gate.fits(_c->'token_sha256', 'ops.sha256'), 'principal, token_sha256',
        'the 64 hexadecimal digits of a SHA-256; never the token');
    perform gate.demand(case when gate.fits(_c->'expires_at', 'timestamptz')
        then (_c->>'expires_at')::timestamptz > clock_timestamp() end, 'principal, expires_at',
        'a time to come, such as "2027-01-31T00:00:00Z"; a year is the most');
    if _c->'scopes' @> '["request", "approve"]'
       and not (select may_request_and_approve from gate.setting) then
        perform gate.refuse('SXREF', 'one person does not ask and approve; give the scopes to two '
            'people, or two admins change the setting may_request_and_approve');
    end if;
    if exists (select from gate.token
               where token_sha256 = decode(_c->>'token_sha256', 'hex')) then
        perform gate.refuse('SXBAD', 'that token is known already; make a new one');
    end if;
end $$;
