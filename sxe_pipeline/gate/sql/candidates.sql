-- Candidates: what the cards let go to the gate, and nothing else of them.

-- Match inputs are known again by a keyed digest, which stays when they are withdrawn or forgotten:
-- what was asked about the same inputs is not asked again, however often a card comes and goes. The
-- key is in a table that no login reads, so a digest that leaks cannot be tried with names.
create or replace function gate.inputs_digest(_inputs jsonb) returns uuid
language sql stable as $$
    select encode(substring(sha256(k.key || convert_to(_inputs::text, 'UTF8')) for 16), 'hex')::uuid
    from gate.digest_key k;
$$;

-- What differs from what is held is written, and nothing else is touched. Of a candidate that is held,
-- inputs that are the same have the same digest.
create or replace function gate.put_candidates(_generation uuid, _cards jsonb) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    insert into gate.candidate as c
        (card_id, market, audience_pool, platforms, inputs, inputs_revision, inputs_tick, generation)
    select n.card_id, n.market, n.audience_pool, n.platforms, n.inputs,
           gate.inputs_digest(n.inputs), t.tick, _generation
    from jsonb_to_recordset(_cards)
        as n (card_id text, market text, audience_pool text, platforms text[], inputs jsonb)
    left join gate.candidate held using (card_id)
    cross join (select nextval('gate.tick') as tick offset 0) t
    where (n.market, n.audience_pool, n.platforms, n.inputs) is distinct from
          (held.market, held.audience_pool, held.platforms, held.inputs)
    on conflict (card_id) do update set
        market = excluded.market, audience_pool = excluded.audience_pool,
        platforms = excluded.platforms, inputs = excluded.inputs,
        generation = excluded.generation, updated_at = clock_timestamp(), withdrawn_at = null,
        inputs_revision = excluded.inputs_revision,
        -- Since when these inputs are known; null is of somebody who was away when digests came.
        inputs_tick = case when coalesce(c.inputs_revision, excluded.inputs_revision)
                                = excluded.inputs_revision
                           then c.inputs_tick else excluded.inputs_tick end;
end $$;

-- Nobody else is a candidate with an id after the one and up to the other (null: to the end), as bytes
-- are ordered.
create or replace function gate.withdraw_candidates(_after text, _until text, _card_ids text[])
returns int language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    gone int;
begin
    if exists (select from unnest(_card_ids) id
               where id collate "C" <= _after or id collate "C" > _until) then
        raise exception using errcode = 'SXBAD',
            message = 'candidates come in the order of their ids; sort them, then try again';
    end if;
    update gate.candidate c set withdrawn_at = clock_timestamp(), inputs = null
    where c.card_id collate "C" > _after and (_until is null or c.card_id collate "C" <= _until)
      and c.withdrawn_at is null
      and not exists (select from unnest(_card_ids) id where id = c.card_id);
    get diagnostics gone = row_count;
    return gone;
end $$;

-- These are candidates no more.
create or replace function gate.withdraw_cards(_card_ids text[])
returns int language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    gone int;
begin
    update gate.candidate c set withdrawn_at = clock_timestamp(), inputs = null
    where c.card_id = any (_card_ids) and c.withdrawn_at is null;
    get diagnostics gone = row_count;
    return gone;
end $$;

-- How many candidates there are, under a null name, and for how many each input is known.
create or replace function gate.count_candidates() returns table (input text, candidates bigint)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select i.input, count(*) from gate.candidate c
    cross join lateral (select null union all select jsonb_object_keys(c.inputs)) as i (input)
    where c.withdrawn_at is null group by i.input;
$$;
