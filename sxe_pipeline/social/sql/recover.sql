-- A store lost versions: they are forgotten, and so is whatever was made from them, so that numbers begin
-- anew. Landing files that are gone with it count as deleted.

create or replace function social.forget_versions(
    _tables text[], _files jsonb, _now timestamptz, _record jsonb
) returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    event uuid := audit.write(_record, '{tier1.recovered}');
begin
    delete from ops.version where table_name = any (_tables);
    update ops.version set inputs = '', rest = '' where superseded_at is null;
    update ingest.landing_file f set expired_at = _now, deleted_at = _now, event_id = event
    from jsonb_to_recordset(_files) as g (collection text, file_sha256 text)
    where (f.collection, f.file_sha256) = (g.collection, g.file_sha256);
end $$;
