-- What a consumer pinned a key for, or the database knows it for, as soon as there is more than cards.
update handoff.signing_key set contracts = contracts || '{audience_pool}'
where contracts @> '{lead_card}' and not contracts @> '{audience_pool}';

-- A batch whose files were kept for long enough. Its row and its manifest stay; `statement` is what lies in
-- their place, signed. Deleted: its files are gone from the store.
create table handoff.expiry (
    batch_id text primary key references handoff.batch,
    statement bytea not null,
    begun_at timestamptz not null default clock_timestamp(),
    event_id uuid not null unique,
    deleted_at timestamptz,
    deleted_event_id uuid unique,
    check ((deleted_at is null) = (deleted_event_id is null))
);
