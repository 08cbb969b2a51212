-- What a collection says and what a guard found name their event, too; null in rows of before.
alter table ingest.collection add column event_id uuid;
alter table ops.verdict add column event_id uuid;

-- The first answer was about somebody who may be another: the rest of it is believed as little.
alter table gate.call_item add column is_doubtful boolean not null default false;

-- Why a key signs no more, and the event of that; null in rows of before.
alter table handoff.signing_key
    add column retired_reason text check (retired_reason <> ''),
    add column retired_event_id uuid;
