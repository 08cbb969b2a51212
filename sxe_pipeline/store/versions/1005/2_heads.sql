-- What a batch is beside its rows: all of them, or what changed since the one before it in its chain.
-- `keys_sha256`: what a consumer that read every row can say and a manifest does not; null before this.
alter table handoff.batch
    add column kind text not null default 'full' check (kind in ('full', 'delta')),
    add column keys_sha256 ops.sha256,
    add column expired_at timestamptz,
    add column expired_event_id uuid,
    add check (kind = 'full' or prev_batch_id is not null);

-- The signed statement of which batches are the newest, numbered without a gap in the folder of a major
-- version; the bytes are here before they are in the store. `last_published_seq`: the last batch of the
-- contract that it knows.
create table handoff.head (
    contract text not null,
    major int not null check (major >= 0),
    seq bigint not null check (seq >= 1),
    prev_sha256 ops.sha256,
    bytes bytea not null,
    sha256 ops.sha256 not null unique,
    last_published_seq bigint not null,
    made_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null,
    put_at timestamptz,
    event_id uuid not null unique,
    primary key (contract, major, seq),
    check ((seq = 1) = (prev_sha256 is null)),
    check (expires_at > made_at)
);

-- The run that publishes a contract now, from its first market to its head, while its lease lasts.
create table handoff.publishing (
    contract text primary key,
    run_id text not null,
    since timestamptz not null default clock_timestamp()
);
