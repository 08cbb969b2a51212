-- Principals and their tokens: who acts, proved by a token, never a name that somebody typed.

create or replace function gate.authenticate(_token text, _scope text) returns text
language plpgsql stable as $$
declare
    person text;
begin
    select t.principal into person
    from gate.token t join gate.principal p using (principal)
    where t.token_sha256 = sha256(convert_to(coalesce(_token, ''), 'UTF8'))
      and t.proved_at is not null and t.replaced_at is null and t.revoked_at is null
      and t.expires_at > clock_timestamp() and p.is_active
      and (_scope is null or (_scope = any (t.scopes) and _scope = any (p.scopes)));
    if person is null then
        perform gate.refuse('SXREF', format(
            'no valid token with the scope %s; set SXE_TOKEN to one (sxe people token makes one)',
            coalesce(_scope, 'of any kind')));
    end if;
    return person;
end $$;

-- Tokens of a name that work: who holds one is that person.
create or replace function gate.working_tokens(_principal text) returns setof gate.token
language sql stable as $$
    select t.* from gate.token t join gate.principal p using (principal)
    where t.principal = _principal and p.is_active and t.proved_at is not null
      and t.replaced_at is null and t.revoked_at is null and t.expires_at > clock_timestamp();
$$;

create or replace function gate.add_principal(
    _principal text, _scopes text[], _token_sha256 text, _expires_at timestamptz, _actor text,
    _proved_at timestamptz
) returns void language plpgsql as $$
declare
    event uuid;
begin
    event := audit.append('principal.added', _actor, _principal, _token_sha256, jsonb_build_object(
        'scopes', _scopes, 'expires_at', _expires_at, 'token', left(_token_sha256, 12),
        'scopes_before', (select scopes from gate.principal where principal = _principal),
        'working_tokens', (select count(*) from gate.working_tokens(_principal))));
    insert into gate.principal (principal, scopes, event_id) values (_principal, _scopes, event)
    on conflict (principal) do update
        set scopes = excluded.scopes, is_active = true, event_id = excluded.event_id;
    insert into gate.token (token_sha256, principal, scopes, expires_at, proved_at, event_id)
    values (decode(_token_sha256, 'hex'), _principal, _scopes, _expires_at, _proved_at, event);
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
declare
    scopes text[] := '{admin,budget}';
    now timestamptz := clock_timestamp();
begin
    lock table gate.principal in exclusive mode;
    if exists (select from gate.principal) then
        perform gate.refuse('SXREF', 'principals exist already; two of them add a third');
    end if;
    if _first = _second or _first_sha256 = _second_sha256 then
        perform gate.refuse('SXBAD', 'two admins are two persons with a token each');
    end if;
    perform gate.add_principal(_first, scopes, _first_sha256, _expires_at, 'bootstrap', now);
    perform gate.add_principal(_second, scopes, _second_sha256, _expires_at, 'bootstrap', now);
end $$;

-- The holder shows a new token, and it works from here on. Where the name has one that works, the holder
-- shows that, too, and it ends: nobody becomes somebody else by proposing a token for a name that is taken.
create or replace function gate.accept(_new text, _held text) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    t gate.token;
begin
    select * into t from gate.token
    where token_sha256 = sha256(convert_to(coalesce(_new, ''), 'UTF8'))
      and proved_at is null and revoked_at is null and expires_at > clock_timestamp() for update;
    if t.principal is null then
        perform gate.refuse('SXREF', 'that token waits for nobody: it was accepted, has ended, or is '
            'none that two admins gave a name');
    end if;
    perform from gate.principal where principal = t.principal for update;
    if exists (select from gate.working_tokens(t.principal))
       and gate.authenticate(_held, null) is distinct from t.principal then
        perform gate.refuse('SXREF', 'that name has a token that works, and it is another one''s; '
            'whoever lost a token is retired by an admin first');
    end if;
    perform audit.append('principal.token_accepted', 'principal:' || t.principal, t.principal,
        encode(t.token_sha256, 'hex'),
        jsonb_build_object('token', left(encode(t.token_sha256, 'hex'), 12)));
    update gate.token set replaced_at = clock_timestamp()
    where principal = t.principal and proved_at is not null and replaced_at is null;
    update gate.token set proved_at = clock_timestamp() where token_sha256 = t.token_sha256;
    return t.principal;
end $$;

-- A person renews the own token: another secret for the same scopes and no longer time. The old one ends.
create or replace function gate.renew(_token text, _new_sha256 text, _expires_at timestamptz)
returns jsonb language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    who text := gate.authenticate(_token, null);
    old gate.token;
    until timestamptz;
begin
    select * into old from gate.token
    where token_sha256 = sha256(convert_to(_token, 'UTF8')) for update;
    until := least(_expires_at, old.expires_at);
    insert into gate.token (token_sha256, principal, scopes, expires_at, proved_at, event_id)
    values (decode(_new_sha256, 'hex'), who, old.scopes, until, clock_timestamp(),
        audit.append('principal.token_added', 'principal:' || who, who, _new_sha256,
            jsonb_build_object('token', left(_new_sha256, 12), 'expires_at', until,
                'replaces', left(encode(old.token_sha256, 'hex'), 12))));
    update gate.token set replaced_at = clock_timestamp() where token_sha256 = old.token_sha256;
    return jsonb_build_object('principal', who, 'expires_at', until);
end $$;

-- Taking rights away needs one person: the own token, or an admin's word about anybody.
create or replace function gate.require_own_or_admin(_token text, _principal text) returns text
language plpgsql stable as $$
declare
    who text := gate.authenticate(_token, null);
begin
    if who is distinct from _principal then
        perform gate.authenticate(_token, 'admin');
    end if;
    return who;
end $$;

create or replace function gate.revoke_token(_token text, _start text) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    t gate.token;
    who text;
begin
    perform gate.authenticate(_token, null);
    begin
        select * into strict t from gate.token
        where _start ~ '^[0-9a-f]{8,64}$' and revoked_at is null
          and starts_with(encode(token_sha256, 'hex'), _start) for update;
    exception when no_data_found or too_many_rows then
        perform gate.refuse('SXNOF', 'there is no such token, or more than one; see sxe people list');
    end;
    who := gate.require_own_or_admin(_token, t.principal);
    perform audit.append('principal.token_revoked', 'principal:' || who, t.principal,
        encode(t.token_sha256, 'hex'),
        jsonb_build_object('token', left(encode(t.token_sha256, 'hex'), 12)));
    -- What was approved with the tokens that it took the place of ends as well.
    update gate.token set revoked_at = clock_timestamp()
    where principal = t.principal and revoked_at is null
      and (token_sha256 = t.token_sha256
           or t.proved_at is not null and t.replaced_at is null and replaced_at is not null);
    return t.principal;
end $$;

create or replace function gate.retire(_token text, _principal text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    who text := gate.require_own_or_admin(_token, _principal);
    event uuid;
begin
    if not exists (select from gate.principal where principal = _principal) then
        perform gate.refuse('SXNOF', 'there is no such principal; see sxe people list');
    end if;
    event := audit.append('principal.retired', 'principal:' || who, _principal,
                       clock_timestamp()::text, jsonb_build_object('tokens',
                           (select count(*) from gate.working_tokens(_principal))));
    update gate.principal set is_active = false, event_id = event where principal = _principal;
    update gate.token set revoked_at = clock_timestamp()
    where principal = _principal and revoked_at is null;
end $$;
