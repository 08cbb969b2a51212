-- A batch moves by these functions alone, each move with its event; each tier moves its own, and a
-- published one does not change.

-- The event of a move, made from the row itself.
create or replace function handoff.write_event(_b handoff.batch, _actor text, _key text) returns uuid
language plpgsql as $$
begin
    if (_b.contract = 'lead_contact') <> (session_user = 'sxe_contacts')
       or session_user not in ('sxe_social', 'sxe_contacts') then
        raise exception using errcode = 'SXREF', message =
            'this login may not publish batches of that contract; use the login of its tier';
    end if;
    return audit.append(
        case when _b.request_id is null then 'batch.' else 'contact_batch.' end || _b.state,
        audit.as_login(_actor), _b.batch_id, _key,
        jsonb_build_object('contract', _b.contract, 'contract_version', _b.contract_version,
            'market', _b.market, 'day', _b.day, 'request_id', _b.request_id, 'seq', _b.seq,
            'prev_batch_id', _b.prev_batch_id, 'kind', _b.kind, 'row_count', _b.row_count,
            'remove_count', nullif(_b.remove_count, 0),
            'manifest_sha256', _b.manifest_sha256,
            'key_id', substring(convert_from(_b.manifest, 'UTF8') from '"keyid": ?"([0-9a-f]{16})')));
end $$;

-- Begin a batch, or begin an abandoned one anew: content that comes back has its old id.
create or replace function handoff.build(
    _batch_id text, _contract text, _contract_version text, _market text, _day date,
    _request_id uuid, _seq int, _prev_batch_id text, _row_count bigint, _manifest bytea,
    _manifest_sha256 text, _created_at timestamptz, _actor text, _kind text default 'full',
    _remove_count bigint default 0, _keys_sha256 text default null
) returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    b handoff.batch;
begin
    insert into handoff.batch as old (batch_id, contract, contract_version, market, day, request_id,
        seq, prev_batch_id, state, row_count, manifest, manifest_sha256, created_at, kind,
        remove_count, keys_sha256)
    values (_batch_id, _contract, _contract_version, _market, _day, _request_id, _seq,
        _prev_batch_id, 'building', _row_count, _manifest, _manifest_sha256, _created_at, _kind,
        _remove_count, _keys_sha256)
    on conflict (batch_id) do update set state = 'building', manifest = excluded.manifest,
        manifest_sha256 = excluded.manifest_sha256, keys_sha256 = excluded.keys_sha256
    where old.state = 'abandoned' and old.contract = excluded.contract
    returning * into b;
    if b.batch_id is null then
        raise exception using errcode = 'SXREF',
            message = 'this batch is begun or published already';
    end if;
    update handoff.batch set event_id = handoff.write_event(b, _actor, clock_timestamp()::text)
    where batch_id = _batch_id;
end $$;

-- Give up a begun batch whose manifest is not visible.
create or replace function handoff.abandon(_batch_id text, _actor text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    b handoff.batch;
begin
    update handoff.batch set state = 'abandoned'
    where batch_id = _batch_id and state = 'building' returning * into b;
    if b.batch_id is null then
        raise exception using errcode = 'SXREF',
            message = 'there is no such batch that was begun and not published';
    end if;
    update handoff.batch set event_id = handoff.write_event(b, _actor, clock_timestamp()::text)
    where batch_id = _batch_id;
end $$;

-- The next number of a contract. Who holds it commits before anybody gets the one after it, so that no
-- reader who has seen a number misses a lower one.
create or replace function handoff.next_seq(_contract text) returns bigint language plpgsql as $$
begin
    perform pg_advisory_xact_lock(hashtextextended('handoff.published_seq/' || _contract, 0));
    return (select coalesce(max(published_seq), 0) + 1 from handoff.batch where contract = _contract);
end $$;

-- Its manifest is visible. The event goes first: what is published does not change.
create or replace function handoff.finish(_batch_id text, _actor text)
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    b handoff.batch;
begin
    select * into b from handoff.batch where batch_id = _batch_id and state = 'building' for update;
    if b.batch_id is null then
        raise exception using errcode = 'SXREF',
            message = 'there is no such batch that was begun and not published';
    end if;
    perform ops.refuse_doubtful();
    b.state := 'published';
    update handoff.batch set state = 'published', published_at = clock_timestamp(),
        published_seq = handoff.next_seq(b.contract),
        event_id = handoff.write_event(b, _actor, _batch_id)
    where batch_id = _batch_id returning * into b;
    perform handoff.deliver(b, _actor);
end $$;

create or replace function handoff.keep_published() returns trigger language plpgsql as $$
begin
    raise exception 'a published batch does not change' using errcode = '42501';
end $$;
create or replace trigger keep_published before update or delete on handoff.batch
    for each row when (old.state = 'published') execute function handoff.keep_published();

-- Nothing is published by a database that may have published more than it knows. What is published is
-- counted, so that its store can tell.
create or replace function handoff.count_published() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if new.state = 'building' then
        perform ops.refuse_doubtful();
    else
        perform ops.count_marker(case new.contract when 'lead_contact' then 'contact_handoff'
                                 else 'handoff' end);
    end if;
    return null;
end $$;
create or replace trigger count_published after insert or update of state on handoff.batch
    for each row when (new.state in ('building', 'published'))
    execute function handoff.count_published();

-- What a login sees. Foreign keys, triggers and the functions above are not subject to this.
alter table handoff.batch enable row level security;
drop policy if exists social on handoff.batch;
create policy social on handoff.batch for select to sxe_social using (contract <> 'lead_contact');
drop policy if exists contacts on handoff.batch;
create policy contacts on handoff.batch for select to sxe_contacts using (contract = 'lead_contact');
drop policy if exists api on handoff.batch;
create policy api on handoff.batch for select to sxe_api using (true);
