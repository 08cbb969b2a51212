-- Batches that a store holds and a restored database does not know.

-- Known again as published, while the database is doubted; the manifest's signature was checked by who asks.
create or replace function handoff.adopt_batch(_batch jsonb, _manifest bytea) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    is_contact boolean := _batch->>'contract' = 'lead_contact';
begin
    if session_user <> (case when is_contact then 'sxe_contacts' else 'sxe_social' end) then
        perform gate.refuse('SXREF', 'a batch is recovered by the login of its tier');
    end if;
    if ops.doubts() = '{}' then
        perform gate.refuse('SXREF', 'this database is not behind its stores; nothing is recovered');
    end if;
    if exists (select from handoff.batch where batch_id = _batch->>'batch_id' and state = 'published') then
        return false;
    end if;
    -- What was being built when the backup was made was built, or replaced, since.
    update handoff.batch set state = 'abandoned'
    where state = 'building' and contract = _batch->>'contract'
      and (request_id = (_batch->>'request_id')::uuid
           or (not is_contact and market = _batch->>'market'));
    insert into handoff.batch (batch_id, contract, contract_version, market, day, request_id, seq,
        prev_batch_id, state, row_count, manifest, manifest_sha256, published_at)
    values (_batch->>'batch_id', _batch->>'contract', _batch->>'contract_version', _batch->>'market',
        (_batch->>'day')::date, (_batch->>'request_id')::uuid, (_batch->>'seq')::int,
        _batch->>'prev_batch_id', 'published', (_batch->>'row_count')::bigint, _manifest,
        encode(sha256(_manifest), 'hex'), clock_timestamp())
    on conflict (batch_id) do update set state = 'published', manifest = excluded.manifest,
        manifest_sha256 = excluded.manifest_sha256, published_at = excluded.published_at;
    perform audit.append(case when is_contact then 'contact_batch.recovered' else 'batch.recovered' end,
        'recovery', _batch->>'batch_id', clock_timestamp()::text,
        jsonb_build_object('contract', _batch->>'contract', 'market', _batch->>'market',
            'day', _batch->>'day', 'manifest_sha256', encode(sha256(_manifest), 'hex')));
    return true;
end $$;
