-- Files of batches that were kept for long enough: an intent with its event, the deletion, its event.

-- What may go: not the newest batch that holds all rows of a market's chain, nor what came after it, as
-- both are what a consumer starts from. A request's batch hands over personal data and may go whenever.
create or replace function handoff.may_expire(_b handoff.batch) returns boolean
language sql stable as $$
    select _b.state = 'published' and (_b.request_id is not null or exists (
        select from handoff.batch later
        where later.contract = _b.contract and later.market = _b.market and later.kind = 'full'
          and later.state = 'published' and later.published_seq > _b.published_seq));
$$;

-- Published before a moment, oldest first, and still in the store.
create or replace function handoff.expiring(_contract text, _before timestamptz, _limit int)
returns table (batch_id text, contract text, contract_version text, manifest bytea, day date, statement bytea)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select b.batch_id, b.contract, b.contract_version, b.manifest, b.day, x.statement
    from handoff.batch b left join handoff.expiry x using (batch_id)
    where b.contract = _contract and (b.contract = 'lead_contact') = (session_user = 'sxe_contacts')
      and x.deleted_at is null
      and (x.batch_id is not null or (b.published_at <= _before and handoff.may_expire(b)))
    order by b.published_seq limit _limit;
$$;

create or replace function handoff.begin_expiry(_batch_id text, _statement bytea, _actor text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    b handoff.batch;
begin
    select * into b from handoff.batch where batch_id = _batch_id for update;
    if b.batch_id is null or not handoff.may_expire(b) then
        raise exception using errcode = 'SXREF',
            message = 'a consumer may still start from that batch; it stays';
    end if;
    perform ops.refuse_doubtful();
    b.state := 'expired';
    insert into handoff.expiry (batch_id, statement, event_id)
    values (_batch_id, _statement, handoff.write_event(b, _actor, 'expired'));
end $$;

create or replace function handoff.end_expiry(_batch_id text, _actor text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    b handoff.batch;
begin
    select * into b from handoff.batch where batch_id = _batch_id;
    b.state := 'deleted';
    update handoff.expiry set deleted_at = clock_timestamp(),
        deleted_event_id = handoff.write_event(b, _actor, 'deleted')
    where batch_id = _batch_id and deleted_at is null;
    if not found then
        raise exception using errcode = 'SXREF', message = 'there is no such batch that is being deleted';
    end if;
end $$;
