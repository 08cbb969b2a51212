-- Who is told of a batch: every consumer that subscribed to it, in the transaction that publishes it.

create or replace function handoff.deliver(_b handoff.batch, _actor text) returns void
language plpgsql as $$
declare
    s record;
begin
    for s in
        select consumer, min(ack_within) as ack_within, bool_or(has_queue) as has_queue
        from handoff.subscription join handoff.consumer using (consumer)
        where contract = _b.contract and market in ('*', _b.market) and ended_at is null
          and until is null
        group by consumer order by consumer
    loop
        perform handoff.deliver_to(s.consumer, _b, audit.as_login(_actor), s.ack_within, s.has_queue);
    end loop;
end $$;

-- Once to each consumer, with its event; false where it was delivered before. The actor is one whose proof
-- the caller saw.
create or replace function handoff.deliver_to(
    _consumer text, _b handoff.batch, _actor text, _ack_within interval, _has_queue boolean
) returns boolean language plpgsql as $$
declare
    event uuid;
begin
    if exists (select from handoff.delivery where consumer = _consumer and batch_id = _b.batch_id) then
        return false;
    end if;
    event := audit.append('delivery.made', _actor, _consumer, _b.batch_id,
        jsonb_build_object('batch_id', _b.batch_id, 'contract', _b.contract));
    insert into handoff.delivery (consumer, batch_id, contract, due_at, event_id)
    values (_consumer, _b.batch_id, _b.contract, clock_timestamp() + _ack_within, event);
    if _has_queue then
        insert into handoff.outbox (event_id, consumer, contract, batch_id, body)
        values (event, _consumer, _b.contract, _b.batch_id, handoff.notice(_b, event));
    end if;
    return true;
end $$;
