-- The log: sealed leaf by leaf, append-only, and the gate's kinds are the gate's.

-- A generated column over timestamptz is refused (its text form is not immutable), so a trigger
-- sets both; the time of recording is the server's, whatever the writer says.
create or replace function audit.seal_leaf() returns trigger language plpgsql
set search_path = pg_catalog, pg_temp as $$
begin
    new.recorded_at := clock_timestamp();
    new.leaf_hash := sha256(
        '\x00'::bytea || new.payload
        || int8send((extract(epoch from new.recorded_at) * 1000000)::bigint));
    return new;
end $$;

create or replace function audit.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'the audit log is append-only' using errcode = '42501';
end $$;

-- The families of events that the owner's functions alone record; Python has the same list.
create or replace function audit.owner_families() returns text[]
language sql immutable as $$
    select '{request,call,provider,circuit,budget,principal,proposal,suppression,database}'::text[];
$$;

create or replace function audit.keep_gate_kinds() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if split_part(new.kind, '.', 1) = any (audit.owner_families())
       and current_user <> 'sxe_owner' then
        raise exception 'events of the gate are recorded by the gate' using errcode = '42501';
    end if;
    return new;
end $$;

create or replace trigger seal_leaf before insert on audit.event
    for each row execute function audit.seal_leaf();
create or replace trigger gate_kinds before insert on audit.event
    for each row execute function audit.keep_gate_kinds();
-- Per statement, so that one which touches no row is refused too.
create or replace trigger refuse_change before update or delete or truncate on audit.event
    for each statement execute function audit.refuse_change();

-- ALWAYS, so that session_replication_role = replica does not switch them off.
alter table audit.event enable always trigger seal_leaf;
alter table audit.event enable always trigger gate_kinds;
alter table audit.event enable always trigger refuse_change;
