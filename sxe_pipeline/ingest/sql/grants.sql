-- The social tier keeps the register by functions; the api sees how much came when and for which market,
-- never a path.

grant usage on schema ingest to sxe_social, sxe_api;
grant select on ingest.collection, ingest.landing_file to sxe_social;
grant execute on function
    ingest.declare_collections(jsonb, timestamptz, text), ingest.set_aside(jsonb, text),
    ingest.register_files(jsonb, timestamptz, text),
    ingest.withdraw_file(text, text, text, text, text),
    ingest.expire_files(jsonb, timestamptz, jsonb), ingest.delete_files(jsonb, timestamptz, jsonb)
    to sxe_social;
grant select (collection, landed_day, byte_count, registered_at, expired_at)
    on ingest.landing_file to sxe_api;
grant select (collection, market) on ingest.collection to sxe_api;
