-- Contact values are kept by a function and read by the contact tier alone; none is changed but by another key.

grant usage on schema contacts to sxe_contacts;
grant select on contacts.contact_point to sxe_contacts;
grant select, insert on contacts.quarantine to sxe_contacts;
grant execute on function contacts.keep_points(uuid, jsonb) to sxe_contacts;
-- Old ones are deleted by the function alone, which looks at who needs them.
grant execute on function contacts.expire_points(interval, timestamptz, int) to sxe_contacts;
-- Another key seals them by the function alone.
grant execute on function contacts.reseal_points(uuid[], bytea[], bytea[], bytea) to sxe_contacts;
