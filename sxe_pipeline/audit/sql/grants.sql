-- Every tier adds events; a tier that attests them reads which are open, never a payload.

grant usage on schema audit to sxe_social, sxe_contacts, sxe_api;
grant execute on function audit.record(jsonb) to sxe_social, sxe_contacts;
grant select (event_id, kind, recorded_at, subject) on audit.event to sxe_social, sxe_contacts;
grant select, insert on audit.attestation, audit.attested_event to sxe_social, sxe_contacts;
grant update (dagster_storage_id) on audit.attestation to sxe_social;
grant select on audit.event, audit.attestation, audit.attested_event to sxe_api;
grant execute on function audit.day_of(uuid) to sxe_social;
grant execute on function audit.reconcile() to sxe_api;
