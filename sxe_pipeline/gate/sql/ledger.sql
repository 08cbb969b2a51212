-- The ledger. A reservation is resolved once: by a post of at most its amount, or by a void. What a
-- provider takes beyond it is an overrun, which never needs room under a cap.
--
-- Everybody locks in one order, so that no booking meets another: request, provider, call, then budgets
-- by their ids. What holds a provider never waits for a request.

create or replace function gate.lock_budgets(_calls uuid[]) returns void
language plpgsql as $$
begin
    perform from gate.budget
    where budget_id in (select budget_id from gate.transfer
                        where call_id = any (_calls) and kind = 'reserve')
    order by budget_id for no key update;
end $$;

create or replace function gate.charge(_call uuid, _parts text[], _charge bigint) returns bigint
language plpgsql as $$
declare
    t gate.transfer;
    this_part text;
    due bigint := _charge;
    paid bigint;
begin
    foreach this_part in array _parts loop
        paid := 0;
        for t in select * from gate.transfer o
                 where o.call_id = _call and o.kind = 'reserve' and o.part = this_part
                   and not exists (select from gate.transfer x where x.pending_id = o.transfer_id)
                 order by budget_id loop
            paid := least(due, t.amount);
            insert into gate.transfer (budget_id, call_id, part, kind, amount, pending_id)
            values (t.budget_id, _call, t.part, case when paid > 0 then 'post' else 'void' end,
                    case when paid > 0 then paid else t.amount end, t.transfer_id);
            update gate.budget set reserved = reserved - t.amount, spent = spent + paid
            where budget_id = t.budget_id;
        end loop;
        due := due - paid;
    end loop;
    if due > 0 then perform gate.charge_late(_call, due); end if;
    return due;
end $$;

-- What is still reserved for a call: a part of it may be resolved.
create or replace function gate.pending_of(_call uuid) returns bigint
language sql stable as $$
    select coalesce(max(due), 0) from (
        select sum(amount)::bigint as due from gate.transfer t
        where call_id = _call and kind = 'reserve'
          and not exists (select from gate.transfer x where x.pending_id = t.transfer_id)
        group by budget_id) b;
$$;

create or replace function gate.charge_late(_call uuid, _charge bigint) returns void
language plpgsql as $$
begin
    insert into gate.transfer (budget_id, call_id, part, kind, amount)
    select budget_id, _call, 'sync', 'late', _charge
    from (select distinct budget_id from gate.transfer
          where call_id = _call and kind = 'reserve' order by budget_id) b;
    perform gate.lock_budgets(array[_call]);
    update gate.budget set overrun = overrun + _charge
    where budget_id in (select budget_id from gate.transfer
                        where call_id = _call and kind = 'reserve');
end $$;

create or replace function gate.balance_of(_budget bigint, out reserved bigint, out spent bigint,
                                out overrun bigint)
language sql stable as $$
    select coalesce(sum(amount) filter (where kind = 'reserve' and not exists (
               select from gate.transfer x where x.pending_id = t.transfer_id)), 0),
           coalesce(sum(case kind when 'post' then amount when 'adjust' then -amount else 0 end), 0),
           coalesce(sum(amount) filter (where kind = 'late'), 0)
    from gate.transfer t where budget_id = _budget;
$$;
