-- The landing day that an event names, and nothing else of it: who attests reads no payload.

create or replace function audit.day_of(_event_id uuid) returns text
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select coalesce(
        substring(subject from '^[0-9]{4}-[0-9]{2}-[0-9]{2}$'),
        convert_from(payload, 'UTF8')::jsonb #>> '{data,landed_day}',
        convert_from(payload, 'UTF8')::jsonb #>> '{data,day}')
    from audit.event where event_id = _event_id;
$$;
