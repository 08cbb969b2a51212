-- What a version was made from, so that the next one is made of the difference alone.
alter table ops.version
    -- Table -> the version of it that was read: kept while what was made from it is named.
    add column made_from jsonb not null default '{}' check (jsonb_typeof(made_from) = 'object'),
    -- A digest of everything else; '' where nobody noted it, and the next version is made whole.
    add column rest text not null default '';
