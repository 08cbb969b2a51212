-- What would go, as a number, for whoever asks; no value, no card.
create or replace function privacy.expiring_points(_period interval, _now timestamptz default null)
returns table (point_count bigint, first_at timestamptz, last_at timestamptz)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select count(*), min(obtained_at), max(obtained_at)
    from contacts.old_points(_period, _now);
$$;
