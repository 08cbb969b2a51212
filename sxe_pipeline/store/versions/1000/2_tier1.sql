-- Tier 1 and the hand-off of its batches: registers, counts and read models; no profile.

-- ingest: the register of landing files, never a copy of them

create table ingest.collection (
    collection text primary key check (collection <> ''),
    gathered_by text,
    tribes text[] not null default '{}',
    market text,
    declared_at timestamptz not null default clock_timestamp()
);

create table ingest.landing_file (
    collection text not null check (collection <> ''),
    file_sha256 ops.sha256 not null,
    path text not null check (path <> ''),
    byte_count bigint not null check (byte_count >= 0),
    landed_day date not null,
    registered_at timestamptz not null default clock_timestamp(),
    expired_at timestamptz,
    primary key (collection, file_sha256)
);

create index landing_file_day on ingest.landing_file (landed_day);

-- social: which table versions count, what each day held, which ids are alive

create table social.table_version (
    table_name text primary key check (table_name ~ '^[a-z]+/[a-z_]+$'),
    version bigint not null check (version >= 0),
    named_at timestamptz not null default clock_timestamp()
);

create table social.day_count (
    landed_day date primary key,
    input_count bigint not null check (input_count >= 0),
    observation_count bigint not null check (observation_count >= 0),
    quarantine_count bigint not null check (quarantine_count >= 0),
    reasons jsonb not null default '{}' check (jsonb_typeof(reasons) = 'object'),
    open_count bigint not null default 0 check (open_count >= 0),
    leak_count bigint not null default 0 check (leak_count >= 0),
    files_digest text not null,
    ruleset_version text not null,
    counted_at timestamptz not null default clock_timestamp()
);

create table social.card (
    card_id text primary key check (card_id <> ''),
    anchor_platform text not null,
    anchor_account_key text not null,
    generation int not null check (generation >= 0),
    parent_card_id text references social.card deferrable initially deferred,
    minted_at timestamptz not null,
    retired_at timestamptz,
    check (parent_card_id <> card_id)
);

create table social.alias (
    card_id text primary key references social.card deferrable initially deferred,
    survivor_card_id text not null references social.card deferrable initially deferred,
    cause text not null,
    since timestamptz not null,
    check (card_id <> survivor_card_id)
);

create index alias_survivor on social.alias (survivor_card_id);

-- cards: read models of the Tier 1 tables

create table cards.audience_pool (
    market text not null,
    audience_pool text not null,
    persona text,
    tribe text,
    country text,
    card_count bigint not null check (card_count >= 0),
    ready_count bigint not null check (ready_count >= 0),
    tagged_count bigint not null check (tagged_count >= 0),
    identifiable_count bigint not null check (identifiable_count >= 0),
    median_follower_count bigint,
    top_evidence text[] not null default '{}',
    sample_card_ids text[] not null default '{}',
    unique nulls not distinct (market, audience_pool, persona, tribe, country)
);

create table cards.funnel (
    stage text not null,
    platform text,
    value bigint not null,
    unique nulls not distinct (stage, platform)
);

-- handoff: the row is the commit point of a batch

create table handoff.batch (
    batch_id text primary key check (batch_id ~ '^[0-9a-f]{32}$'),
    contract text not null,
    contract_version text not null,
    market text not null,
    day date not null,
    prev_batch_id text references handoff.batch,
    state text not null check (state in ('building', 'published', 'abandoned')),
    row_count bigint not null check (row_count >= 0),
    manifest bytea not null,
    manifest_sha256 ops.sha256 not null,
    created_at timestamptz not null default clock_timestamp(),
    published_at timestamptz,
    -- Of a contact batch alone: its chain is the request, its position in it is seq.
    request_id uuid,
    seq int check (seq >= 1),
    check ((state = 'published') = (published_at is not null)),
    check (prev_batch_id <> batch_id),
    check ((request_id is null) = (seq is null)),
    check ((request_id is not null) = (contract = 'lead_contact'))
);

create unique index batch_live on handoff.batch (contract, market, day)
    where request_id is null and state <> 'abandoned';

create unique index batch_request_live on handoff.batch (request_id, seq)
    where request_id is not null and state <> 'abandoned';

create table handoff.signing_key (
    key_id text primary key,
    public_key bytea not null check (octet_length(public_key) = 32),
    created_at timestamptz not null default clock_timestamp(),
    retired_at timestamptz
);
