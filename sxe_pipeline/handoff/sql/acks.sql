-- What a consumer says of a batch that was delivered to it: one answer each, with proof of reading.

-- By the consumer itself. A batch that was not delivered to it is no batch for it.
create or replace function handoff.put_ack(_key_sha256 bytea, _batch_id text, _ack jsonb) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    k handoff.api_key := handoff.authenticate(_key_sha256);
    b handoff.batch;
begin
    select batch.* into b from handoff.batch join handoff.delivery d using (batch_id)
    where batch_id = _batch_id and d.consumer = k.consumer
      and handoff.is_for(k, batch.contract, batch.market);
    return handoff.take_ack(k.consumer, b, _ack, 'consumer:' || k.consumer);
end $$;

-- By a person, for a consumer that answers by file.
create or replace function handoff.enter_ack(_token text, _consumer text, _batch_id text, _ack jsonb)
returns jsonb language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    who text := gate.authenticate(_token, 'ack');
    b handoff.batch;
begin
    select batch.* into b from handoff.batch join handoff.delivery d using (batch_id)
    where batch_id = _batch_id and d.consumer = _consumer;
    return handoff.take_ack(_consumer, b, _ack, 'principal:' || who);
end $$;

-- The first answer stands; the same again is no second one, and another is a conflict.
create or replace function handoff.take_ack(_consumer text, _b handoff.batch, _ack jsonb, _actor text)
returns jsonb language plpgsql as $$
declare
    d handoff.delivery;
    said handoff.ack;
    old handoff.ack;
begin
    select * into d from handoff.delivery
    where consumer = _consumer and batch_id = _b.batch_id for update;
    if d.consumer is null then
        perform gate.refuse('SXNOF', 'there is no such batch');
    end if;
    said := handoff.ack_of(_b, _ack);
    said.consumer := _consumer;
    select * into old from handoff.ack where consumer = _consumer and batch_id = _b.batch_id;
    if old.consumer is null then
        said.acked_at := clock_timestamp();
        said.event_id := audit.append('ack.received', _actor, _consumer, _b.batch_id,
            jsonb_build_object('contract', _b.contract, 'status', said.status,
                'rows_read', said.rows_read, 'is_proved', said.is_proved, 'is_wrong', said.is_wrong,
                'is_late', said.acked_at > d.due_at, 'error_count', handoff.error_count(said.errors),
                'ack_sha256', audit.digest_of(_ack::text)));
        insert into handoff.ack select said.*;
    elsif (old.manifest_sha256, old.status, old.rows_read, old.keys_sha256, old.errors)
            <> (said.manifest_sha256, said.status, said.rows_read, said.keys_sha256, said.errors) then
        perform gate.refuse('SXCON', 'another answer to that batch stands already, and it does not change');
    end if;
    return jsonb_build_object('status', said.status, 'is_new', old.consumer is null,
        'is_late', coalesce(old.acked_at, said.acked_at) > d.due_at,
        'is_proved', coalesce(old.is_proved, said.is_proved),
        'is_wrong', coalesce(old.is_wrong, said.is_wrong),
        'acked_at', coalesce(old.acked_at, said.acked_at));
end $$;

-- The body as a row, compared with what was published.
create or replace function handoff.ack_of(_b handoff.batch, _ack jsonb) returns handoff.ack
language plpgsql as $$
declare
    said handoff.ack;
    row_count bigint := handoff.rows_to_read(_b);
begin
    if not handoff.is_ack(_ack) then
        perform gate.refuse('SXBAD', 'an answer is {manifest_sha256, status, rows_read, keys_sha256, '
            'errors: [{path, rule, count}]}: hashes, counts and names of columns, never a value');
    end if;
    if _ack->>'manifest_sha256' <> _b.manifest_sha256 then
        perform gate.refuse('SXBAD', 'that is not the manifest of this batch; verify what was fetched');
    end if;
    said.batch_id := _b.batch_id;
    said.manifest_sha256 := _ack->>'manifest_sha256';
    said.status := _ack->>'status';
    said.rows_read := (_ack->>'rows_read')::bigint;
    said.keys_sha256 := _ack->>'keys_sha256';
    said.errors := handoff.sorted_errors(_ack->'errors');
    said.is_wrong := said.rows_read <> row_count
        or coalesce(said.keys_sha256::text <> _b.keys_sha256::text, false);
    said.is_proved := not said.is_wrong and row_count > 0 and _b.keys_sha256 is not null;
    return said;
end $$;

-- Upserts and removes are both read.
create or replace function handoff.rows_to_read(_b handoff.batch) returns bigint
language sql immutable as $$
    select _b.row_count + _b.remove_count;
$$;

create or replace function handoff.is_ack(_ack jsonb) returns boolean
language sql immutable as $$
    select coalesce(case when jsonb_typeof(_ack) = 'object' then
        _ack ?& '{manifest_sha256,status,rows_read,keys_sha256}'
        and _ack - '{manifest_sha256,status,rows_read,keys_sha256,errors}'::text[] = '{}'
        and handoff.is_text(_ack->'manifest_sha256', '^[0-9a-f]{64}$')
        and handoff.is_text(_ack->'status', '^(accepted|rejected)$')
        and handoff.is_count(_ack->'rows_read', '^(0|[1-9][0-9]{0,14})$')
        and handoff.is_text(_ack->'keys_sha256', '^[0-9a-f]{64}$')
        and handoff.are_errors(coalesce(_ack->'errors', '[]')) end, false);
$$;

create or replace function handoff.is_text(_value jsonb, _pattern text) returns boolean
language sql immutable as $$
    select jsonb_typeof(_value) = 'string' and _value #>> '{}' ~ _pattern;
$$;

create or replace function handoff.is_count(_value jsonb, _pattern text) returns boolean
language sql immutable as $$
    select jsonb_typeof(_value) = 'number' and _value::text ~ _pattern;
$$;

-- A path is names of columns, a rule is one word: neither has room for an address or a number.
create or replace function handoff.are_errors(_errors jsonb) returns boolean
language sql immutable as $$
    select case when jsonb_typeof(_errors) = 'array' then
        jsonb_array_length(_errors) <= 100
        and not exists (
            select from jsonb_array_elements(_errors) e
            where not coalesce(case when jsonb_typeof(e) = 'object' then
                e ?& '{path,rule,count}' and e - '{path,rule,count}'::text[] = '{}'
                and handoff.is_text(e->'path',
                    '^[a-z_]{1,40}[0-9]{0,3}(\[\])?(\.[a-z_]{1,40}[0-9]{0,3}(\[\])?){0,3}$')
                and handoff.is_text(e->'rule', '^[a-z_]{1,40}[0-9]{0,3}$')
                and handoff.is_count(e->'count', '^[1-9][0-9]{0,11}$') end, false))
        and (select count(*) = count(distinct (e->'path', e->'rule'))
             from jsonb_array_elements(_errors) e)
    else false end;
$$;

create or replace function handoff.sorted_errors(_errors jsonb) returns jsonb
language sql immutable as $$
    select coalesce(jsonb_agg(e order by e->>'path' collate "C", e->>'rule' collate "C"), '[]')
    from jsonb_array_elements(_errors) e;
$$;

create or replace function handoff.error_count(_errors jsonb) returns bigint
language sql immutable as $$
    select coalesce(sum((e->>'count')::bigint), 0)::bigint from jsonb_array_elements(_errors) e;
$$;

-- What was said stays as it was said.
create or replace function handoff.keep_ack() returns trigger language plpgsql as $$
begin
    raise exception 'a delivery and its answer do not change' using errcode = '42501';
end $$;
create or replace trigger keep_ack before update or delete on handoff.ack
    for each row execute function handoff.keep_ack();
create or replace trigger keep_delivery before update or delete on handoff.delivery
    for each row execute function handoff.keep_ack();
