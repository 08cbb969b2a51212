-- Suppression: by card; every tier asks these functions.

create or replace function privacy.is_suppressed(_family text[]) returns boolean
language sql stable as $$
    select exists (select from privacy.suppression s where s.card_id = any (_family));
$$;

create or replace function privacy.suppress(_token text, _card text, _reason text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    who text := gate.authenticate(_token, null);
begin
    if coalesce(trim(_reason), '') = '' then
        perform gate.refuse('SXBAD', 'say why: a reason is part of the record');
    end if;
    perform pg_advisory_xact_lock(hashtextextended('privacy/splits', 0));
    if not exists (select from social.card c where c.card_id = _card) then
        perform gate.refuse('SXNOF', 'there is no such card');
    end if;
    if not exists (select from privacy.suppression s where s.card_id = _card) then
        insert into privacy.suppression (card_id, reason, added_by, event_id)
        values (_card, _reason, who,
                audit.append('suppression.added', 'principal:' || who, _card, 'added',
                             jsonb_build_object('reason_sha256', audit.digest_of(_reason))));
    end if;
end $$;

create or replace function privacy.suppressed_cards() returns setof text
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select distinct unnest(gate.family(gate.survivor(s.card_id))) from privacy.suppression s;
$$;

-- A no goes along with whoever leaves a card: which of its people said it, nobody knows. In one line with
-- `suppress`, so that nobody leaves while his card is being suppressed.
create or replace function privacy.follow(_card text, _left text) returns void
language plpgsql as $$
begin
    perform pg_advisory_xact_lock(hashtextextended('privacy/splits', 0));
    if privacy.is_suppressed(gate.family(gate.survivor(_left)))
       and not privacy.is_suppressed(gate.family(gate.survivor(_card))) then
        insert into privacy.suppression (card_id, reason, added_by, event_id)
        values (_card, 'somebody of a suppressed card is part of it', 'split',
                audit.append('suppression.added', 'split', _card, 'added',
                             jsonb_build_object('parent_card_id', _left)));
    end if;
end $$;

create or replace function privacy.follow_split() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform privacy.follow(new.card_id, new.parent_card_id);
    return null;
end $$;

create or replace trigger follow_split after insert on social.card
    for each row when (new.parent_card_id is not null) execute function privacy.follow_split();
