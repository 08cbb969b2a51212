-- Facts that name the event they were written with; null in rows of before.

alter table handoff.batch add column event_id uuid;
alter table ingest.landing_file add column event_id uuid;
alter table ops.version add column event_id uuid;
alter table social.alias add column event_id uuid;
alter table contacts.contact_point add column event_id uuid;

-- The transaction that took this step: what belongs to it is written by that one alone.
alter table gate.call_step add column xact xid8;
alter table gate.call_step alter column xact set default pg_current_xact_id();

-- A token works once its holder has shown it; those of before do.
-- One that was replaced by its holder's next works no more, and what was done with it stays good; one that
-- was revoked takes that along.
alter table gate.token add column proved_at timestamptz, add column replaced_at timestamptz;
update gate.token set proved_at = made_at;

alter table gate.setting add column may_request_and_approve boolean not null default false;

-- Why somebody stopped a provider; the event holds the digest.
create table gate.stop (
    event_id uuid primary key,
    provider gate.slug not null references gate.provider,
    reason text not null check (reason <> ''),
    stopped_by gate.slug not null references gate.principal,
    stopped_at timestamptz not null default clock_timestamp()
);

-- How often somebody was refused, a line a minute; 'nobody' is whoever showed no token that is known.
create table gate.refusal (
    principal text not null,
    minute timestamptz not null check (minute = date_trunc('minute', minute, 'UTC')),
    attempts int not null check (attempts > 0),
    primary key (principal, minute)
);
