-- Every fact that has an event, and every event that has a fact: what `sxe audit verify` compares.

-- A line is a row that says which event it was written with, the kinds that event may be of, and what the
-- event is about where the row knows. A column of events is younger than some rows: those are null.
create or replace function audit.facts()
returns table (fact text, event_id uuid, subject text, at timestamptz, kinds text[])
language sql stable as $$
select 'batch', event_id, batch_id, created_at, array[
           case when request_id is null then 'batch.' else 'contact_batch.' end || state] as kinds
from handoff.batch
union all
select 'head', event_id, sha256, made_at, '{head.made,contact_head.made}' from handoff.head
union all
select 'expired batch', event_id, batch_id, begun_at, '{batch.expired,contact_batch.expired}'
from handoff.expiry
union all
select 'deleted batch', deleted_event_id, batch_id, deleted_at, '{batch.deleted,contact_batch.deleted}'
from handoff.expiry where deleted_at is not null
union all
select 'landing file', event_id,
       case when expired_at is null then file_sha256::text end, registered_at,
       case when expired_at is not null then
           '{landing_files.expired,landing_files.deleted,tier1.recovered,landing_file.withdrawn,landing_file.replaced}'
            when withdrawn_at is not null then '{landing_file.withdrawn,landing_file.replaced}'
            else '{landing_file.registered}' end::text[]
from ingest.landing_file
union all
select 'collection', event_id, ingest.hashed(collection),
       case when declared_at >= r.applied_at then declared_at end,
       '{collection.declared,collection.set_aside,collection.taken_back}'
from ingest.collection, ops.revision r where r.revision = 1003
union all
select 'verdict', event_id, table_name, case when judged_at >= r.applied_at then judged_at end,
       array[case when is_passed then 'table.passed' else 'table.failed' end]
from ops.verdict, ops.revision r where r.revision = 1003
union all
select 'retired key', retired_event_id, key_id,
       case when retired_at >= r.applied_at then retired_at end, '{key.retired}'
from handoff.signing_key, ops.revision r where r.revision = 1003 and retired_at is not null
union all
select 'table version', event_id, null, named_at, ops.kinds_of(table_name) || 'table.compacted'::text
from ops.version
union all
select 'alias', event_id, null, since, '{card_ids.assigned}' from social.alias
union all
select 'contact point', p.event_id, p.request_id::text, obtained_at, '{call.settled,call.awaiting}'
from contacts.contact_point p
union all
select 'call step', s.event_id, c.request_id::text, s.at, array['call.' || case s.state
           when 'SENDING' then 'sending' else lower(s.state) end, 'call.late', 'call.adjusted']
from gate.call_step s join gate.call c using (call_id)
union all
select 'request version', event_id, request_id::text, made_at, '{request.submitted}'
from gate.request_version
union all
select 'approval', event_id, request_id::text, made_at, case decision
           when 'approve' then '{request.approved}'
           else '{request.rejected,request.revoked}' end::text[]
from gate.approval
union all
select 'proposal', event_id, proposal_id::text, proposed_at, '{proposal.made}' from gate.proposal
union all
select 'decision', decided_event_id, proposal_id::text, decided_at, array['proposal.' || decision]
from gate.proposal where decision is not null
union all
select 'token', event_id, principal::text, made_at, '{principal.added,principal.token_added}'
from gate.token
union all
select 'consumer', event_id, consumer, made_at, '{consumer.added}' from handoff.consumer
union all
select 'ended consumer', ended_event_id, consumer, ended_at, '{consumer.ended}'
from handoff.consumer where ended_at is not null
union all
select 'subscription', event_id, consumer, since, '{subscription.added}' from handoff.subscription
union all
select 'ended subscription', until_event_id, consumer, until, '{subscription.ended}'
from handoff.subscription where until is not null
union all
select 'consumer key', event_id, consumer, made_at, '{consumer_key.added}' from handoff.api_key
union all
select 'revoked consumer key', revoked_event_id, consumer, revoked_at, '{consumer_key.revoked}'
from handoff.api_key where revoked_at is not null
union all
select 'delivery', event_id, consumer, delivered_at, '{delivery.made}' from handoff.delivery
union all
select 'ack', event_id, consumer, acked_at, '{ack.received}' from handoff.ack
union all
select 'suppression', event_id, card_id, added_at, '{suppression.added}' from privacy.suppression
union all
select 'notice', event_id, consumer::text, null, '{delivery.made}' from handoff.outbox
union all
select 'dead notice', dead_event_id, consumer::text, dead_at, '{notice.dead}' from handoff.outbox
where dead_at is not null
union all
select 'replayed notice', replayed_event_id, consumer::text, null, '{notice.replayed}'
from handoff.outbox where replayed_event_id is not null;
$$;

-- Counts by fact; a login that may look at the log may ask, and sees nothing else of the tables.
create or replace function audit.reconcile()
returns table (fact text, without_event bigint, without_fact bigint)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
    begun timestamptz := (select applied_at from ops.revision where revision = 1002);
begin
    return query
    select f.fact, count(*) filter (where e.event_id is null), 0::bigint
    from audit.facts() f
    left join audit.event e on e.event_id = f.event_id and e.kind = any (f.kinds)
        and (f.subject is null or f.subject = e.subject)
    where f.event_id is not null or f.at >= begun
    group by 1;
    -- One row for each event of these.
    return query
    select one.fact, 0::bigint, count(*)
    from (values ('request version', '{request.submitted}'::text[]),
                 ('approval', '{request.approved,request.rejected,request.revoked}'),
                 ('call step', '{call.sending,call.awaiting,call.settled,call.released,call.unknown}'),
                 ('head', '{head.made,contact_head.made}'),
                 ('proposal', '{proposal.made}'),
                 ('decision', '{proposal.confirmed,proposal.rejected}'),
                 ('token', '{principal.added,principal.token_added}'),
                 ('retired key', '{key.retired}'),
                 ('consumer', '{consumer.added}'), ('ended consumer', '{consumer.ended}'),
                 ('subscription', '{subscription.added}'),
                 ('ended subscription', '{subscription.ended}'),
                 ('consumer key', '{consumer_key.added}'),
                 ('revoked consumer key', '{consumer_key.revoked}'),
                 ('delivery', '{delivery.made}'), ('ack', '{ack.received}'),
                 ('expired batch', '{batch.expired,contact_batch.expired}'),
                 ('deleted batch', '{batch.deleted,contact_batch.deleted}'),
                 ('suppression', '{suppression.added}')) as one (fact, kinds)
    join audit.event e on e.kind = any (one.kinds)
    where not exists (select from audit.facts() f where f.fact = one.fact and f.event_id = e.event_id)
    group by 1;
    -- Rows of these move on, each move with an event: the row is there.
    return query
    select 'batch', 0::bigint, count(*) from audit.event e
    where (e.kind like 'batch.%' or e.kind like 'contact_batch.%')
      and not exists (select from handoff.batch b where b.batch_id = e.subject
                      and (b.state = 'published' or split_part(e.kind, '.', 2) <> 'published'));
    return query
    select 'landing file', 0::bigint, count(*) from audit.event e
    where e.kind like 'landing\_file.%'
      and not exists (select from ingest.landing_file l where l.file_sha256::text = e.subject);
    return query
    select 'collection', 0::bigint, count(*) from audit.event e
    where e.kind like 'collection.%'
      and not exists (select from ingest.collection c where ingest.hashed(c.collection) = e.subject);
    -- A verdict goes with its version; a version that came later under the same number has its own.
    -- Who passed may have failed since.
    return query
    select 'verdict', 0::bigint, count(*) from audit.event e
    cross join lateral (select convert_from(e.payload, 'UTF8')::jsonb->'data' as data) said
    where e.kind in ('table.passed', 'table.failed')
      and exists (select from ops.version v where v.table_name = e.subject
                  and v.named_at <= e.recorded_at and v.version = (data->>'version')::bigint)
      and not exists (select from ops.verdict v where v.event_id = e.event_id
                      or e.kind = 'table.passed' and not v.is_passed and v.judged_at > e.recorded_at
                         and (v.table_name, v.version, v.verdict)
                             = (e.subject, (data->>'version')::bigint, data->>'guard'));
    -- A dead notice lives again where somebody replayed it since.
    return query
    select 'dead notice', 0::bigint, count(*) from audit.event e
    where e.kind = 'notice.dead' and not exists (
        select from handoff.outbox o left join audit.event r on r.event_id = o.replayed_event_id
        where o.event_id = (convert_from(e.payload, 'UTF8')::jsonb #>> '{data,notice}')::uuid
          and (o.dead_event_id = e.event_id or r.recorded_at > e.recorded_at));
    -- An alias is for ever.
    return query
    select 'alias', 0::bigint, abs(
        (select coalesce(sum((convert_from(payload, 'UTF8')::jsonb #>> '{data,alias_count}')::bigint), 0)
         from audit.event where kind = 'card_ids.assigned')
        - (select count(*) from social.alias where since >= begun))::bigint;
    -- A cap is what its last event says.
    return query
    select 'budget', count(*) filter (where b.cap is distinct from (
        select (convert_from(e.payload, 'UTF8')::jsonb #>> '{data,cap_micros}')::bigint
        from audit.event e where e.kind = 'budget.cap_set'
            and e.subject = gate.budget_subject(b.market, b.provider, b.month)
        order by e.recorded_at desc limit 1)), 0::bigint
    from gate.budget b where b.month is not null;
end $$;
