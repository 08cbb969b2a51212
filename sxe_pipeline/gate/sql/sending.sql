-- Transaction 2: everything is looked at once more, and the row says SENDING before anything leaves.
create or replace function gate.sending(_call uuid, _fence bigint) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan as $$
declare
    s gate.setting;
    r gate.request;
    c gate.call;
    provider_row gate.provider;
    seen record;
    why text;
    items jsonb;
begin
    select * into c from gate.call where call_id = _call;
    if c.call_id is null then perform gate.refuse('SXNOF', 'there is no such call'); end if;
    r := gate.lock_request(c.request_id, _fence);
    select * into provider_row from gate.provider where provider = c.provider for update;
    select * into c from gate.call where call_id = _call for update;
    if c.state <> 'RESERVED' or c.fence <> _fence or c.lease_until <= clock_timestamp() then
        perform gate.refuse('SXBSY', 'the call is no longer this run''s');
    end if;
    seen := gate.inspect(r, c.provider);
    s := seen.setting;
    if s.call_lease <= s.send_deadline then
        perform gate.refuse('SXREF', 'the lease of a call must outlive its deadline; settings');
    end if;
    if provider_row.busy_call is not null then
        return jsonb_build_object('send', false, 'reason', 'provider_busy');
    end if;
    why := seen.why;
    if why is null and (c.version <> r.version
            or encode(gate.items_sha256(c.request_id, c.version), 'hex') <> seen.header->>'items_sha256'
            or exists (select from gate.request_item i join gate.call_item ci
                       on ci.call_id = _call and ci.position = i.position
                       where i.request_id = c.request_id and i.version = c.version
                         and (i.card_id <> ci.card_id or i.inputs is null
                              or sha256(i.nonce || i.inputs) <> i.item_sha256))) then
        why := 'tampered';
    end if;
    -- What approved these items may have run out since the permit, while another approval lives.
    if why is null and seen.approved is not null and exists (
            select from gate.call_item ci
            where ci.call_id = _call and ci.position <> all (seen.approved)) then
        why := 'expired';
    end if;
    if why is null and exists (
            select from gate.call_item ci
            join gate.request_item i on i.request_id = c.request_id and i.version = c.version
                and i.position = ci.position
            cross join lateral (select gate.family(gate.survivor(ci.card_id)) as family) f
            where ci.call_id = _call and (
                privacy.is_suppressed(f.family)
                or not gate.is_open(seen.policy, seen.header, f.family, i.platforms)
                or not exists (select from gate.candidate k
                               where k.card_id = ci.card_id and k.withdrawn_at is null))) then
        why := 'item_closed';
    end if;
    if why is not null then
        perform gate.release_call(_call, why, null, 'run:' || r.run_id);
        if why <> 'item_closed' then perform gate.no_permit(c.request_id, c.provider, why); end if;
        return jsonb_build_object('send', false, 'reason', why);
    end if;
    if provider_row.circuit_state = 'open' then
        perform gate.set_circuit(c.provider, 'half_open', 'probe', 'run:' || r.run_id);
    end if;
    update gate.provider set busy_call = _call where provider = c.provider;
    update gate.call set state = 'SENDING', sent_at = clock_timestamp(),
        lease_until = clock_timestamp() + s.call_lease
    where call_id = _call;
    update gate.request set lease_until = clock_timestamp() + s.call_lease
    where request_id = c.request_id;
    perform gate.add_step(c, 'SENDING', 'call.sending', 'run:' || r.run_id, jsonb_build_object(
        'reserved_micros', c.sync_micros + c.async_micros,
        'items', (select count(distinct position) from gate.call_item where call_id = _call)));
    select jsonb_agg(jsonb_build_object('position', i.position, 'card_id', i.card_id,
               'inputs', convert_from(i.inputs, 'UTF8')::jsonb) order by i.position)
    into items
    from gate.request_item i
    where i.request_id = c.request_id and i.version = c.version and i.position in (
        select position from gate.call_item where call_id = _call);
    return jsonb_build_object('send', true, 'items', items, 'groups', c.groups);
end $$;
