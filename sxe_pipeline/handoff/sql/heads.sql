-- Heads: which batches are the newest, as a tier signed it. The bytes commit with their event, then they
-- are put; each tier makes those of its own contracts, and one that was made does not change.

create or replace function handoff.refuse_other_tier(_contract text) returns void
language plpgsql stable as $$
begin
    if (_contract = 'lead_contact') <> (session_user = 'sxe_contacts')
       or session_user not in ('sxe_social', 'sxe_contacts') then
        perform gate.refuse('SXREF',
            'this login may not publish batches of that contract; use the login of its tier');
    end if;
end $$;

-- A run begins to publish a contract: no head is made from what it has published so far while its lease lasts.
create or replace function handoff.begin_publishing(_contract text, _run_id text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform handoff.refuse_other_tier(_contract);
    insert into handoff.publishing as p (contract, run_id) values (_contract, _run_id)
    on conflict (contract) do update set run_id = excluded.run_id, since = clock_timestamp()
    where p.run_id = excluded.run_id or not handoff.is_published_now(p.contract);
    if not found then
        perform gate.refuse('SXBSY', 'another run publishes ' || _contract || '; run this one when it is done');
    end if;
end $$;

create or replace function handoff.is_published_now(_contract text) returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select exists (select from handoff.publishing p join ops.run r using (run_id)
                   where p.contract = _contract and r.ended_at is null
                     and r.lease_until > clock_timestamp());
$$;

-- One at a time of a contract. Who holds it sees every head there is until its transaction ends.
create or replace function handoff.lock_heads(_contract text) returns void language sql as $$
    select pg_advisory_xact_lock(hashtextextended('handoff.head/' || _contract, 0));
$$;

create or replace function handoff.said_by_head(_bytes bytea) returns jsonb language sql immutable as $$
    select convert_from(decode(convert_from(_bytes, 'UTF8')::jsonb->>'payload', 'base64'), 'UTF8')::jsonb
           -> 'predicate';
$$;

-- The next head of a contract's major, with its event; refuses what does not follow the newest one.
create or replace function handoff.write_head(
    _contract text, _major int, _bytes bytea, _put_at timestamptz, _actor text
) returns bigint language plpgsql as $$
declare
    p jsonb := handoff.said_by_head(_bytes);
    sha256 text := encode(sha256(_bytes), 'hex');
    newest handoff.head;
begin
    perform handoff.refuse_other_tier(_contract);
    perform handoff.lock_heads(_contract);
    select * into newest from handoff.head where contract = _contract and major = _major
    order by seq desc limit 1;
    if p->>'contract' is distinct from _contract
       or (p->>'seq')::bigint is distinct from coalesce(newest.seq, 0) + 1
       or p->>'prev_head_sha256' is distinct from newest.sha256::text then
        perform gate.refuse('SXREF', 'the head does not follow the newest one');
    end if;
    insert into handoff.head (contract, major, seq, prev_sha256, bytes, sha256, last_published_seq, made_at,
        expires_at, put_at, event_id)
    values (_contract, _major, (p->>'seq')::bigint, newest.sha256, _bytes, sha256,
        (p->>'last_published_seq')::bigint, (p->>'made_at')::timestamptz, (p->>'expires_at')::timestamptz,
        _put_at,
        audit.append(case _contract when 'lead_contact' then 'contact_head.made' else 'head.made' end,
            audit.as_login(_actor), sha256, p->>'seq',
            jsonb_build_object('contract', _contract, 'major', _major, 'seq', (p->>'seq')::bigint,
                'batch_count', jsonb_array_length(p->'batches'),
                'last_published_seq', (p->>'last_published_seq')::bigint,
                'key_id', substring(convert_from(_bytes, 'UTF8') from '"keyid": ?"([0-9a-f]{16})'))));
    return (p->>'seq')::bigint;
end $$;

-- What it says is read off the bytes, and is held to what was published: it lists batches that are there.
-- That they are the newest is the maker's to know.
create or replace function handoff.make_head(_contract text, _major int, _bytes bytea, _actor text)
returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    p jsonb := handoff.said_by_head(_bytes);
    made bigint;
begin
    perform ops.refuse_doubtful();
    made := handoff.write_head(_contract, _major, _bytes, null, _actor);
    if not (p->>'last_published_seq')::bigint between
            (select coalesce(max(last_published_seq), 0) from handoff.head
             where contract = _contract and major = _major and seq < made)
            and (select coalesce(max(published_seq), 0) from handoff.batch where contract = _contract)
       or exists (select from jsonb_array_elements(p->'batches') said
                  where not exists (select from handoff.batch b
                                    where b.batch_id = said->>'batch_id' and b.contract = _contract
                                      and b.state = 'published'
                                      and b.manifest_sha256 = said->>'manifest_sha256'
                                      and b.published_seq <= (p->>'last_published_seq')::bigint)) then
        perform gate.refuse('SXREF', 'the head lists what is not published, or less than the one before');
    end if;
    -- A store that holds a head which a restored database does not know is ahead of it.
    perform ops.count_marker(case _contract when 'lead_contact' then 'contact_handoff' else 'handoff' end);
    return made;
end $$;

-- One that a store holds and a restored database does not know, while that is doubted; its signature was
-- checked by who asks.
create or replace function handoff.adopt_head(_contract text, _major int, _bytes bytea) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if ops.doubts() = '{}' then
        perform gate.refuse('SXREF', 'this database is not behind its stores; nothing is recovered');
    end if;
    return handoff.write_head(_contract, _major, _bytes, clock_timestamp(), 'recovery');
end $$;

create or replace function handoff.note_head_put(_contract text, _major int, _seq bigint) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform handoff.refuse_other_tier(_contract);
    update handoff.head set put_at = clock_timestamp()
    where contract = _contract and major = _major and seq = _seq and put_at is null;
end $$;

create or replace function handoff.keep_head() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' and old.put_at is null then
        old.put_at := new.put_at;
        if old = new then
            return new;
        end if;
    end if;
    raise exception 'a head does not change' using errcode = '42501';
end $$;
create or replace trigger keep_head before update or delete on handoff.head
    for each row execute function handoff.keep_head();

alter table handoff.head enable row level security;
drop policy if exists social on handoff.head;
create policy social on handoff.head for select to sxe_social using (contract <> 'lead_contact');
drop policy if exists contacts on handoff.head;
create policy contacts on handoff.head for select to sxe_contacts using (contract = 'lead_contact');
drop policy if exists api on handoff.head;
create policy api on handoff.head for select to sxe_api using (true);
