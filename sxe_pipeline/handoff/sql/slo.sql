-- The 30-day view: whether each consumer got, read and accepted what it subscribed to. Silence is never success.

-- One row for each live (consumer, contract). `breached`: an error, a rejection, wrong rows or keys said
-- within 30 days. `unknown`: an answer is overdue, at any age; nothing was delivered or answered; nothing
-- came for longer than expected; a subscription is younger than 30 days; what was read cannot be proved.
create or replace function handoff.slo_of(_consumer text) returns setof jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    with span as materialized (
        select clock_timestamp() as now, clock_timestamp() - interval '30 days' as start
    ), live as materialized (
        select s.* from handoff.subscription s join handoff.consumer c using (consumer)
        where s.until is null and c.ended_at is null and s.consumer = coalesce(_consumer, s.consumer)
    ), sign as (
        -- Of life: a head that is in the store, as it says 'unchanged', too; a batch where no head was yet.
        select l.event_id, h.put_at as at from live l join handoff.head h using (contract)
        where h.put_at is not null
        union all
        select l.event_id, b.published_at
        from live l join handoff.batch b on b.contract = l.contract and l.market in ('*', b.market)
        where b.state = 'published' and b.published_at < coalesce(
            (select min(h.put_at) from handoff.head h where h.contract = b.contract), 'infinity')
        union all
        select l.event_id, span.now from live l, span
    ), gap as (
        -- The bound of what is expected is 30 days: no gap that counts began before 60.
        select g.event_id, g.at - coalesce(g.before, greatest(l.since, span.start - interval '30 days'))
                   as width, l.expect_every
        from (select event_id, at, lag(at) over (partition by event_id order by at) as before
              from sign, span where at > span.start - interval '30 days') g
        join live l using (event_id), span where g.at > span.start
    ), expected as (
        select l.consumer, l.contract, max(l.since) as since,
               count(*) filter (where g.width > g.expect_every) as gaps, max(g.width) as longest
        from live l join gap g using (event_id) group by l.consumer, l.contract
    ), answered as (
        select d.consumer, d.contract, count(*) as ever,
            count(*) filter (where d.delivered_at > span.start) as deliveries,
            count(a.event_id) filter (where d.delivered_at > span.start) as acks,
            count(*) filter (where a.event_id is null and d.due_at <= span.now) as overdue,
            count(*) filter (where a.event_id is null and d.due_at > span.now) as open,
            count(*) filter (where said and a.acked_at > d.due_at) as late,
            count(*) filter (where said and a.status = 'rejected') as rejected,
            count(*) filter (where said and a.is_wrong) as wrong,
            coalesce(sum(handoff.error_count(a.errors)) filter (where said), 0) as errors,
            count(*) filter (where said and not a.is_proved and not a.is_wrong
                             and handoff.rows_to_read(b) > 0) as unproved
        from handoff.delivery d join handoff.batch b using (batch_id)
        left join handoff.ack a using (consumer, batch_id)
        cross join span cross join lateral (select a.acked_at > span.start) x (said)
        where d.consumer in (select consumer from live)
        group by d.consumer, d.contract
    ), judged as (
        select consumer, contract, e.since, e.gaps, e.longest, a.deliveries, a.acks, a.open, a.overdue,
            a.late, a.errors, a.rejected, a.wrong, a.unproved, array_remove(array[
                case when a.errors > 0 then 'errors' end,
                case when a.rejected > 0 then 'rejected' end,
                case when a.wrong > 0 then 'wrong' end], null) as breaches,
            array_remove(array[
                case when a.overdue > 0 then 'overdue' end,
                case when coalesce(a.ever, 0) = 0 then 'no_delivery' end,
                case when a.deliveries > 0 and a.acks = 0 then 'unanswered' end,
                case when e.gaps > 0 then 'gap' end,
                case when e.since > span.start then 'young' end,
                case when a.unproved > 0 then 'unproved' end], null) as doubts
        from expected e cross join span left join answered a using (consumer, contract)
    )
    select jsonb_build_object('consumer', consumer, 'contract', contract,
        'state', case when breaches <> '{}' then 'breached' when doubts <> '{}' then 'unknown'
                      else 'met' end,
        'reasons', breaches || doubts, 'since', since,
        'deliveries', coalesce(deliveries, 0), 'acks', coalesce(acks, 0),
        'open', coalesce(open, 0), 'overdue', coalesce(overdue, 0), 'late', coalesce(late, 0),
        'errors', coalesce(errors, 0), 'rejected', coalesce(rejected, 0), 'wrong', coalesce(wrong, 0),
        'unproved', coalesce(unproved, 0), 'gaps', gaps,
        'longest_gap_s', extract(epoch from longest)::bigint)
    from judged order by consumer, contract;
$$;

-- The same for the holder of a key: its own, of the contracts that the key is for.
create or replace function handoff.slo(_key_sha256 bytea) returns setof jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
    k handoff.api_key := handoff.authenticate(_key_sha256);
begin
    return query select s from handoff.slo_of(k.consumer) s where s->>'contract' = any (k.contracts);
end $$;
