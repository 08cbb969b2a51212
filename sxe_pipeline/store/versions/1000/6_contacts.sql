-- Contact values, encrypted where they are written: the key is never in the database.

create table contacts.contact_point (
    contact_point_id uuid primary key,
    card_id text not null,
    kind text not null check (kind in ('email', 'phone')),
    ciphertext bytea not null,
    blind_index bytea not null check (octet_length(blind_index) = 32),
    status text not null check (status in ('verified', 'unverified', 'unknown')),
    confidence double precision check (confidence between 0 and 1),
    provider gate.slug not null,
    call_id uuid not null references gate.call,
    request_id uuid not null references gate.request,
    price_micros bigint not null check (price_micros >= 0),
    obtained_at timestamptz not null default clock_timestamp(),
    verified_at timestamptz,
    dnc boolean,
    tcpa boolean,
    litigator boolean,
    flags_checked_at timestamptz,
    flags_valid_until timestamptz,
    purpose text not null,
    legal_basis text not null,
    unique (call_id, card_id, kind, blind_index),
    check ((flags_checked_at is null) = (flags_valid_until is null)),
    check (flags_checked_at is not null or (dnc is null and tcpa is null and litigator is null))
);

create index contact_point_card on contacts.contact_point (card_id);

create index contact_point_blind_index on contacts.contact_point (kind, blind_index);

-- An answer that was not about the person asked: its reason, never what it said.
create table contacts.quarantine (
    call_id uuid not null references gate.call,
    position int not null,
    reason text not null check (reason in ('name_mismatch', 'bad_value', 'discarded')),
    value_count int not null check (value_count >= 0),
    at timestamptz not null default clock_timestamp(),
    primary key (call_id, position, reason, at)
);

-- Who is never asked about again.
create table privacy.suppression (
    card_id text primary key,
    reason text not null check (reason <> ''),
    added_by text not null,
    added_at timestamptz not null default clock_timestamp(),
    event_id uuid not null unique
);
