-- What collections say of themselves, and which are set aside: by these functions alone, with their events.

-- Takes over what changed; a collection that says nothing new has no event. `_said`: {collection,
-- mapping_sha256, and, where it describes itself, file_sha256, gathered_by, tribes, market}.
create or replace function ingest.declare_collections(_said jsonb, _now timestamptz, _actor text)
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    actor text := audit.as_login(_actor);
    known ingest.collection;
    says ingest.collection;
    one jsonb;
begin
    for one in select * from jsonb_array_elements(_said) loop
        select * into known from ingest.collection where collection = one->>'collection' for update;
        says := jsonb_populate_record(known, one);
        says.tribes := coalesce(says.tribes, '{}');
        continue when (says.gathered_by, says.tribes, says.market, says.mapping_sha256)
            is not distinct from (known.gathered_by, coalesce(known.tribes, '{}'), known.market,
                                  known.mapping_sha256)
            and (known.declared_at is not null or not one ? 'file_sha256');
        says.event_id := ingest.append_collection('declared', says.collection, actor,
            jsonb_build_object('file_sha256', one->'file_sha256', 'mapping_sha256',
                says.mapping_sha256, 'tribe_count', cardinality(says.tribes)));
        insert into ingest.collection as c
            (collection, gathered_by, tribes, market, mapping_sha256, declared_at, event_id)
        values (says.collection, says.gathered_by, says.tribes, says.market, says.mapping_sha256,
                _now, says.event_id)
        on conflict (collection) do update set gathered_by = excluded.gathered_by,
            tribes = excluded.tribes, market = excluded.market,
            mapping_sha256 = excluded.mapping_sha256, declared_at = excluded.declared_at,
            event_id = excluded.event_id;
    end loop;
end $$;

-- Those that cannot be read are set aside (`_problems`: collection -> why), all others taken back.
create or replace function ingest.set_aside(_problems jsonb, _actor text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    actor text := audit.as_login(_actor);
    one record;
begin
    for one in
        select coalesce(c.collection, p.key) as collection, p.value as problem
        from ingest.collection c full join jsonb_each_text(_problems) p on p.key = c.collection
        where c.problem is distinct from p.value order by 1
    loop
        insert into ingest.collection as c (collection, problem, event_id)
        values (one.collection, one.problem, ingest.append_collection(
            case when one.problem is null then 'taken_back' else 'set_aside' end, one.collection,
            actor, jsonb_build_object('problem_sha256', audit.digest_of(one.problem))))
        on conflict (collection) do update set problem = excluded.problem,
            event_id = excluded.event_id;
    end loop;
end $$;

-- A folder's name is written by strangers: an event has its hash.
create or replace function ingest.hashed(_collection text) returns text
language sql immutable as $$
    select left(encode(sha256(convert_to(_collection, 'UTF8')), 'hex'), 32);
$$;

create or replace function ingest.append_collection(
    _what text, _collection text, _actor text, _data jsonb
) returns uuid language sql as $$
    select audit.append('collection.' || _what, _actor, ingest.hashed(_collection),
                        clock_timestamp()::text, _data);
$$;
