-- Who reads batches, of what, and what they said of them.
create table handoff.consumer (
    consumer gate.slug primary key,
    made_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz,
    event_id uuid not null unique,
    ended_event_id uuid unique,
    check ((ended_at is null) = (ended_event_id is null))
);

-- `market` '*' is every one. `expect_every`: a batch or a head that says 'unchanged' is due that often.
-- One that ended and begins again is another row.
create table handoff.subscription (
    event_id uuid primary key,
    consumer gate.slug not null references handoff.consumer,
    contract text not null check (contract ~ '^[a-z][a-z0-9_]{1,63}$'),
    market text not null default '*' check (market ~ '^([a-z0-9][a-z0-9_]{0,63}|\*)$'),
    has_queue boolean not null default false,
    expect_every interval not null default '36 hours'
        check (expect_every > '0' and expect_every <= '30 days'),
    ack_within interval not null default '48 hours' check (ack_within > '0' and ack_within <= '30 days'),
    since timestamptz not null default clock_timestamp(),
    until timestamptz,
    until_event_id uuid unique,
    check ((until is null) = (until_event_id is null))
);

create unique index subscription_live on handoff.subscription (consumer, contract, market)
    where until is null;

create table handoff.delivery (
    consumer gate.slug not null references handoff.consumer,
    batch_id text not null references handoff.batch,
    contract text not null,
    delivered_at timestamptz not null default clock_timestamp(),
    due_at timestamptz not null,
    event_id uuid not null unique,
    primary key (consumer, batch_id)
);

create index delivery_of on handoff.delivery (consumer, contract, delivered_at);

-- One for each delivery, and it does not change. `errors`: path, rule and count of each, never a value.
-- `is_proved`: it read the rows that were published. Neither proved nor wrong: there was no row to read, or
-- what the keys must be is not known.
create table handoff.ack (
    consumer gate.slug not null,
    batch_id text not null,
    manifest_sha256 ops.sha256 not null,
    status text not null check (status in ('accepted', 'rejected')),
    rows_read bigint not null check (rows_read >= 0),
    keys_sha256 ops.sha256 not null,
    errors jsonb not null default '[]',
    is_proved boolean not null,
    is_wrong boolean not null,
    acked_at timestamptz not null default clock_timestamp(),
    event_id uuid not null unique,
    primary key (consumer, batch_id),
    foreign key (consumer, batch_id) references handoff.delivery,
    check (not (is_proved and is_wrong))
);

-- A consumer proves itself by a key, of which the hash is here; two of them may work at a time.
create table handoff.api_key (
    key_sha256 bytea primary key check (octet_length(key_sha256) = 32),
    consumer gate.slug not null references handoff.consumer,
    contracts text[] not null check (cardinality(contracts) > 0),
    markets text[] not null default '{*}' check (cardinality(markets) > 0),
    made_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null check (expires_at > made_at),
    revoked_at timestamptz,
    event_id uuid not null unique,
    revoked_event_id uuid unique,
    check ((revoked_at is null) = (revoked_event_id is null))
);

create index api_key_of on handoff.api_key (consumer);
