-- Money: integers in millionths of the currency. Budgets, calls, transfers, answers, providers.

-- The name of a budget, one for each: of a request, or of a month with a market, a provider or both.
create function gate.budget_key(_request uuid, _market text, _provider text, _month date)
returns text language sql immutable as $$
    select coalesce(_request::text, (_month - date '2000-01-01') || '/' || coalesce(_provider, '*')
                                    || '/' || coalesce('=' || _market, '*'));
$$;

create table gate.budget (
    budget_id bigint generated always as identity primary key,
    request_id uuid references gate.request,
    market text,
    provider gate.slug,
    month date check (date_trunc('month', month) = month),
    cap gate.micros not null,
    reserved gate.micros not null default 0,
    spent gate.micros not null default 0,
    overrun gate.micros not null default 0,
    budget_key text not null unique
        generated always as (gate.budget_key(request_id, market, provider, month)) stored,
    check (reserved + spent <= cap),
    check ((request_id is null) = (month is not null)),
    check (request_id is not null or market is not null or provider is not null)
) with (fillfactor = 50);

create table gate.call (
    call_id uuid primary key,
    request_id uuid not null references gate.request,
    version int not null,
    provider gate.slug not null,
    groups text[] not null,
    state gate.call_state not null,
    fence bigint not null,
    lease_until timestamptz not null,
    micros_per_unit gate.amount not null,
    sync_micros gate.micros not null,
    async_micros gate.micros not null,
    charged_micros gate.micros not null default 0,
    charged_units_micro gate.micros not null default 0,
    provider_request_id text,
    http_status int,
    response_sha256 bytea,
    reason text,
    claimed_at timestamptz not null default clock_timestamp(),
    sent_at timestamptz,
    resolved_at timestamptz,
    poll_after timestamptz,
    polls int not null default 0,
    check (sync_micros + async_micros > 0)
) with (fillfactor = 70);

create index call_request on gate.call (request_id);

create index call_open on gate.call (provider, state)
    where state in ('RESERVED', 'SENDING', 'AWAITING', 'UNKNOWN');

-- Every move of a call but the first, each with its event.
create table gate.call_step (
    call_id uuid not null references gate.call,
    step int not null,
    state text not null,
    at timestamptz not null default clock_timestamp(),
    event_id uuid not null unique,
    primary key (call_id, step)
);

create table gate.call_item (
    call_id uuid not null references gate.call,
    position int not null,
    field_group text not null,
    card_id text not null,
    survivor_id text not null,
    provider gate.slug not null,
    inputs_revision uuid not null,
    is_async boolean not null,
    live boolean not null default true,
    outcome gate.outcome,
    provider_person_id text,
    primary key (call_id, position, field_group)
);

create unique index call_item_live on gate.call_item (survivor_id, provider, field_group)
    where live;

create index call_item_survivor on gate.call_item (survivor_id);

-- No foreign keys: the check of budget_id would share-lock the rows that every permit updates, and
-- only the functions that make the call write here. Neither a budget nor a call is ever deleted.
create table gate.transfer (
    transfer_id bigint generated always as identity primary key,
    budget_id bigint not null,
    call_id uuid not null,
    part gate.part not null,
    kind gate.transfer_kind not null,
    amount gate.amount not null,
    pending_id bigint references gate.transfer,
    at timestamptz not null default clock_timestamp(),
    check ((kind in ('post', 'void')) = (pending_id is not null))
);

create unique index transfer_reserve on gate.transfer (call_id, budget_id, part)
    where kind = 'reserve';

create unique index transfer_resolved on gate.transfer (pending_id) where pending_id is not null;

-- What is known: an answer of a provider about one field of one card.
create table gate.answer (
    card_id text not null,
    provider gate.slug not null,
    field text not null check (field in ('email', 'phone')),
    inputs_revision uuid not null,
    outcome text not null check (outcome in ('match', 'no_match', 'mismatch')),
    call_id uuid not null references gate.call,
    answered_at timestamptz not null default clock_timestamp(),
    valid_until timestamptz not null,
    primary key (card_id, provider, field)
);

-- A provider: whether calls may leave (its circuit), and what its own counter says.
create table gate.provider (
    provider gate.slug primary key,
    circuit_state text not null default 'closed'
        check (circuit_state in ('closed', 'open', 'half_open', 'killed')),
    cause text,
    changed_at timestamptz not null default clock_timestamp(),
    failures int not null default 0,
    busy_call uuid references gate.call,
    booked_units_micro bigint not null default 0,
    agreed_units_micro bigint,
    agreed_booked_micro bigint,
    agreed_at timestamptz,
    read_units_micro bigint,
    read_at timestamptz,
    event_id uuid not null unique
);
