-- A key signs batches of the contracts that it was registered for; null, of an older one, is any.
alter table handoff.signing_key add column contracts text[]
    check (cardinality(contracts) > 0 and array_position(contracts, null) is null);
