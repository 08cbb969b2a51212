-- The audit log: append-only by grants and by triggers (audit/sql).

create table audit.event (
    event_id uuid primary key,
    recorded_at timestamptz not null,
    kind text not null check (kind <> ''),
    actor text not null check (actor <> ''),
    subject text not null check (subject <> ''),
    payload bytea not null check (octet_length(payload) between 2 and 600),
    leaf_hash bytea not null check (octet_length(leaf_hash) = 32)
);

create index event_kind on audit.event (kind, recorded_at);

create index event_subject on audit.event (subject);

create index event_recorded on audit.event (recorded_at);

create table audit.attestation (
    digest ops.sha256 primary key,
    asset_key text not null,
    run_id text,
    event_count bigint not null check (event_count > 0),
    attested_at timestamptz not null default clock_timestamp(),
    dagster_storage_id bigint
);

create table audit.attested_event (
    event_id uuid primary key references audit.event,
    digest ops.sha256 not null references audit.attestation
);

create index attested_event_digest on audit.attested_event (digest);
