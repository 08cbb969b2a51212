-- The sealed log: what waits for its seal, and seals that nobody changes.

-- In the transaction of the event, whoever writes it: what commits is waiting, what rolls back never was.
create or replace function audit.await_seal() returns trigger language plpgsql
security definer set search_path = pg_catalog, pg_temp as $$
begin
    insert into audit.pending (recorded_at, event_id, leaf_hash)
    values (new.recorded_at, new.event_id, new.leaf_hash);
    return null;
end $$;

create or replace trigger await_seal after insert on audit.event
    for each row execute function audit.await_seal();
create or replace trigger refuse_change before update or delete or truncate on audit.leaf
    for each statement execute function audit.refuse_change();
create or replace trigger refuse_change before update or delete or truncate on audit.seal
    for each statement execute function audit.refuse_change();

-- ALWAYS, so that session_replication_role = replica does not switch them off.
alter table audit.event enable always trigger await_seal;
alter table audit.leaf enable always trigger refuse_change;
alter table audit.seal enable always trigger refuse_change;

-- The signed statement of how long the log is and what it holds, for whoever keeps it outside of here;
-- null before the first seal.
create or replace function audit.newest_checkpoint() returns bytea
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select checkpoint from audit.seal order by seal_no desc limit 1;
$$;
