-- How an event is written: the forms that Python has, in SQL, so that a function of the owner records in
-- its own transaction. A test holds both forms equal.

create or replace function audit.canonical(_value jsonb) returns text
language plpgsql immutable as $$
begin
    return case jsonb_typeof(_value)
        when 'object' then '{' || coalesce((
            select string_agg(to_json(key)::text || ':' || audit.canonical(value), ','
                              order by key collate "C")
            from jsonb_each(_value)), '') || '}'
        when 'array' then '[' || coalesce((
            select string_agg(audit.canonical(value), ',' order by position)
            from jsonb_array_elements(_value) with ordinality as item (value, position)), '') || ']'
        else _value::text end;
end $$;

create or replace function audit.event_id(_kind text, _subject text, _key text) returns uuid
language plpgsql immutable as $$
declare
    h bytea := substr(sha256(convert_to(concat_ws(E'\n', _kind, _subject, _key), 'UTF8')), 1, 16);
begin
    h := set_byte(h, 6, (get_byte(h, 6) & 15) | 128);  -- version 8: a hash of our own
    h := set_byte(h, 8, (get_byte(h, 8) & 63) | 128);
    return encode(h, 'hex')::uuid;
end $$;

-- A reason stands in its own table; the event holds its digest.
create or replace function audit.digest_of(_text text) returns text
language sql immutable as $$
    select encode(sha256(convert_to(_text, 'UTF8')), 'hex');
$$;

-- The run that a session works for: its name is believed where that login holds the run's lease.
create or replace function audit.in_run(_data jsonb) returns jsonb
language sql stable as $$
    select _data || coalesce((
        select jsonb_build_object('run', r.run_id) from ops.run r
        where r.run_id = substring(current_setting('application_name') from '^sxe run (.*)$')
          and r.login = session_user and r.ended_at is null), '{}');
$$;

-- One event more: for functions of the owner, which know what they just did. A second event of one id
-- is a unique violation.
create or replace function audit.append(_kind text, _actor text, _subject text, _key text, _data jsonb)
returns uuid language plpgsql as $$
declare
    made uuid;
begin
    insert into audit.event (payload) values (convert_to(jsonb_build_object(
        'actor', _actor, 'data', audit.in_run(jsonb_strip_nulls(_data)), 'key', _key, 'kind', _kind,
        'subject', _subject)::text, 'UTF8'))
    returning event_id into made;
    return made;
end $$;

-- Whose rules hold for a login. A service names its admin as it likes; a member of the owner is one.
create or replace function audit.tier_of(_login name) returns name
language sql stable as $$
    select case when _login in ('sxe_social', 'sxe_contacts', 'sxe_api', 'sxe_serve', 'sxe_sealer', 'sxe_dagster')
                then _login
                when pg_has_role(_login, 'sxe_owner', 'MEMBER') then 'sxe_admin' end;
$$;

-- Who a login acts as: a word for a program, or a face of its own tier. People, fences and runs are named
-- by the functions that saw their proof.
create or replace function audit.as_login(_actor text) returns text
language plpgsql stable as $$
begin
    if coalesce(_actor !~ case audit.tier_of(session_user)
            when 'sxe_social' then
                '^([a-z][a-z_]*|(cli|sensor):[a-z_]+|asset:(ingest|social|cards|handoff|ops)/[a-z0-9_]+)$'
            when 'sxe_contacts' then '^([a-z][a-z_]*|asset:(contacts|handoff)/[a-z_]+)$'
            when 'sxe_admin' then '^([a-z][a-z_]*|(cli|local):[a-z_]+)$' end, true)
       or _actor in ('bootstrap', 'continuity', 'guard', 'retention', 'split', 'sweep') then
        raise exception 'this login does not act under that name' using errcode = '42501';
    end if;
    return _actor;
end $$;

-- A record that a login hands in, of the kinds that the calling function knows. The same record again
-- is one event; another record under the same id is refused.
create or replace function audit.write(_record jsonb, _kinds text[]) returns uuid
language plpgsql as $$
declare
    made uuid := audit.event_id(_record->>'kind', _record->>'subject', _record->>'key');
    whole jsonb;
begin
    if coalesce(_record->>'kind' <> all (_kinds), true) then
        raise exception 'this login records no event of that kind here' using errcode = '42501';
    end if;
    perform audit.as_login(_record->>'actor');
    whole := jsonb_set(_record, '{data}', audit.in_run(_record->'data'));
    insert into audit.event (payload) values (convert_to(whole::text, 'UTF8'))
    on conflict (event_id) do nothing;
    if not found and not exists (
            select from audit.event e where e.event_id = made
            and e.payload = convert_to(audit.canonical(whole), 'UTF8')) then
        raise exception 'another event of this kind, subject and key is recorded already'
            using errcode = 'SXREF';
    end if;
    return made;
end $$;

-- Kinds that a login records beside its own work; all others are written with their fact, by the
-- function that changes it.
create or replace function audit.own_kinds(_login name) returns text[]
language sql immutable as $$
    select case _login
        when 'sxe_social' then '{run_history.expired,table.vacuum_begun}'::text[]
        when 'sxe_contacts' then '{contact_run_history.expired}'::text[]
        when 'sxe_admin' then '{key.created}'::text[] end;
$$;

create or replace function audit.record(_record jsonb) returns uuid
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    return audit.write(_record, audit.own_kinds(audit.tier_of(session_user)));
end $$;
