-- A run over several days has one materialization a day; each answers for the events of its own.

alter table audit.attestation
    add column partition_key text check (partition_key ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$');
