-- One schema a room; what a migration leaves behind about itself stands in ops.

create schema ingest;
create schema social;
create schema cards;
create schema handoff;
create schema audit;
create schema gate;
create schema privacy;
create schema contacts;
create schema dagster;

create domain ops.sha256 as text check (value ~ '^[0-9a-f]{64}$');

create table ops.revision (
    revision int primary key,
    sha256 ops.sha256 not null,
    applied_at timestamptz not null default clock_timestamp()
);

-- A file of living SQL as it was replayed last, and the objects that came of it.
create table ops.routine_file (
    path text primary key,
    sha256 ops.sha256 not null,
    objects text[] not null,
    replayed_at timestamptz not null default clock_timestamp()
);

-- What the last migration left: the digest of its files, and of the catalogue they made.
create table ops.stamp (
    is_only boolean primary key default true check (is_only),
    files_sha256 ops.sha256 not null,
    catalogue_sha256 ops.sha256 not null,
    stamped_at timestamptz not null default clock_timestamp()
);
