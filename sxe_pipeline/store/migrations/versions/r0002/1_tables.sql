set local role sxe_owner;

create schema gate;
create schema privacy;
create schema contacts;

-- Every function that a login may run fixes its search path and runs as the owner. The ones inside
-- are for those alone: nobody else may execute them, and without a path of their own the planner can
-- take them in.

-- audit: the forms that Python has, in SQL, so that an owner function records in its own transaction

create function audit.canonical(_value jsonb) returns text
language plpgsql immutable as $$
begin
    return case jsonb_typeof(_value)
        when 'object' then '{' || coalesce((
            select string_agg(to_json(key)::text || ':' || audit.canonical(value), ','
                              order by key collate "C")
            from jsonb_each(_value)), '') || '}'
        when 'array' then '[' || coalesce((
            select string_agg(audit.canonical(value), ',' order by place)
            from jsonb_array_elements(_value) with ordinality as item (value, place)), '') || ']'
        else _value::text end;
end $$;

create function audit.event_id(_kind text, _subject text, _key text) returns uuid
language plpgsql immutable as $$
declare
    h bytea := substr(sha256(convert_to(concat_ws(E'\n', _kind, _subject, _key), 'UTF8')), 1, 16);
begin
    h := set_byte(h, 6, (get_byte(h, 6) & 15) | 128);  -- version 8: a hash of our own
    h := set_byte(h, 8, (get_byte(h, 8) & 63) | 128);
    return encode(h, 'hex')::uuid;
end $$;

create function audit.say(_kind text, _actor text, _subject text, _key text, _data jsonb)
returns uuid language plpgsql as $$
declare
    made uuid := audit.event_id(_kind, _subject, _key);
begin
    insert into audit.event (event_id, kind, actor, subject, payload)
    values (made, _kind, _actor, _subject, convert_to(audit.canonical(jsonb_build_object(
        'actor', _actor, 'data', jsonb_strip_nulls(_data), 'key', _key, 'kind', _kind,
        'subject', _subject)), 'UTF8'));
    return made;
end $$;

create function audit.keep_owner_kinds() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if new.kind ~ '^(request|call|lane|budget|price|policy|setting|principal|proposal|suppression)[.]'
       and current_user <> 'sxe_owner' then
        raise exception 'events of the gate are recorded by the gate' using errcode = '42501';
    end if;
    return new;
end $$;
create trigger owner_kinds before insert on audit.event
    for each row execute function audit.keep_owner_kinds();
alter table audit.event enable always trigger owner_kinds;

-- people

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
        check (kind in ('cap', 'price', 'policy', 'setting', 'principal', 'lane', 'resolve',
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

create table privacy.suppression (
    card_id text primary key,
    reason text not null check (reason <> ''),
    added_by text not null,
    added_at timestamptz not null default clock_timestamp(),
    event_id uuid not null unique
);

-- requests

create table gate.candidate (
    card_id text primary key,
    market text not null,
    audience_pool text,
    platforms text[] not null check (cardinality(platforms) > 0),
    inputs jsonb,
    fingerprint uuid not null,
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
    fingerprint uuid not null,
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

-- money: integers in millionths of the currency

-- The name of a budget, one for each: of a request, or of a month with a market, a provider or both.
create function gate.budget_slot(_request uuid, _market text, _provider text, _month date)
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
    slot text not null unique
        generated always as (gate.budget_slot(request_id, market, provider, month)) stored,
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
    fingerprint uuid not null,
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
    fingerprint uuid not null,
    outcome text not null check (outcome in ('match', 'no_match', 'mismatch')),
    call_id uuid not null references gate.call,
    answered_at timestamptz not null default clock_timestamp(),
    valid_until timestamptz not null,
    primary key (card_id, provider, field)
);

create table gate.lane (
    provider gate.slug primary key,
    state text not null default 'closed' check (state in ('closed', 'open', 'half_open', 'killed')),
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

-- contact values, encrypted where they are written: the key is never in the database

create table contacts.contact_point (
    contact_point_id uuid primary key,
    card_id text not null,
    kind text not null check (kind in ('email', 'phone')),
    ciphertext bytea not null,
    lookup_hash bytea not null check (octet_length(lookup_hash) = 32),
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
    unique (call_id, card_id, kind, lookup_hash),
    check ((flags_checked_at is null) = (flags_valid_until is null)),
    check (flags_checked_at is not null or (dnc is null and tcpa is null and litigator is null))
);
create index contact_point_card on contacts.contact_point (card_id);
create index contact_point_lookup on contacts.contact_point (kind, lookup_hash);

-- An answer that was not about the person asked: its reason, never what it said.
create table contacts.quarantine (
    call_id uuid not null references gate.call,
    position int not null,
    reason text not null check (reason in ('name_mismatch', 'bad_value', 'discarded')),
    value_count int not null check (value_count >= 0),
    at timestamptz not null default clock_timestamp(),
    primary key (call_id, position, reason, at)
);

create function gate.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'this record is append-only' using errcode = '42501';
end $$;
create trigger refuse_change before update or delete or truncate on gate.transfer
    for each statement execute function gate.refuse_change();
create trigger refuse_change before update or delete or truncate on gate.approval
    for each statement execute function gate.refuse_change();
create trigger refuse_change before update or delete or truncate on gate.call_step
    for each statement execute function gate.refuse_change();
create trigger refuse_change before update or delete or truncate on gate.request_version
    for each statement execute function gate.refuse_change();

reset role;
