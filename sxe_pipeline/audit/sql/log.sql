-- The log: every row is made from its payload, sealed leaf by leaf, and append-only.

-- The columns are read off the payload, which is kept in the one form that is hashed: nobody can
-- write an id, a kind or a time that the record does not have. (A generated column over timestamptz
-- is refused, as its text form is not immutable.)
create or replace function audit.seal_leaf() returns trigger language plpgsql
set search_path = pg_catalog, pg_temp as $$
declare
    said jsonb := convert_from(new.payload, 'UTF8')::jsonb;
begin
    if array(select key || ' ' || jsonb_typeof(value) from jsonb_each(said) order by key collate "C")
           <> '{actor string,data object,key string,kind string,subject string}'
       or concat(said->>'kind', said->>'actor', said->>'subject') ~ '\n' then
        raise exception 'an audit record is {actor, data, key, kind, subject}, of one line each'
            using errcode = 'SXBAD';
    end if;
    new.payload := convert_to(audit.canonical(said), 'UTF8');
    new.kind := said->>'kind';
    new.actor := said->>'actor';
    new.subject := said->>'subject';
    new.event_id := audit.event_id(new.kind, new.subject, said->>'key');
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

create or replace trigger seal_leaf before insert on audit.event
    for each row execute function audit.seal_leaf();
-- Per statement, so that one which touches no row is refused too.
create or replace trigger refuse_change before update or delete or truncate on audit.event
    for each statement execute function audit.refuse_change();

-- ALWAYS, so that session_replication_role = replica does not switch them off.
alter table audit.event enable always trigger seal_leaf;
alter table audit.event enable always trigger refuse_change;

-- The contact tier answers for its own assets alone; the social tier also for what no run attested.
create or replace function audit.keep_to_tier() returns trigger language plpgsql
set search_path = pg_catalog, pg_temp as $$
begin
    if session_user = 'sxe_contacts'
       and new.asset_key !~ '^(contacts/|handoff/lead_contact_)' then
        raise exception 'this login attests no event of that asset' using errcode = '42501';
    end if;
    return new;
end $$;
create or replace trigger keep_to_tier before insert on audit.attestation
    for each row execute function audit.keep_to_tier();
