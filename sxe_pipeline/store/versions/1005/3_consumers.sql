-- Who reads batches, of what, and what they said of them.
create table handoff.consumer (
    consumer gate.slug primary key,
    made_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz,
    event_id uuid not null unique
);

-- `market` '*' is every one. `expect_every`: a batch or a head that says 'unchanged' is due that often.
create table handoff.subscription (
    consumer gate.slug not null references handoff.consumer,
    contract text not null,
    market text not null default '*',
    has_queue boolean not null default false,
    expect_every interval not null default '36 hours' check (expect_every > '0'),
    ack_within interval not null default '48 hours' check (ack_within > '0'),
    since timestamptz not null default clock_timestamp(),
    until timestamptz,
    event_id uuid not null unique,
    primary key (consumer, contract, market)
);

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
create table handoff.ack (
    consumer gate.slug not null,
    batch_id text not null,
    manifest_sha256 ops.sha256 not null,
    status text not null check (status in ('accepted', 'rejected')),
    rows_read bigint not null check (rows_read >= 0),
    keys_sha256 ops.sha256 not null,
    errors jsonb not null default '[]',
    is_proved boolean not null,
    acked_at timestamptz not null default clock_timestamp(),
    event_id uuid not null unique,
    primary key (consumer, batch_id),
    foreign key (consumer, batch_id) references handoff.delivery
);

-- A consumer proves itself by a key, of which the hash is here; two of them may work at a time.
create table handoff.api_key (
    key_sha256 bytea primary key check (octet_length(key_sha256) = 32),
    consumer gate.slug not null references handoff.consumer,
    contracts text[] not null,
    markets text[] not null default '{*}',
    made_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null,
    revoked_at timestamptz,
    event_id uuid not null unique,
    revoked_event_id uuid unique
);

create index api_key_of on handoff.api_key (consumer);
