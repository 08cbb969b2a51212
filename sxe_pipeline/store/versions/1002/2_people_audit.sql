-- Facts that name the event they were written with; null in rows of before.

alter table handoff.batch add column event_id uuid;
alter table ingest.landing_file add column event_id uuid;
alter table ops.version add column event_id uuid;
alter table social.alias add column event_id uuid;
alter table contacts.contact_point add column event_id uuid;

-- The transaction that took this step: what belongs to it is written by that one alone.
alter table gate.call_step add column xact xid8;
alter table gate.call_step alter column xact set default pg_current_xact_id();
