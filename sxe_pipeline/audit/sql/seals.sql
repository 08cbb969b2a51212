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

-- Since when something waits: for who tells people that nobody seals.
create or replace function audit.unsealed_since() returns timestamptz
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select min(recorded_at) from audit.pending;
$$;

-- The oldest that wait, in their order, for the seal that this transaction makes; nothing else lets an
-- event wait no longer.
create or replace function audit.take_pending(_most int)
returns table (event_id uuid, leaf_hash bytea)
language sql security definer set search_path = pg_catalog, pg_temp as $$
    with taken as (
        delete from audit.pending where (recorded_at, event_id) in (
            select recorded_at, event_id from audit.pending order by 1, 2 limit _most)
        returning recorded_at, event_id, leaf_hash)
    select event_id, leaf_hash from taken order by recorded_at, event_id;
$$;

-- The signed statement of how long the log is and what it holds, for whoever keeps it outside of here;
-- null before the first seal.
create or replace function audit.newest_checkpoint() returns bytea
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select checkpoint from audit.seal order by seal_no desc limit 1;
$$;
