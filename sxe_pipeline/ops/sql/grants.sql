-- Every login reads what the last migration left, to tell whether it fits its package.

grant usage on schema ops to sxe_social, sxe_contacts, sxe_api, sxe_dagster;
grant usage on type ops.sha256 to sxe_social, sxe_contacts;
grant select on ops.revision, ops.stamp to sxe_social, sxe_contacts, sxe_api, sxe_dagster;

-- Dagster makes its own tables there.
grant usage, create on schema dagster to sxe_dagster;
