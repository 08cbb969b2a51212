-- The social tier counts its days, and mints ids by a function; the api sees the counts.

grant usage on schema social to sxe_social, sxe_api;
grant select, insert, update on social.day_count to sxe_social;
grant select, insert, update, delete on social.file_count to sxe_social;
grant select on social.card, social.alias to sxe_social;
grant execute on function social.assign_ids(jsonb, jsonb, jsonb, jsonb, jsonb),
    social.forget_versions(text[], jsonb, timestamptz, jsonb) to sxe_social;
grant select on social.day_count, social.file_count to sxe_api;
