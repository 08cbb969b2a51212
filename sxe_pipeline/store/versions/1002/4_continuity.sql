-- Which server this database lives on, and how far it has counted what left it: a copy that was
-- restored, or a standby that took over, is told by the one; one that is behind its stores by the other.

create table ops.server (
    is_only boolean primary key default true check (is_only),
    system_identifier bigint not null,
    timeline int not null,
    database_oid oid not null,
    known_since timestamptz not null default clock_timestamp()
);

insert into ops.server (system_identifier, timeline, database_oid)
select s.system_identifier, c.timeline_id, d.oid
from pg_control_system() s, pg_control_checkpoint() c, pg_database d
where d.datname = current_database();

-- Counted up in the transaction of whatever may be seen outside; the store gets the number after it.
create table ops.marker (
    store text primary key check (store in ('tier1', 'handoff', 'contact_handoff')),
    number bigint not null default 0 check (number >= 0),
    marker_id uuid not null default gen_random_uuid(),
    counted_at timestamptz not null default clock_timestamp()
);

insert into ops.marker (store) values ('tier1'), ('handoff'), ('contact_handoff');

-- A store that holds a marker which this database never counted. It stays until two persons adopt the
-- database as it is.
create table ops.doubt (
    store text primary key references ops.marker,
    number bigint not null,
    seen_at timestamptz not null default clock_timestamp(),
    event_id uuid not null unique
);

-- Who may have been paid for after the moment that a restored database remembers: nobody asks about them
-- again while an answer would still be fresh.
create table gate.lost_ask (
    card_id text primary key,
    asked_at timestamptz not null,
    until timestamptz not null,
    event_id uuid not null
);

alter table gate.proposal drop constraint proposal_kind_check;
alter table gate.proposal add constraint proposal_kind_check
    check (kind in ('cap', 'price', 'policy', 'setting', 'principal', 'circuit', 'resolve',
                    'adjust', 'recovery'));
