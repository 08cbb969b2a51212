-- The register of landing files: many rows a call, each with its event, or one event for what ends.

-- Answers the files that are new, or that were withdrawn and landed again. Withdrawn content counts
-- anew only once the day that it is taken out of was made without it.
create or replace function ingest.register_files(_files jsonb, _now timestamptz, _actor text)
returns table (collection text, file_sha256 text)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
    actor text := audit.as_login(_actor);
begin
    return query
    with given as (
        select f.*, ingest.hashed(f.collection) as key
        from jsonb_to_recordset(_files) as f (collection text, file_sha256 text, path text,
            byte_count bigint, landed_day date, is_again boolean, modified timestamptz)
    ), made as (
        insert into ingest.landing_file as f
            (collection, file_sha256, path, byte_count, landed_day, registered_at, event_id)
        select collection, file_sha256, path, byte_count, landed_day, _now,
               audit.event_id('landing_file.registered', file_sha256, key)
        from given
        on conflict (collection, file_sha256) do update set path = excluded.path,
            landed_day = excluded.landed_day, registered_at = excluded.registered_at,
            expired_at = null, deleted_at = null, withdrawn_at = null, withdrawn_reason = null,
            event_id = audit.event_id('landing_file.registered', excluded.file_sha256,
                ingest.hashed(excluded.collection)
                || '@' || excluded.registered_at)
        where f.withdrawn_at is not null
          and (f.landed_day = excluded.landed_day or not exists (
                select from social.day_count c
                where c.landed_day = f.landed_day and c.counted_at < f.withdrawn_at))
          and exists (select from given g where g.collection = f.collection
                      and g.file_sha256 = f.file_sha256
                      and (g.is_again or g.modified > f.withdrawn_at))
        returning f.collection, f.file_sha256, f.landed_day, f.byte_count, xmax <> 0 as is_again
    ), said as (
        select m.collection, m.file_sha256::text, audit.append('landing_file.registered', actor,
            m.file_sha256, g.key || case when m.is_again then '@' || _now else '' end,
            jsonb_build_object('landed_day', m.landed_day, 'byte_count', m.byte_count))
        from made m join given g using (collection, file_sha256)
    )
    select said.collection, said.file_sha256 from said;
end $$;

-- One file counts no more, or another one in its place. Null where it was withdrawn before.
create or replace function ingest.withdraw_file(
    _collection text, _file_sha256 text, _reason text, _by_sha256 text, _actor text
) returns timestamptz
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    f ingest.landing_file;
begin
    update ingest.landing_file set withdrawn_at = clock_timestamp(), withdrawn_reason = _reason
    where collection = _collection and file_sha256 = _file_sha256 and withdrawn_at is null
    returning * into f;
    if f.file_sha256 is null then
        return null;
    end if;
    update ingest.landing_file set event_id = audit.append(
        case when _by_sha256 is null then 'landing_file.withdrawn' else 'landing_file.replaced' end,
        audit.as_login(_actor), _file_sha256,
        ingest.hashed(_collection) || '@' || f.withdrawn_at,
        jsonb_build_object('landed_day', f.landed_day, 'by_sha256', _by_sha256,
            'reason_sha256', encode(sha256(convert_to(_reason, 'UTF8')), 'hex')))
    where collection = _collection and file_sha256 = _file_sha256;
    return f.withdrawn_at;
end $$;

-- From here on nobody reads these files. No file at all: what no row names is about to go.
create or replace function ingest.expire_files(_files jsonb, _now timestamptz, _record jsonb)
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    event uuid := audit.write(_record, '{landing_files.expired}');
begin
    update ingest.landing_file f set expired_at = _now, event_id = event
    from jsonb_to_recordset(_files) as g (collection text, file_sha256 text)
    where (f.collection, f.file_sha256) = (g.collection, g.file_sha256) and f.expired_at is null;
end $$;

-- They are gone from the store.
create or replace function ingest.delete_files(_files jsonb, _now timestamptz, _record jsonb)
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    event uuid := audit.write(_record, '{landing_files.deleted}');
begin
    update ingest.landing_file f set deleted_at = _now, event_id = event
    from jsonb_to_recordset(_files) as g (collection text, file_sha256 text)
    where (f.collection, f.file_sha256) = (g.collection, g.file_sha256)
      and f.expired_at is not null;
end $$;
