set local role sxe_owner;

create schema ingest;
create schema social;
create schema cards;
create schema handoff;
create schema audit;
create schema dagster;

create domain ops.sha256 as text check (value ~ '^[0-9a-f]{64}$');

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
    matchable_count bigint not null check (matchable_count >= 0),
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
    check ((state = 'published') = (published_at is not null)),
    check (prev_batch_id <> batch_id)
);
create unique index batch_live on handoff.batch (contract, market, day)
    where state <> 'abandoned';

create table handoff.signing_key (
    key_id text primary key,
    public_key bytea not null check (octet_length(public_key) = 32),
    created_at timestamptz not null default clock_timestamp(),
    retired_at timestamptz
);

create function handoff.keep_published() returns trigger language plpgsql as $$
begin
    raise exception 'a published batch does not change' using errcode = '42501';
end $$;
create trigger keep_published before update or delete on handoff.batch
    for each row when (old.state = 'published') execute function handoff.keep_published();

-- audit: append-only by grants and by triggers

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

create table audit.cover (
    digest ops.sha256 primary key,
    asset_key text not null,
    run_id text,
    event_count bigint not null check (event_count > 0),
    covered_at timestamptz not null default clock_timestamp(),
    dagster_storage_id bigint
);

create table audit.covered (
    event_id uuid primary key references audit.event,
    digest ops.sha256 not null references audit.cover
);
create index covered_digest on audit.covered (digest);

-- A generated column over timestamptz is refused (its text form is not immutable), so a trigger
-- sets both; the time of recording is the server's, whatever the writer says.
create function audit.seal_leaf() returns trigger language plpgsql
set search_path = pg_catalog, pg_temp as $$
begin
    new.recorded_at := clock_timestamp();
    new.leaf_hash := sha256(
        '\x00'::bytea || new.payload
        || int8send((extract(epoch from new.recorded_at) * 1000000)::bigint));
    return new;
end $$;
create trigger seal_leaf before insert on audit.event
    for each row execute function audit.seal_leaf();
alter table audit.event enable always trigger seal_leaf;

create function audit.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'the audit log is append-only' using errcode = '42501';
end $$;
-- Per statement, so that one which touches no row is refused too; ALWAYS, so that
-- session_replication_role = replica does not switch it off.
create trigger refuse_change before update or delete or truncate on audit.event
    for each statement execute function audit.refuse_change();
alter table audit.event enable always trigger refuse_change;

-- who may do what

revoke all on all functions in schema handoff, audit from public;
revoke all on type ops.sha256 from public;
grant usage on type ops.sha256 to sxe_social;

grant usage on schema ingest, social, cards, handoff, audit, ops to sxe_social, sxe_api;
grant usage on schema audit to sxe_contacts;
grant usage, create on schema dagster to sxe_dagster;

grant select, insert, update on ingest.collection, ingest.landing_file to sxe_social;
grant select, insert, update on social.table_version, social.day_count, social.card
    to sxe_social;
grant select, insert, update, delete on social.alias to sxe_social;
grant select, insert, update, delete on cards.audience_pool, cards.funnel to sxe_social;
grant select, insert on handoff.batch to sxe_social;
grant update (state, published_at, manifest, manifest_sha256) on handoff.batch to sxe_social;
grant select on handoff.signing_key to sxe_social;

grant insert (event_id, kind, actor, subject, payload) on audit.event
    to sxe_social, sxe_contacts;
-- ON CONFLICT (event_id) reads that column; covering reads which events are open, never a payload.
grant select (event_id) on audit.event to sxe_contacts;
grant select (event_id, kind, recorded_at) on audit.event to sxe_social;
grant select, insert on audit.cover, audit.covered to sxe_social;
grant update (dagster_storage_id) on audit.cover to sxe_social;

grant select on cards.audience_pool, cards.funnel, handoff.batch to sxe_api;
grant select on audit.event, audit.cover, audit.covered to sxe_api;
grant select on social.table_version, social.day_count to sxe_api;
grant select (collection, landed_day, byte_count, registered_at, expired_at)
    on ingest.landing_file to sxe_api;

reset role;
