-- Candidates: what the cards let go to the gate, and nothing else of them.

-- Match inputs are known again by a keyed digest, which stays when they are withdrawn or forgotten:
-- what was asked about the same inputs is not asked again, however often a card comes and goes. The
-- key is in a table that no login reads, so a digest that leaks cannot be tried with names.
create or replace function gate.inputs_digest(_inputs jsonb) returns uuid
language sql stable as $$
    select encode(substring(sha256(k.key || convert_to(_inputs::text, 'UTF8')) for 16), 'hex')::uuid
    from gate.digest_key k;
$$;

create or replace function gate.put_candidates(
    _generation uuid, _card_ids text[], _markets text[], _pools text[], _platforms jsonb[],
    _inputs jsonb[]
) returns int language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    put int;
begin
    insert into gate.candidate as c
        (card_id, market, audience_pool, platforms, inputs, inputs_revision, inputs_tick, generation)
    select n.card_id, n.market, n.pool, array(select jsonb_array_elements_text(n.platforms)),
           n.inputs, gate.inputs_digest(n.inputs), t.tick, _generation
    from unnest(_card_ids, _markets, _pools, _platforms, _inputs)
        as n (card_id, market, pool, platforms, inputs)
    cross join (select nextval('gate.tick') as tick offset 0) t
    on conflict (card_id) do update set
        market = excluded.market, audience_pool = excluded.audience_pool,
        platforms = excluded.platforms, inputs = excluded.inputs,
        generation = excluded.generation, updated_at = clock_timestamp(), withdrawn_at = null,
        inputs_revision = excluded.inputs_revision,
        -- Since when these inputs are known; null is of somebody who was away when digests came.
        inputs_tick = case when coalesce(c.inputs_revision, excluded.inputs_revision)
                                = excluded.inputs_revision
                           then c.inputs_tick else excluded.inputs_tick end;
    get diagnostics put = row_count;
    return put;
end $$;

create or replace function gate.withdraw_candidates(_generation uuid) returns int
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    gone int;
begin
    update gate.candidate set withdrawn_at = clock_timestamp(), inputs = null
    where generation <> _generation and withdrawn_at is null;
    get diagnostics gone = row_count;
    return gone;
end $$;
