-- Attempts that were refused: counted in a transaction of their own, as the refusal takes back its own.
-- Lines are few: one a person and minute, and old ones go with the first of a new minute.
create or replace function gate.count_refusal(_token text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    insert into gate.refusal as r (principal, minute, attempts)
    values (coalesce((select t.principal from gate.token t
                      where t.token_sha256 = sha256(convert_to(coalesce(_token, ''), 'UTF8'))),
                     'nobody'),
            date_trunc('minute', clock_timestamp(), 'UTC'), 1)
    on conflict (principal, minute) do update set attempts = r.attempts + 1
    where r.attempts < 1000000;
    delete from gate.refusal where minute < clock_timestamp() - interval '90 days';
end $$;

create or replace function gate.show_refusals() returns setof jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select jsonb_build_object('principal', principal, 'minute', minute, 'attempts', attempts)
    from gate.refusal order by minute, principal;
$$;
