-- A tier moves its batches by functions; what was published is changed by nobody.

grant usage on schema handoff to sxe_social, sxe_contacts, sxe_api;
grant select on handoff.batch to sxe_social, sxe_contacts, sxe_api;
grant select on handoff.signing_key to sxe_social, sxe_contacts;
grant execute on function
    handoff.expiring(text, timestamptz, int), handoff.begin_expiry(text, bytea, text),
    handoff.end_expiry(text, text)
    to sxe_social, sxe_contacts;
grant execute on function handoff.key_of(bytea) to sxe_social, sxe_contacts;
grant execute on function handoff.adopt_batch(jsonb, bytea) to sxe_social, sxe_contacts;
grant execute on function
    handoff.build(text, text, text, text, date, uuid, int, text, bigint, bytea, text, timestamptz,
                  text),
    handoff.abandon(text, text), handoff.finish(text, text)
    to sxe_social, sxe_contacts;
