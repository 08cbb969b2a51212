-- What a collection says and what a guard found name their event, too; null in rows of before.
alter table ingest.collection add column event_id uuid;
alter table ops.verdict add column event_id uuid;
