-- Contact values sealed anew by another key of the keyset: the value stays, its bytes and hash change.

-- One batch, in the transaction of its event. What ciphertext begins with names its key, so a row that is
-- of the new key already is left alone, and two that reseal at once do each row once.
create or replace function contacts.reseal_points(
    _ids uuid[], _ciphertexts bytea[], _blind_indexes bytea[], _seal_mark bytea
) returns int language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    done uuid[];
begin
    if coalesce(cardinality(_ids), 0) not between 1 and 1000
       or cardinality(_ids) is distinct from cardinality(_ciphertexts)
       or cardinality(_ids) is distinct from cardinality(_blind_indexes)
       or octet_length(_seal_mark) is distinct from 5 then
        perform gate.refuse('SXBAD', 'a batch is 1 to 1000 ids, each with its bytes and its hash');
    end if;
    if exists (select from unnest(_ciphertexts) sealed
               where substr(sealed, 1, 5) is distinct from _seal_mark) then
        perform gate.refuse('SXBAD', 'bytes of a batch are not of the key that it names');
    end if;
    with changed as (
        update contacts.contact_point p
        set ciphertext = made.ciphertext, blind_index = made.blind_index
        from unnest(_ids, _ciphertexts, _blind_indexes) made (id, ciphertext, blind_index)
        where p.contact_point_id = made.id and substr(p.ciphertext, 1, 5) <> _seal_mark
        returning p.contact_point_id)
    select array_agg(contact_point_id order by contact_point_id) into done from changed;
    if done is null then
        return 0;
    end if;
    perform audit.append('contact_points.resealed', 'keys', 'contacts/contact_points',
        encode(sha256(convert_to(concat_ws(',', pg_current_xact_id()::text,
            array_to_string(done, ',')), 'UTF8')), 'hex'),
        jsonb_build_object('point_count', cardinality(done),
            'key', encode(substr(_seal_mark, 2), 'hex')));
    return cardinality(done);
end $$;
