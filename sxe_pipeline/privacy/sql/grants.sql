-- No table of privacy is open to any login, only functions are.

grant usage on schema privacy to sxe_social, sxe_contacts, sxe_api;
grant execute on function privacy.suppressed_cards() to sxe_social;
grant execute on function privacy.suppress(text, text, text) to sxe_api;
grant execute on function privacy.expiring_points(interval, timestamptz) to sxe_api;
grant execute on function privacy.suppressed_since(timestamptz) to sxe_social;
grant execute on function privacy.recover_suppressions(text[]) to sxe_social;
