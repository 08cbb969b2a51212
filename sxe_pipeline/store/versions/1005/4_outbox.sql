-- What is to be told to a queue: written with the fact, sent by a relay or taken by its consumer, at least once.
-- A row is open until it is sent, or dead. `next_try` in the future: it was put off, or somebody took it and has
-- not said yet that it is done. `published_seq` is the order within a contract.
create table handoff.outbox (
    seq bigint generated always as identity primary key,
    event_id uuid not null unique,
    consumer gate.slug not null references handoff.consumer,
    contract text not null,
    batch_id text not null references handoff.batch,
    body jsonb not null,
    published_seq bigint not null generated always as ((body->>'sequence')::bigint) stored,
    attempts int not null default 0 check (attempts >= 0),
    next_try timestamptz not null default clock_timestamp(),
    last_error text check (last_error ~ '^[a-z_]{1,40}$'),
    sent_at timestamptz,
    dead_at timestamptz,
    dead_event_id uuid unique,
    replayed_event_id uuid,
    unique (consumer, batch_id),
    check (sent_at is null or dead_at is null),
    check ((dead_at is null) = (dead_event_id is null))
);

create index outbox_open on handoff.outbox (contract, consumer, published_seq)
    where sent_at is null and dead_at is null;
