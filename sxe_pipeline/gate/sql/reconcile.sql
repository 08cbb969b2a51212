-- A reading of the provider's own counter. Two equal readings some time apart are believed: they
-- either agree with the ledger, or tell what the one unknown call cost, or open the circuit.
--
-- A counter counts from the start of a credit cycle, and says which. In a new one it begins anew: that
-- is no drift, and what was lost on the other side of the border is in neither count, so time or two
-- persons say what it cost.
create or replace function gate.reconcile(_provider text, _units_micro bigint, _cycle text)
returns jsonb language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    s gate.setting;
    provider_row gate.provider;
    open_calls uuid[];
    waiting int;
    drift bigint;
    is_new_cycle boolean;
begin
    select * into s from gate.setting;
    select * into provider_row from gate.provider where provider = _provider for update;
    if provider_row.provider is null then perform gate.refuse('SXNOF', 'there is no such provider'); end if;
    -- An account that others draw on too: its counter says nothing of our calls.
    if not coalesce((select p.has_counter from gate.current_price(_provider) p), false) then
        return jsonb_build_object('verdict', 'no_counter');
    end if;
    select array_agg(call_id) filter (where state = 'UNKNOWN'),
           count(*) filter (where state in ('AWAITING', 'SENDING'))
    into open_calls, waiting
    from gate.call where provider = _provider and state in ('UNKNOWN', 'AWAITING', 'SENDING');
    update gate.call set poll_after = clock_timestamp() + s.reconcile_wait
        + make_interval(secs => least(2.0 ^ least(polls, 20), 3600)) * (polls > 1)::int,
        polls = polls + 1
    where provider = _provider and state = 'UNKNOWN' and poll_after is not null;
    if waiting > 0 or cardinality(open_calls) > 1 then
        return jsonb_build_object('verdict', 'not_alone');
    end if;
    is_new_cycle := provider_row.agreed_units_micro is not null
        and provider_row.agreed_cycle is distinct from _cycle;
    if is_new_cycle and open_calls is not null then
        update gate.call set poll_after = null where call_id = any (open_calls);
        return jsonb_build_object('verdict', 'other_cycle');
    end if;
    if open_calls is null and (provider_row.agreed_units_micro is null or is_new_cycle) then
        update gate.provider set agreed_units_micro = _units_micro, agreed_at = clock_timestamp(),
            agreed_booked_micro = booked_units_micro, agreed_cycle = _cycle,
            read_units_micro = _units_micro, read_at = clock_timestamp()
        where provider = _provider;
        return jsonb_build_object('verdict',
                                  case when is_new_cycle then 'new_cycle' else 'first_reading' end);
    end if;
    if provider_row.read_at is null or provider_row.read_units_micro is distinct from _units_micro
       or provider_row.read_at + s.reconcile_wait > clock_timestamp() then
        update gate.provider set read_units_micro = _units_micro, read_at = case
                when read_units_micro = _units_micro then coalesce(read_at, clock_timestamp())
                else clock_timestamp() end
        where provider = _provider;
        return jsonb_build_object('verdict', 'read_again');
    end if;
    drift := (_units_micro - provider_row.agreed_units_micro)
             - (provider_row.booked_units_micro - provider_row.agreed_booked_micro);
    if cardinality(open_calls) = 1 and drift >= 0 then
        perform gate.resolve_unknown(open_calls[1], drift, 'counter');
        drift := 0;
    end if;
    if coalesce(drift, 0) <> 0 or provider_row.agreed_units_micro is null then
        perform gate.set_circuit(_provider, 'open', 'drift', 'counter');
        return jsonb_build_object('verdict', 'drift', 'units_micro', drift);
    end if;
    update gate.provider set agreed_units_micro = _units_micro, agreed_at = clock_timestamp(),
        agreed_booked_micro = booked_units_micro
    where provider = _provider;
    return jsonb_build_object('verdict', 'agreed', 'resolved', coalesce(cardinality(open_calls), 0));
end $$;
