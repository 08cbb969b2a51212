-- A tier moves its batches by functions; what was published is changed by nobody.

grant usage on schema handoff to sxe_social, sxe_contacts, sxe_api;
grant select on handoff.batch to sxe_social, sxe_contacts, sxe_api;
grant select on handoff.signing_key to sxe_social, sxe_contacts;
grant execute on function handoff.key_of(bytea) to sxe_social, sxe_contacts;
grant execute on function handoff.adopt_batch(jsonb, bytea) to sxe_social, sxe_contacts;
grant execute on function
    handoff.build(text, text, text, text, date, uuid, int, text, bigint, bytea, text, timestamptz,
                  text),
    handoff.abandon(text, text), handoff.finish(text, text)
    to sxe_social, sxe_contacts;
grant usage on schema handoff to sxe_serve;
grant execute on function
    handoff.served_key(bytea), handoff.served_head(bytea, text, bigint),
    handoff.served_batches(bytea, text, bigint, int), handoff.served_batch(bytea, text)
    to sxe_serve;
