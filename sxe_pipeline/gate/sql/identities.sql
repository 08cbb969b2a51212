-- The one road from an id to the person of today, and to every id that the person has had.

create or replace function gate.survivor(_card text) returns text
language plpgsql stable as $$
declare
    current text := _card;
    further text;
begin
    loop
        select a.survivor_card_id into further from social.alias a where a.card_id = current;
        if not found then return current; end if;
        current := further;
    end loop;
end $$;

-- Every id that a person has had: what was known, paid or suppressed under one holds under all.
create or replace function gate.family(_survivor text) returns text[]
language plpgsql stable as $$
begin
    if not exists (select from social.alias a where a.survivor_card_id = _survivor) then
        return array[_survivor];
    end if;
    return array(
        with recursive ids (card_id) as (
            select _survivor
            union
            select a.card_id from social.alias a join ids on a.survivor_card_id = ids.card_id
        )
        select card_id from ids);
end $$;
