-- A card is found by its anchor: the accounts that a day touches bring theirs along, and no other is read.
create index card_anchor on social.card (anchor_platform, anchor_account_key);
