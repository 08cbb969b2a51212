-- The one road from an id to the person of today, and to every id that the person has had.

-- A circle would be a person who is nobody: the row that closes one is refused, one writer at a time.
create or replace function gate.refuse_circle() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform pg_advisory_xact_lock(hashtextextended('gate/aliases', 0));
    if exists (
        with recursive onward (card_id) as (
            select new.survivor_card_id
            union
            select a.survivor_card_id from onward o join social.alias a on a.card_id = o.card_id
        )
        select from onward where card_id = new.card_id) then
        raise exception 'an alias leads back to itself; a merged card keeps one survivor'
            using errcode = 'SXREF';
    end if;
    return new;
end $$;

create or replace trigger refuse_circle before insert or update on social.alias
    for each row execute function gate.refuse_circle();

-- A walk of a hundred steps ends where it is: what was paid is booked, whatever a table says.
create or replace function gate.survivor(_card text) returns text
language plpgsql stable as $$
declare
    current text := _card;
    further text;
begin
    for hop in 1 .. 100 loop
        select a.survivor_card_id into further from social.alias a where a.card_id = current;
        exit when not found;
        current := further;
    end loop;
    return current;
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
        select card_id from ids limit 1000);
end $$;

-- Every card that a card was ever one with, merged or split since, sorted: inputs that were asked
-- about under one of them are not asked about again under another.
create or replace function gate.kin(_card text) returns text[]
language plpgsql stable as $$
begin
    if not exists (select from social.alias a where a.card_id = _card or a.survivor_card_id = _card)
       and not exists (select from social.card c where c.parent_card_id = _card)
       and not exists (select from social.card c
                       where c.card_id = _card and c.parent_card_id is not null) then
        return array[_card];
    end if;
    return array(
        with recursive ids (card_id) as (
            select _card
            union
            select e.card_id from ids cross join lateral (
                select a.survivor_card_id from social.alias a where a.card_id = ids.card_id
                union all
                select a.card_id from social.alias a where a.survivor_card_id = ids.card_id
                union all
                select c.parent_card_id from social.card c
                where c.card_id = ids.card_id and c.parent_card_id is not null
                union all
                select c.card_id from social.card c where c.parent_card_id = ids.card_id
            ) e (card_id)
        )
        select card_id from (select card_id from ids limit 1000) few order by 1);
end $$;
