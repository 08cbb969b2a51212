-- Who may ask and decide, and what was asked for.

-- What one value may be is a domain, and what two must be together a check of the table: a table
-- reads its checks anew at every statement, a domain keeps them.

create domain gate.slug as text check (value ~ '^[a-z][a-z0-9_-]{1,31}$');

create domain gate.micros as bigint check (value >= 0);

create domain gate.amount as bigint check (value > 0);

create domain gate.call_state as text check (value in (
    'RESERVED', 'SENDING', 'SETTLED', 'RELEASED', 'AWAITING', 'UNKNOWN'));

create domain gate.outcome as text check (value in (
    'match', 'no_match', 'mismatch', 'released', 'discarded', 'paid_lost', 'unknown_free'));

create domain gate.part as text check (value in ('sync', 'async'));

create domain gate.transfer_kind as text check (value in (
    'reserve', 'post', 'void', 'late', 'adjust'));

create table gate.setting (
    is_only boolean primary key default true check (is_only),
    currency text not null default 'USD',
    quorum int not null default 1 check (quorum between 1 and 5),
    decide_within interval not null default '24 hours',
    run_within interval not null default '24 hours',
    call_lease interval not null default '10 minutes',
    launch_lease interval not null default '2 minutes',
    send_deadline interval not null default '75 seconds',
    reconcile_wait interval not null default '60 seconds',
    poll_wait interval not null default '10 seconds',
    unknown_after interval not null default '72 hours',
    await_for interval not null default '30 days',
    forget_after interval not null default '30 days',
    max_unknown_open int not null default 1 check (max_unknown_open > 0),
    breaker_after int not null default 5 check (breaker_after > 0),
    breaker_rest interval not null default '15 minutes',
    email_fresh_for interval not null default '90 days',
    phone_fresh_for interval not null default '60 days',
    negative_for interval not null default '30 days',
    max_tries int not null default 3 check (max_tries > 0),
    check (least(decide_within, run_within, call_lease, launch_lease, send_deadline, unknown_after,
                 await_for, forget_after, breaker_rest, email_fresh_for, phone_fresh_for,
                 negative_for) > interval '0'),
    check (least(reconcile_wait, poll_wait) >= interval '0')
);

insert into gate.setting default values;

create table gate.principal (
    principal gate.slug primary key,
    scopes text[] not null check (scopes <@ '{request,approve,budget,ack,admin}'),
    is_active boolean not null default true,
    made_at timestamptz not null default clock_timestamp(),
    event_id uuid not null unique
);

create table gate.token (
    token_sha256 bytea primary key check (octet_length(token_sha256) = 32),
    principal gate.slug not null references gate.principal,
    scopes text[] not null check (scopes <@ '{request,approve,budget,ack,admin}'),
    made_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null,
    revoked_at timestamptz,
    event_id uuid not null unique
);

-- What two people must do together: one proposes, the other confirms.
create table gate.proposal (
    proposal_id uuid primary key default gen_random_uuid(),
    kind text not null
        check (kind in ('cap', 'price', 'policy', 'setting', 'principal', 'circuit', 'resolve',
                        'adjust')),
    content jsonb not null,
    reason text not null check (reason <> ''),
    proposed_by gate.slug not null references gate.principal,
    proposed_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null,
    decided_by gate.slug references gate.principal,
    decided_at timestamptz,
    decision text check (decision in ('confirmed', 'rejected')),
    event_id uuid not null unique,
    decided_event_id uuid unique,
    check (decision <> 'confirmed' or decided_by <> proposed_by),
    check ((decision is null) = (decided_at is null))
);

-- What every permit asks of a card stands beside it, worked out once.
create table gate.price_card (
    provider gate.slug not null,
    sha256 bytea not null check (octet_length(sha256) = 32),
    content jsonb not null,
    needs text[] not null,
    groups text[] not null,
    gives_email boolean[] not null,
    gives_phone boolean[] not null,
    is_async boolean[] not null,
    worst_micros bigint[] not null,
    in_force_since timestamptz not null default clock_timestamp(),
    proposal_id uuid not null references gate.proposal,
    primary key (provider, sha256)
);

create table gate.policy (
    sha256 bytea primary key check (octet_length(sha256) = 32),
    content jsonb not null,
    in_force_since timestamptz not null default clock_timestamp(),
    proposal_id uuid not null references gate.proposal
);

-- requests

create table gate.candidate (
    card_id text primary key,
    market text not null,
    audience_pool text,
    platforms text[] not null check (cardinality(platforms) > 0),
    inputs jsonb,
    inputs_revision uuid not null,
    generation uuid not null,
    updated_at timestamptz not null default clock_timestamp(),
    withdrawn_at timestamptz,
    check ((inputs is null) = (withdrawn_at is not null))
);

create index candidate_pool on gate.candidate (market, audience_pool) where withdrawn_at is null;

create table gate.request (
    request_id uuid primary key,
    version int not null check (version > 0),
    market text not null,
    state text not null check (state in (
        'SUBMITTED', 'APPROVED', 'PARTIAL', 'EXECUTING', 'DONE', 'DONE_UNKNOWN', 'HALTED',
        'REJECTED', 'EXPIRED', 'REVOKED')),
    created_by gate.slug not null references gate.principal,
    created_at timestamptz not null default clock_timestamp(),
    decide_by timestamptz not null,
    attempt int not null default 0,
    launch_until timestamptz,
    fence bigint,
    run_id text,
    lease_until timestamptz,
    stops jsonb not null default '{}',
    finished_at timestamptz,
    forgotten_at timestamptz,
    event_id uuid not null unique
);

create index request_state on gate.request (state);

create sequence gate.fence;

create table gate.request_version (
    request_id uuid not null references gate.request deferrable initially deferred,
    version int not null,
    header bytea not null,
    content_sha256 bytea not null check (octet_length(content_sha256) = 32),
    item_count int not null check (item_count between 1 and 250),
    edited_by gate.slug not null references gate.principal,
    made_at timestamptz not null default clock_timestamp(),
    event_id uuid not null unique,
    primary key (request_id, version)
);

create table gate.request_item (
    request_id uuid not null,
    version int not null,
    position int not null check (position between 1 and 250),
    card_id text not null,
    inputs bytea,
    nonce bytea,
    item_sha256 bytea not null check (octet_length(item_sha256) = 32),
    inputs_revision uuid not null,
    platforms text[] not null,
    done_by text[] not null default '{}',
    skip_reason text,
    primary key (request_id, version, position),
    unique (request_id, version, card_id),
    foreign key (request_id, version) references gate.request_version deferrable initially deferred,
    check ((inputs is null) = (nonce is null))
);

create table gate.approval (
    approval_id uuid primary key default gen_random_uuid(),
    request_id uuid not null,
    version int not null,
    content_sha256 bytea not null,
    principal gate.slug not null references gate.principal,
    decision text not null check (decision in ('approve', 'reject', 'revoke')),
    max_micros bigint check (max_micros > 0),
    positions int[] check (cardinality(positions) between 1 and 250),
    lost_cards text[] not null default '{}',
    reason text not null check (reason <> ''),
    made_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz,
    event_id uuid not null unique,
    foreign key (request_id, version) references gate.request_version,
    check ((decision = 'approve') = (expires_at is not null))
);

create index approval_request on gate.approval (request_id, version);
