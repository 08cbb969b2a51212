-- When newer redaction rules took something out of rows of the day that were stored before.
alter table social.day_count add column redacted_again_at timestamptz;
