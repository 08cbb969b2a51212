-- Which approvals hold now, and what they allow together.

-- An approval lives no longer than the right to give it: a person who was retired, or a token that was
-- taken away or has ended, approves nothing any more. Null is the token of before it was written down.
create or replace view gate.live_approval as
    select a.* from gate.approval a
    join gate.request_version v using (request_id, version)
    join gate.principal p using (principal)
    left join gate.token t using (token_sha256)
    where a.decision = 'approve' and a.expires_at > clock_timestamp()
      and a.content_sha256 = v.content_sha256
      and p.is_active
      and (a.token_sha256 is null or (t.revoked_at is null and t.expires_at > clock_timestamp()))
      and not exists (
          select from gate.approval other
          where other.request_id = a.request_id and other.version = a.version
            and other.decision <> 'approve' and other.tick >= a.tick);

-- The positions that enough persons approved; null means all of them.
create or replace function gate.approved_positions(_request uuid, _version int) returns int[]
language plpgsql stable as $$
declare
    wanted int := (select quorum from gate.setting);
    whole int;
    any_at_all int;
begin
    select count(distinct principal) filter (where positions is null), count(distinct principal)
    into whole, any_at_all
    from gate.live_approval where request_id = _request and version = _version;
    if whole >= wanted then return null; end if;
    if any_at_all < wanted then return '{}'; end if;
    return array(
        select i.position
        from gate.request_item i
        join gate.live_approval a using (request_id, version)
        where i.request_id = _request and i.version = _version
          and (a.positions is null or i.position = any (a.positions))
        group by i.position having count(distinct a.principal) >= wanted
        order by i.position);
end $$;

create or replace function gate.set_request_cap(_request uuid, _version int) returns void
language plpgsql as $$
begin
    update gate.budget set cap = greatest(reserved + spent, (
        select least(min(a.max_micros),
                     (convert_from(v.header, 'UTF8')::jsonb->>'max_micros')::bigint)
        from gate.request_version v
        left join gate.live_approval a using (request_id, version)
        where v.request_id = _request and v.version = _version
        group by v.header))
    where request_id = _request;
end $$;
