-- Contact values that are too old go; what an open request, an open call or a batch to come needs,
-- and what the gate takes for known, stays however old it is.

create or replace function contacts.old_points(_period interval, _now timestamptz)
returns table (contact_point_id uuid, obtained_at timestamptz)
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
    moment timestamptz := coalesce(_now, clock_timestamp());
    needed text[];
begin
    select coalesce(array_agg(distinct id), '{}') into needed
    from gate.request r
    join gate.request_item i on i.request_id = r.request_id and i.version = r.version
    cross join lateral unnest(gate.family(gate.survivor(i.card_id))) id
    where r.state in ('SUBMITTED', 'APPROVED', 'PARTIAL', 'EXECUTING', 'DONE_UNKNOWN')
       or exists (select from gate.call c where c.request_id = r.request_id
                  and c.state not in ('SETTLED', 'RELEASED'))
       -- Finished, and its values are not handed over yet.
       or (r.state in ('DONE', 'HALTED') and r.finished_at > moment - interval '30 days'
           and not exists (select from handoff.batch b
                           where b.request_id = r.request_id and b.state = 'published'));
    return query
    select p.contact_point_id, p.obtained_at from contacts.contact_point p
    where p.obtained_at <= moment - _period
      and p.card_id <> all (needed)
      and not exists (
          select from gate.answer a
          where a.card_id = any (gate.family(gate.survivor(p.card_id))) and a.field = p.kind
            and a.outcome = 'match' and a.valid_until > moment);
end $$;

-- One batch, in the transaction of its event.
create or replace function contacts.expire_points(
    _period interval, _now timestamptz default null, _limit int default 1000
) returns table (point_count bigint, first_at timestamptz, last_at timestamptz)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
    ids uuid[];
begin
    if _period is null or _period < interval '1 day' then
        perform gate.refuse('SXBAD', 'contact values are kept for a day at least');
    end if;
    select array_agg(contact_point_id order by contact_point_id), count(*), min(obtained_at),
           max(obtained_at)
    into ids, point_count, first_at, last_at
    from (select o.* from contacts.old_points(_period, _now) o
          order by o.obtained_at, o.contact_point_id limit _limit) old;
    if point_count > 0 then
        delete from contacts.contact_point p where p.contact_point_id = any (ids);
        perform audit.append('contact_points.expired', 'retention', 'contacts/contact_points',
            encode(sha256(convert_to(array_to_string(ids, ','), 'UTF8')), 'hex'),
            jsonb_build_object('point_count', point_count,
                'period_days', extract(epoch from _period)::bigint / 86400));
    end if;
    return next;
end $$;
