-- What is to be told to a queue: written with the fact, sent by a relay, at least once.
create table handoff.outbox (
    seq bigint generated always as identity primary key,
    event_id uuid not null unique,
    consumer gate.slug not null references handoff.consumer,
    contract text not null,
    batch_id text not null references handoff.batch,
    body jsonb not null,
    attempts int not null default 0,
    next_try timestamptz not null default clock_timestamp(),
    last_error text,
    sent_at timestamptz,
    dead_at timestamptz,
    check (sent_at is null or dead_at is null)
);

create index outbox_open on handoff.outbox (contract, consumer, seq)
    where sent_at is null and dead_at is null;
