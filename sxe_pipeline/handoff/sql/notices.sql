-- Notices as their consumer and an operator meet them: taken from Postgres, done, sent again.

-- The next notices of whoever holds the key, for so many seconds: what is not done by then is given again, and
-- dead where that happened too often. One worker of a consumer at a time has a contract.
create or replace function handoff.take_notices(_key_sha256 bytea, _limit int, _lease_s int)
returns setof jsonb language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    k handoff.api_key := handoff.authenticate(_key_sha256);
    o handoff.outbox;
begin
    perform pg_advisory_xact_lock(hashtextextended('handoff.notices/' || k.consumer, 0));
    for o in select * from handoff.due_notices(
                 k.contracts, k.consumer, k.markets, least(greatest(_limit, 1), 100)) loop
        if o.attempts >= handoff.attempts_at_most() then
            o.last_error := 'not_done';
            perform handoff.bury(o, 'consumer:' || k.consumer);
        else
            update handoff.outbox set attempts = attempts + 1, next_try = clock_timestamp()
                + make_interval(secs => least(greatest(_lease_s, 1), 3600))
            where seq = o.seq;
            return next o.body;
        end if;
    end loop;
end $$;

-- Its consumer is done with it. False: it was done, sent or dead before.
create or replace function handoff.done_notice(_key_sha256 bytea, _event_id uuid) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    k handoff.api_key := handoff.authenticate(_key_sha256);
    o handoff.outbox;
begin
    select n.* into o from handoff.outbox n join handoff.batch b using (batch_id)
    where n.event_id = _event_id and n.consumer = k.consumer
      and handoff.is_for(k, n.contract, b.market) for update of n;
    if o.seq is null then
        perform gate.refuse('SXNOF', 'there is no such notice for this key');
    end if;
    update handoff.outbox set sent_at = clock_timestamp(), last_error = null
    where seq = o.seq and sent_at is null and dead_at is null;
    return found;
end $$;

-- Everything of a contract from a number on goes out again, under the ids that it had, dead or not: also what was
-- published before the consumer subscribed, which is a delivery from now on.
create or replace function handoff.replay_notices(
    _token text, _consumer text, _contract text, _since bigint
) returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    who text := 'principal:' || gate.authenticate(_token, 'admin');
    s record;
    b handoff.batch;
    event uuid;
    sent bigint := 0;
begin
    select min(ack_within) as ack_within, array_agg(market) as markets into s
    from handoff.subscription join handoff.consumer using (consumer)
    where consumer = _consumer and contract = _contract and has_queue and ended_at is null
      and until is null;
    if s.markets is null then
        perform gate.refuse('SXNOF',
            'that consumer has no queue for that contract; see sxe consumers list');
    end if;
    -- No batch of the contract is published in between.
    perform pg_advisory_xact_lock(hashtextextended('handoff.published_seq/' || _contract, 0));
    event := audit.append('notice.replayed', who, _consumer, clock_timestamp()::text,
        jsonb_build_object('contract', _contract, 'since_seq', _since));
    for b in select n.* from handoff.batch n left join handoff.expiry x using (batch_id)
             where n.contract = _contract and n.state = 'published' and n.published_seq >= _since
               and x.batch_id is null and s.markets && array['*', n.market]
             order by n.published_seq loop
        perform handoff.deliver_to(_consumer, b, who, s.ack_within, true);
        insert into handoff.outbox as old (event_id, consumer, contract, batch_id, body,
                                           replayed_event_id)
        select d.event_id, _consumer, _contract, b.batch_id, handoff.notice(b, d.event_id), event
        from handoff.delivery d where d.consumer = _consumer and d.batch_id = b.batch_id
        on conflict (consumer, batch_id) do update set attempts = 0, next_try = clock_timestamp(),
            last_error = null, sent_at = null, dead_at = null, dead_event_id = null,
            replayed_event_id = excluded.replayed_event_id;
        sent := sent + 1;
    end loop;
    return sent;
end $$;

-- Of which consumers and contracts a notice is dead, and since when: for whoever tells a person.
create or replace function handoff.dead_notices()
returns table (consumer text, contract text, dead_since timestamptz)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select o.consumer::text, o.contract, min(o.dead_at)
    from handoff.outbox o join handoff.consumer c using (consumer)
    where o.dead_at is not null and c.ended_at is null
    group by 1, 2 order by 1, 2;
$$;
