-- Contact values are added and read by the contact tier alone, never changed.

grant usage on schema contacts to sxe_contacts;
grant select, insert on contacts.contact_point, contacts.quarantine to sxe_contacts;
-- Old ones are deleted by the function alone, which looks at who needs them.
grant execute on function contacts.expire_points(interval, timestamptz, int) to sxe_contacts;
