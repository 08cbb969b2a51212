-- What the API reads for a consumer. Its login runs these and reads no table: each takes the hash of a key,
-- and answers what that key sees and nothing else.

-- Whether a key sees a contract at all: some market of it.
create or replace function handoff.sees(_k handoff.api_key, _contract text) returns boolean
language sql stable as $$
    select _contract = any (_k.contracts)
       and exists (select from handoff.subscription s
                   where s.consumer = _k.consumer and s.contract = _contract and s.until is null
                     and (s.market = '*' or _k.markets && array['*', s.market]));
$$;

-- Whose key it is, and of what; with it the number of the newest seal, for whoever keeps that.
create or replace function handoff.served_key(_key_sha256 bytea)
returns table (consumer text, contracts text[], markets text[], seal_no bigint)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
    k handoff.api_key := handoff.authenticate(_key_sha256);
begin
    return query select k.consumer::text,
        array(select c from unnest(k.contracts) c where handoff.sees(k, c) order by c), k.markets,
        (select max(s.seal_no) from audit.seal s);
end $$;

-- The head of that number, the newest without one; of the newest major version unless one is named. A head
-- is signed as a whole: whoever sees a market of the contract sees which batches the others have, and none of
-- their rows.
create or replace function handoff.served_head(_key_sha256 bytea, _contract text, _major int, _seq bigint)
returns table (seq bigint, bytes bytea, sha256 text)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
    k handoff.api_key := handoff.authenticate(_key_sha256);
begin
    return query
        select h.seq, h.bytes, h.sha256::text from handoff.head h
        where h.contract = _contract and handoff.sees(k, _contract) and (_seq is null or h.seq = _seq)
          and h.major = coalesce(_major, (select max(major) from handoff.head where contract = _contract))
        order by h.seq desc limit 1;
end $$;

-- What became visible behind a number, in that order. A lower number never comes later (`handoff.next_seq`),
-- so whoever asks on behind the last one he got misses none of the markets that he saw then. The newest batch of
-- a market that is subscribed later has a lower number: it is among those that wait for an answer, which may be
-- asked for alone.
create or replace function handoff.served_batches(
    _key_sha256 bytea, _contract text, _after bigint, _most int, _is_unanswered boolean
) returns table (batch_id text, contract text, contract_version text, market text, day date, request_id uuid,
                 seq int, prev_batch_id text, kind text, row_count bigint, manifest_sha256 text,
                 published_seq bigint, published_at timestamptz, expired_at timestamptz)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
    k handoff.api_key := handoff.authenticate(_key_sha256);
begin
    return query
        select b.batch_id, b.contract, b.contract_version, b.market, b.day, b.request_id, b.seq,
               b.prev_batch_id, b.kind, b.row_count, b.manifest_sha256::text, b.published_seq, b.published_at,
               x.begun_at
        from handoff.batch b left join handoff.expiry x using (batch_id)
        where b.state = 'published' and b.contract = _contract and b.published_seq > _after
          and handoff.may_read(k, b)
          and (not _is_unanswered or exists (
              select from handoff.delivery d left join handoff.ack a using (consumer, batch_id)
              where d.consumer = k.consumer and d.batch_id = b.batch_id and a.event_id is null))
        order by b.published_seq limit _most;
end $$;

-- One of them, with the bytes of its manifest; no row where the key does not see it.
create or replace function handoff.served_batch(_key_sha256 bytea, _batch_id text)
returns table (batch_id text, contract text, contract_version text, manifest bytea, manifest_sha256 text,
               expired_at timestamptz)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
    k handoff.api_key := handoff.authenticate(_key_sha256);
begin
    return query
        select b.batch_id, b.contract, b.contract_version, b.manifest, b.manifest_sha256::text, x.begun_at
        from handoff.batch b left join handoff.expiry x using (batch_id)
        where b.state = 'published' and b.batch_id = _batch_id
          and handoff.may_read(k, b);
end $$;

-- The newest batch of each market, of one major version of a contract, as of a number; null is now.
create or replace function handoff.served_newest(
    _key_sha256 bytea, _contract text, _major int, _as_of bigint
) returns table (batch_id text, published_seq bigint, published_at timestamptz)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
    k handoff.api_key := handoff.authenticate(_key_sha256);
begin
    return query
        select distinct on (b.market) b.batch_id, b.published_seq, b.published_at from handoff.batch b
        where b.state = 'published' and b.contract = _contract
          and split_part(b.contract_version, '.', 1)::int = _major
          and (_as_of is null or b.published_seq <= _as_of)
          and handoff.may_see(k, b.contract, b.market)
        order by b.market, b.published_seq desc;
end $$;
