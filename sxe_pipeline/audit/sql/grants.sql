-- Every tier adds events; a tier that attests them reads which are open, never a payload.

grant usage on schema audit to sxe_social, sxe_contacts, sxe_api;
grant execute on function audit.record(jsonb) to sxe_social, sxe_contacts;
grant select (event_id, kind, recorded_at, subject) on audit.event to sxe_social, sxe_contacts;
grant select, insert on audit.attestation, audit.attested_event to sxe_social, sxe_contacts;
grant update (dagster_storage_id) on audit.attestation to sxe_social;
grant select on audit.event, audit.attestation, audit.attested_event to sxe_api;
grant execute on function audit.day_of(uuid) to sxe_social;
grant execute on function audit.reconcile() to sxe_api;

-- Who seals reads hashes and adds: no payload, no event, nothing of a tier.
grant usage on schema audit to sxe_sealer, sxe_serve;
grant select on audit.pending to sxe_sealer;
grant execute on function audit.take_pending(int) to sxe_sealer;
grant select, insert on audit.leaf, audit.seal to sxe_sealer;
grant execute on function audit.newest_checkpoint() to sxe_social, sxe_contacts, sxe_api, sxe_serve;
grant select on audit.pending, audit.leaf, audit.seal to sxe_api;
grant execute on function audit.unsealed_since() to sxe_social;
grant select (seal_no, first_leaf, tree_size, root, seal_hash, sealed_at) on audit.seal to sxe_social;
