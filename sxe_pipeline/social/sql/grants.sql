-- The social tier names versions and mints ids; the api sees the counts.

grant usage on schema social to sxe_social, sxe_api;
grant select, insert, update on social.day_count, social.card to sxe_social;
grant select, insert, update, delete on social.alias, social.file_count to sxe_social;
grant select on social.day_count, social.file_count to sxe_api;
