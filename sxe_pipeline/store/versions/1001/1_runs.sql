-- What keeps a month going without a person: leases of runs, and the work that they are asked for.

-- Which engine works; another one stands by until the lease ends.
create table ops.engine (
    is_only boolean primary key default true check (is_only),
    holder uuid not null,
    lease_until timestamptz not null
);

create table ops.run (
    run_id text primary key check (run_id <> ''),
    login name not null default current_user,
    begun_at timestamptz not null default clock_timestamp(),
    lease_until timestamptz not null,
    ended_at timestamptz,
    outcome text check (outcome in ('ended', 'transient', 'unexpected', 'refused', 'lost')),
    reason text check (length(reason) <= 500),
    check ((ended_at is null) = (outcome is null))
);

create index run_open on ops.run (lease_until) where ended_at is null;

-- One line for each thing that is due: a day to take in, a night to publish.
create table ops.work (
    work text not null check (work ~ '^[a-z_]+$'),
    subject text not null check (subject <> ''),
    -- A digest of what it is made from; when that changes it is asked for at once.
    inputs text not null,
    state text not null check (state in ('asked', 'waiting', 'red', 'done')),
    attempt int not null check (attempt >= 1),
    failures int not null default 0 check (failures >= 0),
    ask_id uuid not null,
    asked_at timestamptz not null default clock_timestamp(),
    run_id text,
    retry_at timestamptz,
    outcome text,
    reason text,
    changed_at timestamptz not null default clock_timestamp(),
    primary key (work, subject),
    check ((state = 'waiting') = (retry_at is not null))
);

create index work_ask on ops.work (ask_id);
