-- Suppressions that a restored database lost, as far as the markers of Tier 1 name them.

create or replace function privacy.suppressed_since(_since timestamptz) returns setof text
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select card_id from privacy.suppression
    where _since is null or added_at > _since order by card_id;
$$;

create or replace function privacy.recover_suppressions(_cards text[]) returns int
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    added int;
begin
    if ops.doubts() = '{}' then
        perform gate.refuse('SXREF', 'this database is not behind its stores; nothing is recovered');
    end if;
    insert into privacy.suppression (card_id, reason, added_by, event_id)
    select c, 'recovered', 'recovery', audit.append('suppression.added', 'recovery', c, 'added', '{}')
    from (select distinct unnest(_cards) as c) lost
    where not exists (select from privacy.suppression s where s.card_id = lost.c);
    get diagnostics added = row_count;
    return added;
end $$;
