-- Batches that a store holds and a restored database does not know.

-- Known again as published, while the database is doubted; the manifest's signature was checked by who asks.
create or replace function handoff.adopt_batch(_batch jsonb, _manifest bytea) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    b handoff.batch;
begin
    if ops.doubts() = '{}' then
        perform gate.refuse('SXREF', 'this database is not behind its stores; nothing is recovered');
    end if;
    if exists (select from handoff.batch where batch_id = _batch->>'batch_id' and state = 'published') then
        return false;
    end if;
    -- What was being built when the backup was made was built, or replaced, since.
    for b in select * from handoff.batch
             where state = 'building' and contract = _batch->>'contract'
               and batch_id <> _batch->>'batch_id'
               and (request_id = (_batch->>'request_id')::uuid
                    or (request_id is null and market = _batch->>'market')) loop
        b.state := 'abandoned';
        update handoff.batch set state = 'abandoned',
            event_id = handoff.write_event(b, 'recovery', clock_timestamp()::text)
        where batch_id = b.batch_id;
    end loop;
    b := jsonb_populate_record(null::handoff.batch, _batch);
    b.state := 'published';
    b.manifest_sha256 := encode(sha256(_manifest), 'hex');
    b.event_id := handoff.write_event(b, 'recovery', b.batch_id);
    insert into handoff.batch (batch_id, contract, contract_version, market, day, request_id, seq,
        prev_batch_id, state, row_count, manifest, manifest_sha256, published_at, published_seq, event_id,
        kind, remove_count, keys_sha256)
    values (b.batch_id, b.contract, b.contract_version, b.market, b.day, b.request_id, b.seq,
        b.prev_batch_id, b.state, b.row_count, _manifest, b.manifest_sha256, clock_timestamp(),
        handoff.next_seq(b.contract), b.event_id, b.kind, b.remove_count, b.keys_sha256)
    on conflict (batch_id) do update set state = 'published', manifest = excluded.manifest,
        manifest_sha256 = excluded.manifest_sha256, published_at = excluded.published_at,
        published_seq = excluded.published_seq, event_id = excluded.event_id,
        keys_sha256 = excluded.keys_sha256
    returning * into b;
    -- Whether it was answered is lost with the rest: it is due again, and the same answer is taken again.
    perform handoff.deliver(b, 'recovery');
    return true;
end $$;
