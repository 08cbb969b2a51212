-- The social tier keeps the register; the api sees how much came when, never a path.

grant usage on schema ingest to sxe_social, sxe_api;
grant select, insert, update on ingest.collection, ingest.landing_file to sxe_social;
grant select (collection, landed_day, byte_count, registered_at, expired_at)
    on ingest.landing_file to sxe_api;
