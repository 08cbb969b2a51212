-- The outbox: what a queue is told, by whom it is sent, and what becomes of what cannot be sent.

-- A CloudEvent of a batch: where it is and what proves it, no row of it. Two deployments sign with two keys,
-- so source and id together are one event's.
create or replace function handoff.notice(_b handoff.batch, _event uuid) returns jsonb
language sql stable as $$
    select jsonb_build_object(
        'specversion', '1.0',
        'id', _event,
        'source', 'urn:sxe:handoff:' || left((handoff.keys_of(_b.manifest))[1], 16),
        'type', 'io.sxe.handoff.batch.published.v1',
        'subject', f.folder,
        'time', to_char(_b.published_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'datacontenttype', 'application/json',
        'dataschema', 'urn:sxe:event:0.1.0',
        'sequence', to_char(_b.published_seq, 'FM000000000000'),
        'partitionkey', _b.contract,
        'data', jsonb_build_object(
            'manifest_key', f.folder || '/_manifest.json', 'manifest_sha256', _b.manifest_sha256,
            'rows', _b.row_count, 'contract', _b.contract, 'contract_version', _b.contract_version,
            'kind', _b.kind, 'market', _b.market, 'day', _b.day))
    from (select concat_ws('/', _b.contract, 'v' || split_part(_b.contract_version, '.', 1),
                           _b.batch_id) as folder) f;
$$;

-- Whether a login relays a contract: each tier its own, and no other login any.
create or replace function handoff.relays(_contract text) returns boolean
language sql stable as $$
    select session_user = case _contract when 'lead_contact' then 'sxe_contacts' else 'sxe_social' end;
$$;

-- Open notices that are due, in the order of each contract and consumer, locked until the transaction ends: one
-- that waits, or that somebody else holds, keeps the later ones of its pair back. The limit takes of each pair its
-- first one, then of each its second: in whatever order they were written, none is cut off from those before it,
-- and no pair waits for another. A consumer or markets that are null are every one.
create or replace function handoff.due_notices(
    _contracts text[], _consumer text, _markets text[], _limit int
) returns setof handoff.outbox language sql as $$
    with moment as materialized (
        select clock_timestamp() as now
    ), open as (
        select o.seq, o.contract, o.consumer, o.published_seq, o.next_try,
               row_number() over so_far as place, max(o.next_try) over so_far as all_due_at
        from handoff.outbox o
        join handoff.consumer c using (consumer) join handoff.batch b using (batch_id)
        where o.sent_at is null and o.dead_at is null and o.contract = any (_contracts)
          and o.consumer = coalesce(_consumer, o.consumer) and c.ended_at is null
          and (_markets is null or _markets && array['*', b.market])
        window so_far as (partition by o.contract, o.consumer order by o.published_seq)
    ), next as (
        select o.* from open o, moment where o.all_due_at <= moment.now
        order by o.place, o.next_try limit _limit
    ), mine as (
        select o.* from handoff.outbox o join next using (seq), moment
        where o.sent_at is null and o.dead_at is null and o.next_try <= moment.now
        for update of o skip locked
    )
    select m.* from mine m
    where not exists (
        select from next n
        where n.contract = m.contract and n.consumer = m.consumer
          and n.published_seq < m.published_seq and n.seq not in (select seq from mine))
    order by m.contract, m.consumer, m.published_seq;
$$;

-- What a tier is to send next. Who asks is its only relay until the transaction ends.
create or replace function handoff.open_notices(_limit int)
returns table (seq bigint, event_id uuid, consumer text, contract text, body jsonb)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if not pg_try_advisory_xact_lock(hashtextextended('handoff.relay/' || session_user, 0)) then
        perform gate.refuse('SXBSY', 'another relay of this tier is sending');
    end if;
    return query
    select d.seq, d.event_id, d.consumer::text, d.contract, d.body
    from handoff.due_notices(
        array(select distinct o.contract from handoff.outbox o
              where o.sent_at is null and o.dead_at is null and handoff.relays(o.contract)),
        null, null, _limit) d;
end $$;

-- The broker has them.
create or replace function handoff.mark_sent(_seqs bigint[]) returns bigint
language sql security definer set search_path = pg_catalog, pg_temp as $$
    with sent as (
        update handoff.outbox set sent_at = clock_timestamp(), attempts = attempts + 1,
            last_error = null
        where seq = any (_seqs) and sent_at is null and dead_at is null and handoff.relays(contract)
        returning 1)
    select count(*) from sent;
$$;

-- After so many attempts, about five hours, a notice is dead: its successors go on without it.
create or replace function handoff.attempts_at_most() returns int language sql immutable as $$
    select 12;
$$;

create or replace function handoff.bury(_o handoff.outbox, _actor text) returns void
language plpgsql as $$
begin
    update handoff.outbox set dead_at = clock_timestamp(), last_error = _o.last_error,
        dead_event_id = audit.append('notice.dead', _actor, _o.consumer, clock_timestamp()::text,
            jsonb_build_object('notice', _o.event_id, 'batch_id', _o.batch_id, 'contract', _o.contract,
                'attempts', _o.attempts, 'reason', _o.last_error))
    where seq = _o.seq;
end $$;

-- The broker would not have it: once more in a while, or never. Answers whether it is dead.
create or replace function handoff.put_off(_seq bigint, _reason text, _actor text) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    o handoff.outbox;
begin
    update handoff.outbox set attempts = attempts + 1, last_error = _reason,
        next_try = clock_timestamp() + least(interval '30 seconds' * 2 ^ attempts, interval '1 hour')
    where seq = _seq and sent_at is null and dead_at is null and handoff.relays(contract)
    returning * into o;
    if o.seq is null then
        perform gate.refuse('SXREF', 'there is no such open notice of this tier');
    end if;
    if o.attempts < handoff.attempts_at_most() then
        return false;
    end if;
    perform handoff.bury(o, audit.as_login(_actor));
    return true;
end $$;

-- How many wait, of these how many were put off or are being worked on, how many are dead, and since when the
-- oldest waits: of the tier that asks, or of all where the login relays none.
create or replace function handoff.count_notices()
returns table (waiting bigint, held bigint, dead bigint, waiting_since timestamptz)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select count(*) filter (where is_open), count(*) filter (where is_open and next_try > clock_timestamp()),
           count(*) filter (where dead_at is not null), min(made_at) filter (where is_open)
    from (select o.*, sent_at is null and dead_at is null and c.ended_at is null as is_open,
                 d.delivered_at as made_at
          from handoff.outbox o join handoff.consumer c using (consumer)
          join handoff.delivery d using (consumer, batch_id)
          where sent_at is null) n
    where session_user = 'sxe_api' or handoff.relays(contract);
$$;
