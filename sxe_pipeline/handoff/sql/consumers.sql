-- Consumers: what they subscribed to, and the keys by which they are known.

-- Who a consumer is, by the hash of its key.
create or replace function handoff.authenticate(_key_sha256 bytea) returns handoff.api_key
language plpgsql stable as $$
declare
    k handoff.api_key;
begin
    select a.* into k from handoff.api_key a join handoff.consumer c using (consumer)
    where a.key_sha256 = _key_sha256 and a.revoked_at is null
      and a.expires_at > clock_timestamp() and c.ended_at is null;
    if k.consumer is null then
        perform gate.refuse('SXREF', 'that key is unknown, has expired or was revoked; ask the sender for another');
    end if;
    return k;
end $$;

-- What a key was made for: of what was delivered, its consumer takes and answers this by it, subscribed still or
-- not any more.
create or replace function handoff.is_for(_k handoff.api_key, _contract text, _market text) returns boolean
language sql immutable as $$
    select _contract = any (_k.contracts) and _k.markets && array['*', _market];
$$;

-- The same of what its consumer is subscribed to now.
create or replace function handoff.may_see(_k handoff.api_key, _contract text, _market text) returns boolean
language sql stable as $$
    select handoff.is_for(_k, _contract, _market)
       and exists (select from handoff.subscription s
                   where s.consumer = _k.consumer and s.contract = _contract
                     and s.market in ('*', _market) and s.until is null);
$$;

-- A batch of what its consumer is subscribed to. Contact points were asked for on a ground that names who was
-- subscribed then: nobody else reads them, unless a person has them delivered.
create or replace function handoff.may_read(_k handoff.api_key, _b handoff.batch) returns boolean
language sql stable as $$
    select handoff.may_see(_k, _b.contract, _b.market)
       and (_b.request_id is null
            or exists (select from handoff.delivery d
                       where d.consumer = _k.consumer and d.batch_id = _b.batch_id));
$$;

-- The consumer, locked: what belongs to one is changed by one person at a time. A delivery to it is no
-- change of it: whoever publishes does not wait for a person who waits for whoever publishes.
create or replace function handoff.live_consumer(_consumer text) returns handoff.consumer
language plpgsql as $$
declare
    c handoff.consumer;
begin
    select * into c from handoff.consumer where consumer = _consumer and ended_at is null
    for no key update;
    if c.consumer is null then
        perform gate.refuse('SXNOF', 'there is no such consumer; see sxe consumers list');
    end if;
    return c;
end $$;

create or replace function handoff.add_consumer(_token text, _consumer text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    who text := gate.authenticate(_token, 'admin');
begin
    insert into handoff.consumer (consumer, event_id)
    values (_consumer, audit.append('consumer.added', 'principal:' || who, _consumer, 'added', '{}'));
exception
    when unique_violation then
        perform gate.refuse('SXREF', 'that consumer exists or has ended; a name is used once');
    when check_violation or not_null_violation then
        perform gate.refuse('SXBAD', 'a consumer is a short lower-case name: letters, digits, - and _');
end $$;

-- Its keys work no more and it is told of no further batch; what it said stays.
create or replace function handoff.end_consumer(_token text, _consumer text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    who text := gate.authenticate(_token, 'admin');
begin
    perform handoff.live_consumer(_consumer);
    update handoff.consumer set ended_at = clock_timestamp(), ended_event_id = audit.append(
        'consumer.ended', 'principal:' || who, _consumer, 'ended', jsonb_build_object(
            'unanswered', (select count(*) from handoff.delivery d where d.consumer = _consumer
                and not exists (select from handoff.ack a where a.consumer = _consumer
                                and a.batch_id = d.batch_id))))
    where consumer = _consumer;
end $$;

-- From here on. The newest batch of each market is delivered at once, so that there is something to
-- answer for; contact points of requests that were finished before are not: nobody asked on its behalf.
create or replace function handoff.subscribe(
    _token text, _consumer text, _contract text, _market text, _has_queue boolean,
    _expect_every interval, _ack_within interval
) returns jsonb language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    who text := gate.authenticate(_token, 'admin');
    s handoff.subscription;
    b handoff.batch;
    delivered int := 0;
begin
    perform handoff.live_consumer(_consumer);
    -- Whoever publishes holds this: a batch is delivered by it, or seen here.
    perform handoff.next_seq(_contract);
    insert into handoff.subscription (event_id, consumer, contract, market, has_queue, expect_every,
        ack_within)
    values (audit.append('subscription.added', 'principal:' || who, _consumer,
                concat_ws('/', _contract, _market, clock_timestamp()), jsonb_build_object(
                    'contract', _contract, 'market', _market, 'has_queue', _has_queue,
                    'expect_every_s', extract(epoch from _expect_every)::bigint,
                    'ack_within_s', extract(epoch from _ack_within)::bigint)),
        _consumer, _contract, _market, _has_queue, _expect_every, _ack_within)
    returning * into s;
    for b in select * from (
                 select distinct on (market) * from handoff.batch
                 where contract = _contract and _market in ('*', market) and state = 'published'
                   and request_id is null
                 order by market, published_seq desc) newest
             order by published_seq loop
        delivered := delivered + handoff.deliver_to(_consumer, b, 'principal:' || who, _ack_within,
                                                    _has_queue)::int;
    end loop;
    return jsonb_build_object('consumer', s.consumer, 'contract', s.contract, 'market', s.market,
                              'delivered', delivered);
exception
    when unique_violation then
        perform gate.refuse('SXREF', 'that consumer is subscribed to it already; unsubscribe it first');
    when check_violation or not_null_violation then
        perform gate.refuse('SXBAD', 'a subscription names a contract and a market or *, and waits '
            'for batches and answers more than nothing and 30 days at most');
end $$;

create or replace function handoff.unsubscribe(
    _token text, _consumer text, _contract text, _market text
) returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    who text := gate.authenticate(_token, 'admin');
    s handoff.subscription;
begin
    perform handoff.live_consumer(_consumer);
    select * into s from handoff.subscription
    where consumer = _consumer and contract = _contract and market = _market and until is null;
    if s.event_id is null then
        perform gate.refuse('SXNOF', 'that consumer is not subscribed to it; see sxe consumers list');
    end if;
    update handoff.subscription set until = clock_timestamp(), until_event_id = audit.append(
        'subscription.ended', 'principal:' || who, _consumer, s.event_id::text,
        jsonb_build_object('contract', _contract, 'market', _market))
    where event_id = s.event_id;
end $$;

-- A key for what the consumer is subscribed to, or for less of it; for contact data it is named.
create or replace function handoff.add_key(
    _token text, _consumer text, _key_sha256 bytea, _contracts text[], _markets text[],
    _expires_at timestamptz
) returns jsonb language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    who text := gate.authenticate(_token, 'admin');
    subscribed text[];
    k handoff.api_key;
begin
    perform handoff.live_consumer(_consumer);
    select coalesce(array_agg(distinct contract order by contract), '{}') into subscribed
    from handoff.subscription where consumer = _consumer and until is null;
    if (select count(*) from handoff.live_keys(_consumer)) >= 2 then
        perform gate.refuse('SXREF', 'two keys of that consumer work already; revoke one first');
    end if;
    if _contracts is null then
        _contracts := array_remove(subscribed, 'lead_contact');
    elsif not _contracts <@ subscribed then
        perform gate.refuse('SXBAD', 'that consumer is not subscribed to all of these contracts');
    end if;
    if _contracts = '{}' then
        perform gate.refuse('SXBAD', 'name the contract of the key; contact data is never opened by default');
    end if;
    if _expires_at > clock_timestamp() + interval '366 days' then
        perform gate.refuse('SXBAD', 'a key works for a year at most');
    end if;
    insert into handoff.api_key (key_sha256, consumer, contracts, markets, expires_at, event_id)
    values (_key_sha256, _consumer, _contracts, coalesce(_markets, '{*}'), _expires_at, audit.append(
        'consumer_key.added', 'principal:' || who, _consumer, encode(_key_sha256, 'hex'),
        jsonb_build_object('contracts', _contracts, 'market_count', cardinality(_markets),
            'markets_sha256', audit.digest_of(_markets::text), 'expires_at', _expires_at)))
    returning * into k;
    return handoff.key_seen(k);
exception
    when unique_violation then
        perform gate.refuse('SXBAD', 'that key is known already; make a new one');
    when check_violation or not_null_violation then
        perform gate.refuse('SXBAD', 'a key is a SHA-256 with a time that is still to come');
end $$;

create or replace function handoff.live_keys(_consumer text) returns setof handoff.api_key
language sql stable as $$
    select * from handoff.api_key
    where consumer = _consumer and revoked_at is null and expires_at > clock_timestamp();
$$;

create or replace function handoff.revoke_key(_token text, _start text) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    who text := gate.authenticate(_token, 'admin');
    k handoff.api_key;
begin
    begin
        select * into strict k from handoff.api_key
        where _start ~ '^[0-9a-f]{8,64}$' and revoked_at is null
          and starts_with(encode(key_sha256, 'hex'), _start) for update;
    exception when no_data_found or too_many_rows then
        perform gate.refuse('SXNOF', 'there is no such key, or more than one; see sxe consumers show');
    end;
    update handoff.api_key set revoked_at = clock_timestamp(), revoked_event_id = audit.append(
        'consumer_key.revoked', 'principal:' || who, k.consumer, encode(k.key_sha256, 'hex'), '{}')
    where key_sha256 = k.key_sha256;
    return handoff.key_seen(k);
end $$;

-- A key as others may know it.
create or replace function handoff.key_seen(_k handoff.api_key) returns jsonb
language sql immutable as $$
    select jsonb_build_object('consumer', _k.consumer, 'key', left(encode(_k.key_sha256, 'hex'), 12),
        'contracts', _k.contracts, 'markets', _k.markets, 'expires_at', _k.expires_at);
$$;

create or replace function handoff.show_consumers() returns setof jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select jsonb_build_object('consumer', c.consumer, 'made_at', c.made_at, 'ended_at', c.ended_at,
        'subscriptions', (select coalesce(jsonb_agg(jsonb_build_object(
                'contract', s.contract, 'market', s.market, 'has_queue', s.has_queue,
                'expect_every_s', extract(epoch from s.expect_every)::bigint,
                'ack_within_s', extract(epoch from s.ack_within)::bigint, 'since', s.since)
                order by s.contract, s.market), '[]')
            from handoff.subscription s where s.consumer = c.consumer and s.until is null),
        'keys', (select coalesce(jsonb_agg(handoff.key_seen(k) order by k.made_at), '[]')
            from handoff.live_keys(c.consumer) k))
    from handoff.consumer c order by c.consumer;
$$;

-- Nobody but the functions reads or writes these: a right that slips in sees no row.
alter table handoff.consumer enable row level security;
alter table handoff.subscription enable row level security;
alter table handoff.delivery enable row level security;
alter table handoff.ack enable row level security;
alter table handoff.api_key enable row level security;
