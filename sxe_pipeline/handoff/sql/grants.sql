-- A tier writes its batches; what was published is changed by nobody.

grant usage on schema handoff to sxe_social, sxe_contacts, sxe_api;
grant select, insert on handoff.batch to sxe_social, sxe_contacts;
grant update (state, published_at, manifest, manifest_sha256) on handoff.batch
    to sxe_social, sxe_contacts;
grant select on handoff.signing_key to sxe_social, sxe_contacts;
grant select on handoff.batch to sxe_api;
grant execute on function handoff.adopt_batch(jsonb, bytea) to sxe_social, sxe_contacts;
