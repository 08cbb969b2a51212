-- Every login reads what the last migration left, to tell whether it fits its package.

grant usage on schema ops to sxe_social, sxe_contacts, sxe_api, sxe_serve, sxe_sealer, sxe_dagster;
grant usage on type ops.sha256 to sxe_social, sxe_contacts;
grant select on ops.revision, ops.stamp
    to sxe_social, sxe_contacts, sxe_api, sxe_serve, sxe_sealer, sxe_dagster;

-- Each tier beats for its own runs (the policy in runs.sql); status shows them all.
grant select, insert, update, delete on ops.run to sxe_social, sxe_contacts;
grant select on ops.run, ops.work, ops.version, ops.verdict, ops.engine to sxe_api;
grant select, insert, update, delete on ops.engine to sxe_social, sxe_dagster;

-- The social tier asks for its work, and says by functions which versions count and what it found in them.
grant select, insert, update, delete on ops.work to sxe_social;
grant select on ops.version, ops.verdict to sxe_social;
grant execute on function
    ops.name_version(text, bigint, text, date, jsonb, jsonb, text, jsonb),
    ops.name_compacted(text, bigint, timestamptz, jsonb),
    ops.judge(text, bigint, text, boolean, jsonb),
    ops.mark_versions(text, timestamptz), ops.drop_versions(text, jsonb),
    ops.drop_counted(timestamptz)
    to sxe_social;

-- What is wrong is noted and said by the social tier.
grant select, insert, update, delete on ops.alert, ops.scan to sxe_social;
grant select on ops.alert to sxe_api;

-- Dagster makes its own tables there.
grant usage, create on schema dagster to sxe_dagster;

-- Whether this database is the one that did what it remembers.
grant select on ops.server, ops.marker, ops.doubt to sxe_social, sxe_contacts, sxe_api;
grant execute on function ops.doubts() to sxe_social, sxe_contacts, sxe_api;
grant execute on function ops.doubt_store(text, bigint) to sxe_social, sxe_contacts;
grant execute on function ops.seen_now(jsonb) to sxe_api;
