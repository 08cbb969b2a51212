-- Whether a call may leave now, and what is still wanted of whom.

-- `why`: why no call may leave now, null when one may; beside it what was frozen and what is in force.
-- Run before every call, so it is one statement. `approved`: the positions that enough persons
-- approved, null for all.
create or replace function gate.inspect(
    _r gate.request, _provider text, out why text, out header jsonb, out price gate.price_card,
    out policy jsonb, out approved int[], out setting gate.setting
) language plpgsql stable as $$
declare
    f record;
begin
    select s as setting, v.header, v.content_sha256, c as price, c.sha256 as price_sha256,
           p.content as policy, p.sha256 as policy_sha256, pr.circuit_state, pr.cause, pr.changed_at,
           a.whole, a.several,
           (select count(*) from gate.call where provider = _provider and state = 'UNKNOWN') as lost
    into f
    from gate.setting s
    join gate.request_version v on v.request_id = _r.request_id and v.version = _r.version
    left join gate.provider pr on pr.provider = _provider
    left join lateral (select * from gate.price_card o where o.provider = _provider
                       order by o.in_force_tick desc limit 1) c on true
    left join lateral (select * from gate.policy o
                       order by o.in_force_tick desc limit 1) p on true
    cross join lateral (
        select count(distinct principal) filter (where positions is null) as whole,
               count(distinct principal) as several
        from gate.live_approval o
        where o.request_id = _r.request_id and o.version = _r.version) a;
    header := convert_from(f.header, 'UTF8')::jsonb;
    price := f.price;
    policy := f.policy;
    setting := f.setting;
    if f.several > 0 and f.whole < setting.quorum then
        approved := gate.approved_positions(_r.request_id, _r.version);
    end if;
    why := case
        when _r.state <> 'EXECUTING' then lower(_r.state)
        when sha256(f.header) <> f.content_sha256 then 'tampered'
        when ops.doubts() <> '{}' then 'restored'
        when f.several = 0 or approved = '{}' then 'expired'
        when encode(f.policy_sha256, 'hex') is distinct from header->>'policy_sha256'
            then 'policy_changed'
        when encode(f.price_sha256, 'hex') is distinct from header->'price_cards'->>_provider
            then 'price_changed'
        when f.circuit_state = 'killed' then 'killed'
        when f.circuit_state = 'open' and (f.cause <> 'failures'
                                   or f.changed_at + setting.breaker_rest > clock_timestamp())
            then 'circuit_open'
        when f.lost >= setting.max_unknown_open then 'unknown_open' end;
end $$;

-- This provider was asked, and nothing speaks for another answer: somebody who was one with this card
-- was asked about with these very inputs, or this person without a find, and these inputs were known
-- by then.
create or replace function gate.is_answered(
    _family text[], _kin text[], _revision uuid, _tick bigint, _provider text, _field text
) returns boolean language sql stable as $$
    select exists (
        select from gate.answer a join gate.call c using (call_id)
        where a.card_id = any (_kin) and a.provider = _provider and a.field = _field
          and a.valid_until > clock_timestamp()
          and (a.inputs_revision = _revision
               or (a.card_id = any (_family) and a.outcome <> 'match' and c.tick >= _tick)));
$$;

-- The groups that this item still wants from this provider; an empty list when there is none.
-- null: an answer for it is on its way, ask again later.
create or replace function gate.wanted_groups(
    _survivor text, _family text[], _revision uuid, _tick bigint, _provider text, _price jsonb,
    _fields jsonb
) returns text[] language plpgsql stable as $$
declare
    kin text[] := gate.kin(_survivor);
    sold record;
    wish text;
    wanted text[] := '{}';
    in_flight boolean := false;
begin
    for sold in select key, value from jsonb_each(_price->'sells') order by key loop
        for wish in select f from jsonb_array_elements_text(sold.value->'gives') f
                     where _fields ? f loop
            continue when gate.is_known(_family, wish);
            continue when gate.is_answered(_family, kin, _revision, _tick, _provider, wish);
            if exists (
                select from gate.call_item i
                where i.survivor_id = any (kin) and i.live
                  and (i.survivor_id = any (_family) or i.inputs_revision = _revision)
                  and i.field_group in (wish, 'person')) then
                in_flight := true;
                continue;
            end if;
            wanted := wanted || sold.key;
            exit;
        end loop;
    end loop;
    if in_flight and wanted = '{}' then return null; end if;
    return wanted;
end $$;

-- Paid and lost, or never known, about this person or with these inputs about whoever was one with it:
-- not sent again under an approval that is older than that.
create or replace function gate.is_lost(
    _r gate.request, _family text[], _kin text[], _revision uuid, _provider text
) returns boolean language sql stable as $$
    select exists (
        select from gate.call_item i join gate.call c using (call_id)
        where i.survivor_id = any (_kin) and i.provider = _provider
          and (i.survivor_id = any (_family) or i.inputs_revision = _revision)
          and i.outcome in ('paid_lost', 'unknown_free')
          and not exists (
              select from gate.live_approval a
              where a.request_id = _r.request_id and a.version = _r.version
                and a.tick > c.resolved_tick
                and (i.outcome = 'unknown_free' or a.lost_cards && _kin)));
$$;

-- How this provider refused to look for this item of the request: 'alone', or 'together' with others, any
-- of whom may be the reason; null where it did not.
create or replace function gate.refused(_r gate.request, _position int, _provider text)
returns text language sql stable as $$
    select case when bool_or(items = 1) then 'alone' when count(*) > 0 then 'together' end
    from (select (select count(distinct position) from gate.call_item where call_id = c.call_id) as items
          from gate.call c
          where c.request_id = _r.request_id and c.version = _r.version and c.provider = _provider
            and c.state = 'RELEASED' and c.reason in ('refused', 'not_asked')
            and exists (select from gate.call_item i
                        where i.call_id = c.call_id and i.position = _position)) x;
$$;

-- The same for somebody who was asked about before.
create or replace function gate.wanted_again(
    _r gate.request, _s gate.setting, _i gate.request_item, _survivor text, _family text[],
    _provider text, _price jsonb, _header jsonb
) returns text[] language plpgsql stable as $$
begin
    if gate.is_lost(_r, _family, gate.kin(_survivor), _i.inputs_revision, _provider) then
        return '{}';
    end if;
    if (select count(distinct c.call_id) from gate.call_item ci join gate.call c using (call_id)
        where ci.survivor_id = any (_family) and c.fence = _r.fence and c.provider = _provider
          and c.state = 'RELEASED') >= _s.max_tries then
        return '{}';
    end if;
    return gate.wanted_groups(_survivor, _family, _i.inputs_revision, _i.inputs_tick, _provider,
                              _price, _header->'fields');
end $$;
