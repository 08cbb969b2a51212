-- Candidates: what the cards let go to the gate, and nothing else of them.

create or replace function gate.put_candidates(
    _generation uuid, _card_ids text[], _markets text[], _pools text[], _platforms jsonb[],
    _inputs jsonb[]
) returns int language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    put int;
begin
    insert into gate.candidate as c
        (card_id, market, audience_pool, platforms, inputs, inputs_revision, generation)
    select n.card_id, n.market, n.pool, array(select jsonb_array_elements_text(n.platforms)),
           n.inputs, gen_random_uuid(), _generation
    from unnest(_card_ids, _markets, _pools, _platforms, _inputs)
        as n (card_id, market, pool, platforms, inputs)
    on conflict (card_id) do update set
        market = excluded.market, audience_pool = excluded.audience_pool,
        platforms = excluded.platforms, inputs = excluded.inputs,
        generation = excluded.generation, updated_at = clock_timestamp(), withdrawn_at = null,
        -- Random, and new when the inputs are: the hash of a name could be guessed.
        inputs_revision = case when c.inputs = excluded.inputs then c.inputs_revision
                           else excluded.inputs_revision end;
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
