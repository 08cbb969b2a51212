-- Who is told of a batch: every consumer that subscribed to it, in the transaction that publishes it.

create or replace function handoff.deliver(_b handoff.batch, _actor text) returns void
language plpgsql as $$
declare
    s record;
    event uuid;
begin
    for s in
        select consumer, min(ack_within) as ack_within, bool_or(has_queue) as has_queue
        from handoff.subscription join handoff.consumer using (consumer)
        where contract = _b.contract and market in ('*', _b.market) and ended_at is null
          and (until is null or until > clock_timestamp())
        group by consumer order by consumer
    loop
        event := audit.append('delivery.made', audit.as_login(_actor), s.consumer, _b.batch_id,
            jsonb_build_object('batch_id', _b.batch_id, 'contract', _b.contract));
        insert into handoff.delivery (consumer, batch_id, contract, due_at, event_id)
        values (s.consumer, _b.batch_id, _b.contract, clock_timestamp() + s.ack_within, event)
        on conflict do nothing;
        if s.has_queue then
            insert into handoff.outbox (event_id, consumer, contract, batch_id, body)
            values (event, s.consumer, _b.contract, _b.batch_id, handoff.notice(_b, event));
        end if;
    end loop;
end $$;

-- What a queue says of a batch: where it is and what proves it, no row of it.
create or replace function handoff.notice(_b handoff.batch, _event uuid) returns jsonb
language sql stable as $$
    select jsonb_build_object('batch_id', _b.batch_id, 'contract', _b.contract,
        'contract_version', _b.contract_version, 'manifest_sha256', _b.manifest_sha256,
        'published_seq', _b.published_seq, 'row_count', _b.row_count);
$$;
