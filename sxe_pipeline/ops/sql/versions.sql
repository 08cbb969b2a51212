-- Which version of a table counts: named by these functions alone, each time with its event.

create or replace function ops.kinds_of(_table text) returns text[]
language sql immutable as $$
    select case split_part(_table, '/', 2)
        when 'quarantine' then '{observations.written,quarantine.expired}'
        when 'post_terms' then '{profiles.written}'
        when 'sightings' then '{profiles.written}'
        when 'post_sightings' then '{profiles.written}'
        when 'targets' then '{identities.written}'
        when 'others' then '{lead_cards.written}'
        when 'enrichment_candidates' then '{candidates.written}'
        else array[split_part(_table, '/', 2) || '.written',
                   split_part(_table, '/', 2) || '.expired'] end;
$$;

-- The named version again: it holds the same rows, made from newer inputs.
create or replace function ops.name_version(
    _table text, _version bigint, _inputs text, _due_on date, _numbers jsonb, _made_from jsonb,
    _rest text, _record jsonb
) returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    update ops.version set superseded_at = clock_timestamp()
    where table_name = _table and superseded_at is null and version <> _version;
    insert into ops.version as v (table_name, version, inputs, due_on, numbers, made_from, rest, event_id)
    values (_table, _version, _inputs, _due_on, _numbers, _made_from, _rest,
            audit.write(_record, ops.kinds_of(_table)))
    on conflict (table_name, version) do update
    set inputs = excluded.inputs, due_on = excluded.due_on, numbers = excluded.numbers,
        made_from = excluded.made_from, rest = excluded.rest, event_id = excluded.event_id
    where v.superseded_at is null;
    if not found then
        raise exception using errcode = 'SXREF',
            message = 'that version was named before another one';
    end if;
end $$;

-- The same rows in other files: what is made from the table stays current, what guards found stays found.
create or replace function ops.name_compacted(
    _table text, _version bigint, _now timestamptz, _record jsonb
) returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    old ops.version;
begin
    update ops.version set superseded_at = greatest(_now, clock_timestamp())
    where table_name = _table and superseded_at is null returning * into old;
    if old.table_name is null or _record->>'subject' is distinct from _table then
        raise exception using errcode = 'SXREF',
            message = 'there is no such table to compact';
    end if;
    insert into ops.version (table_name, version, inputs, due_on, numbers, made_from, rest, rows_version,
                             event_id)
    values (_table, _version, old.inputs, old.due_on, old.numbers, old.made_from, old.rest,
            coalesce(old.rows_version, old.version), audit.write(_record, '{table.compacted}'));
    insert into ops.verdict (table_name, version, verdict, is_passed, numbers, judged_at, event_id)
    select table_name, _version, verdict, is_passed, numbers, judged_at, event_id from ops.verdict
    where (table_name, version) = (_table, old.version);
end $$;

-- What a guard found in a version: once, and it stays; but a guard that looks again may find what it
-- did not see before.
create or replace function ops.judge(
    _table text, _version bigint, _guard text, _is_passed boolean, _numbers jsonb
) returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    kind text := case when _is_passed then 'table.passed' else 'table.failed' end;
    at timestamptz := clock_timestamp();
    key text := _guard || '/v' || _version || '@' || at;
begin
    insert into ops.verdict as v
        (table_name, version, verdict, is_passed, numbers, judged_at, event_id)
    values (_table, _version, _guard, _is_passed, _numbers, at,
            audit.event_id(kind, _table, key))
    on conflict (table_name, version, verdict) do update set
        is_passed = excluded.is_passed, numbers = excluded.numbers,
        judged_at = excluded.judged_at, event_id = excluded.event_id
    where v.is_passed and not excluded.is_passed;
    if found then
        perform audit.append(kind, 'guard', _table, key, jsonb_build_object('version', _version,
            'guard', _guard, 'numbers_sha256', audit.digest_of(audit.canonical(_numbers))));
    end if;
end $$;

-- Versions whose grace is over, those that a killed upkeep marked included, but for one that a named version
-- was made from: the next one is made of the difference. What was made before newer rules found contact data
-- in stored rows is kept for nobody.
create or replace function ops.mark_versions(_table text, _until timestamptz)
returns setof bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    update ops.version v set dropping_since = clock_timestamp()
    where table_name = _table and dropping_since is null and (superseded_at <= _until and not exists (
            select from ops.version made where made.superseded_at is null
            and (made.made_from->>_table)::bigint = v.version)
        or superseded_at is not null
        and named_at < (select max(redacted_again_at) from social.day_count));
    return query select version from ops.version
    where table_name = _table and dropping_since is not null;
end $$;

-- What was marked is gone from the store.
create or replace function ops.drop_versions(_table text, _record jsonb)
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if _record->>'subject' is distinct from _table then
        raise exception using errcode = 'SXREF',
            message = 'the event names another table';
    end if;
    perform audit.write(_record, '{table.vacuumed}');
    delete from ops.version where table_name = _table and dropping_since is not null;
end $$;

-- Versions of the candidates only count rows of the gate: nothing lies in the store for them.
create or replace function ops.drop_counted(_until timestamptz)
returns void language sql security definer set search_path = pg_catalog, pg_temp as $$
    delete from ops.version
    where table_name = 'cards/enrichment_candidates' and superseded_at <= _until;
$$;
