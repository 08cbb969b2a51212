-- How an event is written: the forms that Python has, in SQL, so that a function of the owner records in
-- its own transaction. A test holds both forms equal.

create or replace function audit.canonical(_value jsonb) returns text
language plpgsql immutable as $$
begin
    return case jsonb_typeof(_value)
        when 'object' then '{' || coalesce((
            select string_agg(to_json(key)::text || ':' || audit.canonical(value), ','
                              order by key collate "C")
            from jsonb_each(_value)), '') || '}'
        when 'array' then '[' || coalesce((
            select string_agg(audit.canonical(value), ',' order by position)
            from jsonb_array_elements(_value) with ordinality as item (value, position)), '') || ']'
        else _value::text end;
end $$;

create or replace function audit.event_id(_kind text, _subject text, _key text) returns uuid
language plpgsql immutable as $$
declare
    h bytea := substr(sha256(convert_to(concat_ws(E'\n', _kind, _subject, _key), 'UTF8')), 1, 16);
begin
    h := set_byte(h, 6, (get_byte(h, 6) & 15) | 128);  -- version 8: a hash of our own
    h := set_byte(h, 8, (get_byte(h, 8) & 63) | 128);
    return encode(h, 'hex')::uuid;
end $$;

create or replace function audit.append(_kind text, _actor text, _subject text, _key text, _data jsonb)
returns uuid language plpgsql as $$
declare
    made uuid := audit.event_id(_kind, _subject, _key);
begin
    insert into audit.event (event_id, kind, actor, subject, payload)
    values (made, _kind, _actor, _subject, convert_to(audit.canonical(jsonb_build_object(
        'actor', _actor, 'data', jsonb_strip_nulls(_data), 'key', _key, 'kind', _kind,
        'subject', _subject)), 'UTF8'));
    return made;
end $$;
