-- What the world outside of the gate saw, written when it was seen: providers and people.
create schema outside;

-- The runs that may call: whoever works takes one of them up.
create table outside.run (request_id uuid primary key, begun bytea not null, made_at timestamptz default clock_timestamp());

-- A question that reached a provider. `asked_at`: before its permit was asked for.
create table outside.asked (
    call_id uuid, position int, card_id text, provider text, field_group text, inputs text,
    asked_at timestamptz, primary key (call_id, position, field_group));

-- What it took for it, part by part.
create table outside.took (call_id uuid, part text, units bigint not null, primary key (call_id, part));

-- Ids that were ever of one card (merged or split), and those that are of one person (merged).
create table outside.kin (one text, other text, is_person boolean, since timestamptz, primary key (one, other, is_person));

-- Who said no, and requests that were revoked.
create table outside.refused (subject text primary key, since timestamptz default clock_timestamp());

create table outside.breach (what text not null, at timestamptz default clock_timestamp());

-- A provider hears a call within its deadline or never: the row is the call.
create function outside.call(_call uuid, _provider text, _units bigint, _asked_at timestamptz, _until timestamptz,
                             _groups text[], _items jsonb) returns boolean language plpgsql as $$
begin
    if clock_timestamp() > _until then return false; end if;
    insert into outside.asked
    select _call, (i->>'position')::int, i->>'card_id', _provider, g, i->>'inputs', _asked_at
    from jsonb_array_elements(_items) i cross join unnest(_groups) g;
    insert into outside.took values (_call, 'first', _units);
    return true;
end $$;

-- Every grant as it is made: never past a cap, whatever the cap was a moment ago.
create function outside.watch() returns trigger language plpgsql security definer as $$
begin
    if new.reserved > old.reserved and new.reserved + new.spent + new.overrun > new.cap then
        insert into outside.breach values ('budget ' || new.budget_id);
    end if;
    return null;
end $$;
create trigger watch after update on gate.budget for each row execute function outside.watch();

-- Two questions that are one, the later one asked although the earlier one was known or on its way. What was
-- dropped because somebody had said no may be asked again, and what was lost under a newer approval.
create view outside.paid_twice as
select a.call_id as first_call, b.call_id as second_call, a.provider, a.field_group, i.outcome
from outside.asked a
join outside.asked b on b.provider = a.provider and b.field_group = a.field_group
    and (b.call_id <> a.call_id or b.position <> a.position)
join outside.kin k on k.one = a.card_id and k.other = b.card_id
join gate.call c on c.call_id = a.call_id
join gate.call d on d.call_id = b.call_id
join gate.call_item i on i.call_id = a.call_id and i.position = a.position and i.field_group = a.field_group
cross join lateral (select case when i.is_async then c.resolved_at else (
    select min(s.at) from gate.call_step s where s.call_id = c.call_id
    and s.state in ('AWAITING', 'SETTLED', 'RELEASED')) end as at) freed
where case when k.is_person then i.outcome = 'match' else b.inputs = a.inputs end
  and ((k.since < b.asked_at and c.sent_at < b.asked_at)
       or (k.since < least(a.asked_at, b.asked_at) and d.sent_at >= a.asked_at and c.claimed_at <= d.claimed_at))
  and case
    when i.live or i.outcome in ('match', 'no_match', 'mismatch') then true
    when d.claimed_at < freed.at then i.outcome in ('discarded', 'paid_lost')
    else i.outcome = 'paid_lost' and not exists (
        select from gate.approval p where p.request_id = d.request_id and p.tick > c.resolved_tick
        and p.decision = 'approve' and cardinality(p.lost_cards) > 0) end;

-- A call that is over was booked as what it took.
create view outside.wrongly_booked as
select c.call_id, c.state, c.charged_units_micro, coalesce(t.units, 0) as units
from gate.call c
left join (select call_id, sum(units)::bigint as units from outside.took group by 1) t using (call_id)
where c.state in ('SETTLED', 'RELEASED') and c.charged_units_micro <> coalesce(t.units, 0);

-- A call that left after somebody had said no.
create view outside.asked_all_the_same as
select a.call_id from outside.asked a
join gate.call c using (call_id)
join outside.refused r on r.since < a.asked_at
where r.subject = c.request_id::text or exists (
    select from outside.kin k
    where k.one = a.card_id and k.other = r.subject and k.is_person and k.since < a.asked_at);

grant usage on schema outside to sxe_contacts;
grant select, insert on outside.run, outside.asked, outside.took to sxe_contacts;
grant update on outside.run to sxe_contacts;
