-- What is kept no longer than it is needed: old table versions, landing files, days of Tier 1.

alter table ops.version
    -- The version that first held these rows, where compaction only wrote them into other files.
    add column rows_version bigint check (rows_version >= 0),
    -- Nobody reads it any more, and its files are about to be deleted.
    add column dropping_since timestamptz,
    add check (dropping_since is null or superseded_at is not null);

-- Expired: nobody reads it any more. Deleted: it is gone from the store.
alter table ingest.landing_file
    add column deleted_at timestamptz,
    add check (deleted_at is null or expired_at is not null);

create index landing_file_deleting on ingest.landing_file (expired_at)
    where expired_at is not null and deleted_at is null;

-- The rows of the day are gone, its counts stay.
alter table social.day_count
    add column observations_expired_at timestamptz,
    add column quarantine_expired_at timestamptz;
