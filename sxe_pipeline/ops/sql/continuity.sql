-- Whether this database is the one that did what it remembers. A restored copy, or a standby that took
-- over, lacks what was paid, published and suppressed since: it spends and publishes nothing before
-- two persons have looked and adopted it.

-- Why it may not go on: 'server' where it lives elsewhere than it knows, and each store ahead of it.
create or replace function ops.doubts() returns text[]
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select array(
        select 'server' where not exists (
            select from ops.server s, pg_control_system() i, pg_control_checkpoint() c
            where s.system_identifier = i.system_identifier and s.timeline = c.timeline_id
              and s.database_oid = (select oid from pg_database
                                    where datname = current_database()))
        union all
        select store from ops.doubt
        order by 1);
$$;

create or replace function ops.refuse_doubtful() returns void
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
    if ops.doubts() <> '{}' then
        perform gate.refuse('SXREF', 'this database was restored or failed over, and may lack what was '
            'paid, published and suppressed since; look at it with sxe recover --dry-run');
    end if;
end $$;

-- Count what may be seen outside of the database from the commit on.
create or replace function ops.count_marker(_store text) returns ops.marker
language sql security definer set search_path = pg_catalog, pg_temp as $$
    update ops.marker
    set number = number + 1, marker_id = gen_random_uuid(), counted_at = clock_timestamp()
    where store = _store returning marker;
$$;

create or replace function ops.count_version() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform ops.count_marker('tier1');
    return null;
end $$;

create or replace trigger count_version after insert on ops.version
    for each statement execute function ops.count_version();

-- A tier finds that its store is ahead: said once, with its event.
create or replace function ops.doubt_store(_store text, _number bigint) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if session_user <> (case _store when 'contact_handoff' then 'sxe_contacts' else 'sxe_social' end) then
        perform gate.refuse('SXREF', 'a store is doubted by the login of its tier');
    end if;
    if not exists (select from ops.doubt where store = _store) then
        insert into ops.doubt (store, number, event_id)
        values (_store, _number, audit.append('database.doubted', 'continuity', _store,
            clock_timestamp()::text, jsonb_build_object('number', _number,
                'counted', (select number from ops.marker where store = _store))));
    end if;
end $$;

-- What two persons adopt, as one of them read it: this server, and how far each store has counted.
create or replace function ops.adopt(_seen jsonb, _actor text) returns void
language plpgsql as $$
begin
    if _seen is distinct from ops.seen_now(_seen->'stores') then
        perform gate.refuse('SXREF', 'the database or its server is not what was proposed to adopt; '
            'look again with sxe recover --dry-run, and propose it anew');
    end if;
    update ops.server set system_identifier = (_seen->>'system_identifier')::bigint,
        timeline = (_seen->>'timeline')::int, database_oid = (_seen->>'database_oid')::oid,
        known_since = clock_timestamp();
    update ops.marker m set number = greatest(m.number, s.value::bigint) + 1,
        marker_id = gen_random_uuid(), counted_at = clock_timestamp()
    from jsonb_each_text(_seen->'stores') s where s.key = m.store;
    delete from ops.doubt;
    -- What was refused meanwhile is asked for again.
    update ops.work set state = 'waiting', failures = 0, retry_at = clock_timestamp(),
        changed_at = clock_timestamp()
    where state = 'red';
    -- Nobody knows what was called since: each circuit is closed by two persons, who compare its counter.
    perform gate.set_circuit(provider, 'open', 'restored', _actor) from gate.provider
    where circuit_state <> 'killed' order by provider;
    perform audit.append('database.adopted', _actor, 'database', clock_timestamp()::text, _seen);
end $$;

-- The proposal of it, with what the stores hold as given; the gate compares it when it is confirmed.
create or replace function ops.seen_now(_stores jsonb) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select jsonb_build_object('system_identifier', i.system_identifier::text,
        'timeline', c.timeline_id, 'database_oid', d.oid::bigint, 'stores', _stores)
    from pg_control_system() i, pg_control_checkpoint() c, pg_database d
    where d.datname = current_database();
$$;
