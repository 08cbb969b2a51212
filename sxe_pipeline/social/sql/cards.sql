-- Card ids and aliases: what one resolution minted, moved and merged, with one event; a no goes along, with its own.

create or replace function social.assign_ids(
    _minted jsonb, _changed jsonb, _aliases jsonb, _origins jsonb, _record jsonb
) returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    event uuid;
    one record;
begin
    -- A killed resolution that is done again may find that somebody left a card and nothing else to store.
    if '[]' <> any (array[_minted, _changed, _aliases]) then
        event := audit.write(_record, '{card_ids.assigned}');
    end if;
    insert into social.card (card_id, anchor_platform, anchor_account_key, generation,
                             parent_card_id, minted_at)
    select c.* from jsonb_to_recordset(_minted) as c (card_id text, platform text,
        account_key text, generation int, parent text, minted_at timestamptz);
    update social.card k set anchor_platform = c.platform, anchor_account_key = c.account_key,
        retired_at = c.retired_at
    from jsonb_to_recordset(_changed) as c (card_id text, platform text, account_key text,
                                            retired_at timestamptz)
    where k.card_id = c.card_id;
    -- As long as nobody is merged: whom a card left is asked as it was then.
    perform privacy.follow(o.card_id, o."left")
    from jsonb_to_recordset(_origins) as o (card_id text, "left" text);
    -- Older aliases are moved on to the new survivor: one look-up answers, whatever the history.
    for one in select * from jsonb_to_recordset(_aliases)
                   as a (card_id text, survivor text, cause text) loop
        update social.alias set survivor_card_id = one.survivor, event_id = event
        where survivor_card_id = one.card_id;
        insert into social.alias (card_id, survivor_card_id, cause, since, event_id)
        values (one.card_id, one.survivor, one.cause, clock_timestamp(), event);
    end loop;
end $$;
