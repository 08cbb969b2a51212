-- Principals and their tokens: who acts, proved by a token, never a name that somebody typed.

create or replace function gate.authenticate(_token text, _scope text) returns text
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
            'no valid token with the scope %s; set SXE_TOKEN to one (sxe people token makes one)',
            coalesce(_scope, 'of any kind')));
    end if;
    return person;
end $$;

create or replace function gate.add_principal(
    _principal text, _scopes text[], _token_sha256 text, _expires_at timestamptz, _actor text
) returns void language plpgsql as $$
declare
    event uuid := audit.append('principal.added', _actor, _principal, _token_sha256,
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
create or replace function gate.bootstrap(
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
create or replace function gate.renew(_token text, _new_sha256 text, _expires_at timestamptz)
returns text language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    who text := gate.authenticate(_token, null);
begin
    insert into gate.token (token_sha256, principal, scopes, expires_at, event_id)
    select decode(_new_sha256, 'hex'), who, t.scopes,
           least(_expires_at, clock_timestamp() + interval '1 year'),
           audit.append('principal.token_added', 'principal:' || who, who, _new_sha256, '{}')
    from gate.token t where t.token_sha256 = sha256(convert_to(_token, 'UTF8'));
    return who;
end $$;

-- Taking rights away needs one person: the own token, or an admin's word about anybody.
create or replace function gate.retire(_token text, _principal text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    who text := gate.authenticate(_token, null);
    event uuid;
begin
    if who <> _principal then
        perform gate.authenticate(_token, 'admin');
    end if;
    if not exists (select from gate.principal where principal = _principal) then
        perform gate.refuse('SXNOF', 'there is no such principal; see sxe people list');
    end if;
    event := audit.append('principal.retired', 'principal:' || who, _principal,
                       clock_timestamp()::text, '{}');
    update gate.principal set is_active = false, event_id = event where principal = _principal;
    update gate.token set revoked_at = clock_timestamp()
    where principal = _principal and revoked_at is null;
end $$;
