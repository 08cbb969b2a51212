-- Transaction 3: the money, the outcome of every item and the event, beside the values that the
-- caller writes in the same transaction. Answers which positions' values may be kept.
create or replace function gate.settle(_call uuid, _fence bigint, _o jsonb) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    c gate.call := gate.lock_call(_call, _fence, '{SENDING,AWAITING}');
    s gate.setting;
    r gate.request;
    price gate.price_card;
    ci gate.call_item;
    is_awaiting boolean := coalesce((_o->>'awaiting')::boolean, false);
    was_awaiting boolean := c.state = 'AWAITING';
    units bigint := (_o->>'units_micro')::bigint;
    micros bigint := gate.micros(units, c.micros_per_unit);
    said jsonb;
    fields jsonb;
    gives jsonb;
    one text;
    keeps boolean;
    result text;
    keep int[] := '{}';
    over bigint;
begin
    if units is null or units < 0 then
        perform gate.refuse('SXBAD', 'a settled call has a charge of 0 or more');
    end if;
    select * into s from gate.setting;
    select * into r from gate.request where request_id = c.request_id;
    select * into price from gate.price_card p where p.provider = c.provider and encode(
        p.sha256, 'hex') = (select convert_from(header, 'UTF8')::jsonb->'price_cards'->>c.provider
            from gate.request_version where request_id = c.request_id and version = c.version);
    for ci in select * from gate.call_item where call_id = _call and live
              order by position, field_group loop
        select f into said from jsonb_array_elements(_o->'found') f
        where (f->>'position')::int = ci.position;
        if is_awaiting and ci.is_async then
            update gate.call_item set provider_person_id = said->>'person',
                is_doubtful = coalesce((said->>'is_doubtful')::boolean, false)
            where call_id = _call and position = ci.position and field_group = ci.field_group;
            continue;
        end if;
        if _o->'left' ? ci.field_group then  -- not a negative answer: none at all
            update gate.call_item set live = false, outcome = 'released'
            where call_id = _call and position = ci.position and field_group = ci.field_group;
            continue;
        end if;
        gives := price.content->'sells'->ci.field_group->'gives';
        fields := coalesce(said->'fields', '[]');
        -- After a revocation, a suppression or a withdrawal the money is booked, the value dropped.
        keeps := r.state <> 'REVOKED'
            and not privacy.is_suppressed(gate.family(gate.survivor(ci.card_id)))
            and exists (select from gate.candidate k
                        where k.card_id = ci.card_id and k.withdrawn_at is null);
        result := case
            when said->>'outcome' = 'mismatch' then 'mismatch'
            when not exists (select from jsonb_array_elements(gives) g
                             where fields @> jsonb_build_array(g)) then 'no_match'
            when keeps then 'match' else 'discarded' end;
        update gate.call_item set live = false, outcome = result,
            provider_person_id = said->>'person'
        where call_id = _call and position = ci.position and field_group = ci.field_group;
        if result = 'match' then keep := keep || ci.position; end if;
        continue when result = 'discarded';
        for one in select jsonb_array_elements_text(gives) loop
            insert into gate.answer as a
                (card_id, provider, field, inputs_revision, outcome, call_id, valid_until)
            values (gate.survivor(ci.card_id), c.provider, one, ci.inputs_revision,
                case when result = 'mismatch' then 'mismatch'
                     when fields ? one then 'match' else 'no_match' end, _call,
                clock_timestamp() + case when result <> 'mismatch' and fields ? one then
                    case one when 'email' then s.email_fresh_for else s.phone_fresh_for end
                    else coalesce(price.negative_for, s.negative_for) end)
            on conflict (card_id, provider, field, inputs_revision) do update set
                outcome = excluded.outcome,
                call_id = excluded.call_id, answered_at = clock_timestamp(),
                valid_until = excluded.valid_until;
        end loop;
    end loop;
    over := gate.charge(_call, case when was_awaiting then '{async}'
        when is_awaiting then '{sync}' else '{sync,async}' end::text[], micros);
    update gate.call set
        state = case when is_awaiting then 'AWAITING' else 'SETTLED' end,
        charged_micros = charged_micros + micros,
        charged_units_micro = charged_units_micro + units,
        http_status = (_o->>'http_status')::int, reason = gate.reason_code(_o->>'reason'),
        response_sha256 = decode(_o->>'response_sha256', 'hex'),
        provider_request_id = coalesce(_o->>'provider_request_id', provider_request_id),
        resolved_at = case when is_awaiting then null else clock_timestamp() end,
        poll_after = case when is_awaiting then clock_timestamp() + coalesce(make_interval(
            secs => (_o->>'retry_after_s')::float), s.poll_wait) end
    where call_id = _call;
    perform gate.add_step(c, case when is_awaiting then 'AWAITING' else 'SETTLED' end,
        case when is_awaiting then 'call.awaiting' else 'call.settled' end, 'fence:' || _fence,
        jsonb_build_object('charged_micros', micros, 'units_micro', units,
            'overrun_micros', nullif(over, 0), 'kept', cardinality(keep), 'discarded', (
                select nullif(count(*), 0) from gate.call_item
                where call_id = _call and outcome = 'discarded')));
    update gate.provider
    set failures = 0, busy_call = nullif(busy_call, _call),
        booked_units_micro = booked_units_micro + units
    where provider = c.provider;
    if (select circuit_state from gate.provider where provider = c.provider) = 'half_open' then
        perform gate.set_circuit(c.provider, 'closed', 'recovered', 'fence:' || _fence);
    end if;
    if over > 0 then
        perform gate.set_circuit(c.provider, 'open', 'overrun', 'fence:' || _fence);
    end if;
    update gate.request_item set done_by = done_by || c.provider::text
    where request_id = c.request_id and version = c.version and c.provider <> all (done_by)
      and not is_awaiting
      and position in (select position from gate.call_item where call_id = _call);
    return jsonb_build_object('keep', keep, 'charged_micros', micros, 'overrun_micros', over);
end $$;
