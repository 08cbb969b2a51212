-- A tier moves its batches by functions; what was published is changed by nobody.

grant usage on schema handoff to sxe_social, sxe_contacts, sxe_api, sxe_serve;
grant select on handoff.batch, handoff.head to sxe_social, sxe_contacts, sxe_api;
grant select on handoff.signing_key to sxe_social, sxe_contacts;
grant execute on function
    handoff.expiring(text, timestamptz, int), handoff.begin_expiry(text, bytea, text),
    handoff.end_expiry(text, text)
    to sxe_social, sxe_contacts;
grant execute on function handoff.keys_of(bytea), handoff.note_rotation(text, text, int, text)
    to sxe_social, sxe_contacts;
grant execute on function handoff.adopt_batch(jsonb, bytea) to sxe_social, sxe_contacts;
grant execute on function
    handoff.build(text, text, text, text, date, uuid, int, text, bigint, bytea, text, timestamptz,
                  text, text, bigint, text),
    handoff.abandon(text, text), handoff.finish(text, text)
    to sxe_social, sxe_contacts;
grant execute on function
    handoff.begin_publishing(text, text), handoff.is_published_now(text), handoff.lock_heads(text),
    handoff.make_head(text, int, bytea, text), handoff.adopt_head(text, int, bytea),
    handoff.note_head_put(text, int, bigint)
    to sxe_social, sxe_contacts;

-- Of consumers: people act by a token, consumers by a key; no login reads or writes a table.
grant execute on function
    handoff.add_consumer(text, text), handoff.end_consumer(text, text),
    handoff.subscribe(text, text, text, text, boolean, interval, interval),
    handoff.unsubscribe(text, text, text, text),
    handoff.add_key(text, text, bytea, text[], text[], timestamptz), handoff.revoke_key(text, text),
    handoff.enter_ack(text, text, text, jsonb), handoff.show_consumers(), handoff.slo_of(text)
    to sxe_api;
grant execute on function handoff.put_ack(bytea, text, jsonb), handoff.slo(bytea) to sxe_serve;
grant execute on function
    handoff.served_key(bytea), handoff.served_head(bytea, text, int, bigint),
    handoff.served_batches(bytea, text, bigint, int, boolean),
    handoff.served_batch(bytea, text),
    handoff.served_newest(bytea, text, int, bigint)
    to sxe_serve;
-- The contact service lends addresses of its files to the API, to keys that see their batch.
grant execute on function handoff.served_batch(bytea, text) to sxe_contacts;
grant execute on function
    handoff.open_notices(int), handoff.mark_sent(bigint[]), handoff.put_off(bigint, text, text)
    to sxe_social, sxe_contacts;
grant execute on function handoff.count_notices() to sxe_social, sxe_contacts, sxe_api;
grant execute on function handoff.dead_notices() to sxe_social;
grant execute on function handoff.replay_notices(text, text, text, bigint) to sxe_api;
grant execute on function
    handoff.take_notices(bytea, int, int), handoff.done_notice(bytea, uuid) to sxe_serve;
