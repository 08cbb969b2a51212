-- Asking: a request is frozen under one hash.

-- What would be asked for: the plan, with the choices that the spec leaves to the gate. Reads only.
create or replace function gate.offer(_spec jsonb) returns jsonb
language plpgsql stable as $$
declare
    spec jsonb := _spec;
    plan jsonb;
    lost int;
begin
    perform gate.check_spec(spec);
    if not spec ? 'waterfall' then
        spec := spec || jsonb_build_object('waterfall', gate.waterfall(spec->'fields'));
        perform gate.check_spec(spec);
    end if;
    plan := gate.plan(spec);
    lost := jsonb_array_length(coalesce(spec->'card_ids', '[]'));
    if lost > 0 and lost <> jsonb_array_length(plan->'items') then
        perform gate.refuse('SXREF', format(
            '%s of %s cards cannot be asked for: %s unknown in this market, %s withdrawn, '
            '%s suppressed, %s closed by policy, %s without what a provider needs, %s asked before without an '
            'answer; the rest are one person twice',
            lost - jsonb_array_length(plan->'items'), lost, plan->>'unknown_cards',
            plan->>'withdrawn_cards', plan->'counts'->>'suppressed',
            plan->'counts'->>'closed_by_policy', plan->'counts'->>'not_matchable',
            plan->'counts'->>'asked_before'));
    end if;
    return plan || jsonb_build_object('waterfall', spec->'waterfall', 'max_micros',
        coalesce((spec->>'max_micros')::bigint, greatest((plan->>'worst_micros')::bigint, 1)));
end $$;

-- What would be asked for, for whoever may ask; no match input of the items.
create or replace function gate.preview(_token text, _spec jsonb) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform gate.authenticate(_token, 'request');
    return gate.offer(_spec) - 'items';
end $$;

-- Ask for contact data.
create or replace function gate.submit(_token text, _spec jsonb) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    who text := gate.authenticate(_token, 'request');
    plan jsonb := gate.offer(_spec);
    spec jsonb := _spec || jsonb_build_object(
        'waterfall', plan->'waterfall', 'max_micros', plan->'max_micros');
    made uuid := coalesce((_spec->>'request_id')::uuid, gen_random_uuid());
    next_version int := 1;
    header jsonb;
    content bytea;
    before gate.request;
begin
    if jsonb_array_length(plan->'items') = 0 then
        perform gate.refuse('SXREF', format('no card can be asked for: %s looked at, %s '
            'suppressed, %s closed by policy, %s without what a provider needs, %s asked before '
            'without an answer',
            plan->'counts'->>'looked_at', plan->'counts'->>'suppressed',
            plan->'counts'->>'closed_by_policy', plan->'counts'->>'not_matchable',
            plan->'counts'->>'asked_before'));
    end if;
    select * into before from gate.request where request_id = made for update;
    if before.request_id is not null then
        if before.created_by <> who then
            perform gate.refuse('SXREF', 'only whoever asked edits a request; make one of your own');
        end if;
        if before.state not in ('SUBMITTED', 'APPROVED', 'PARTIAL', 'REJECTED', 'EXPIRED', 'REVOKED')
           or before.attempt > 0 then
            perform gate.refuse('SXREF', 'a request that was begun is not edited; make another');
        end if;
        next_version := before.version + 1;
    elsif _spec->>'request_id' is not null then
        perform gate.refuse('SXNOF', 'there is no such request');
    end if;

    insert into gate.request_item (request_id, version, position, card_id, inputs, nonce,
                                   item_sha256, inputs_revision, inputs_tick, platforms)
    select made, next_version, i.position, i.item->>'card_id', i.bytes, i.nonce,
           sha256(i.nonce || i.bytes), (i.item->>'inputs_revision')::uuid,
           (i.item->>'inputs_tick')::bigint,
           array(select jsonb_array_elements_text(i.item->'platforms'))
    from (
        select item, position, convert_to(audit.canonical(item->'inputs'), 'UTF8') as bytes,
               uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) as nonce
        from jsonb_array_elements(plan->'items') with ordinality x (item, position)) i;

    header := jsonb_build_object(
        'request_id', made, 'version', next_version, 'market', spec->'market',
        'fields', (select jsonb_agg(f order by f) from jsonb_array_elements(spec->'fields') f),
        'waterfall', spec->'waterfall',
        'price_cards', (select jsonb_object_agg(w, encode((gate.current_price(w)).sha256, 'hex'))
                        from jsonb_array_elements_text(spec->'waterfall') w),
        'max_micros', spec->'max_micros', 'purpose', spec->'purpose',
        'legal_basis', spec->'legal_basis', 'match_basis', spec->'match_basis',
        'permissible_purpose', spec->'permissible_purpose',
        'policy_sha256', plan->'policy_sha256',
        'item_count', jsonb_array_length(plan->'items'),
        'items_sha256', encode(gate.items_sha256(made, next_version), 'hex'));
    content := convert_to(audit.canonical(header), 'UTF8');

    if next_version = 1 then
        insert into gate.request (request_id, version, market, state, created_by, decide_by, event_id)
        select made, 1, spec->>'market', 'SUBMITTED', who, clock_timestamp() + s.decide_within,
               audit.append('request.submitted', 'principal:' || who, made::text, 'v1',
                         gate.event_data(header, content))
        from gate.setting s;
        insert into gate.budget (request_id, cap) values (made, 0);
    else
        update gate.request set version = next_version, state = 'SUBMITTED',
            market = spec->>'market', finished_at = null, forgotten_at = null,
            decide_by = clock_timestamp() + (select decide_within from gate.setting),
            event_id = audit.append('request.submitted', 'principal:' || who, made::text,
                                 'v' || next_version, gate.event_data(header, content))
        where request_id = made;
        update gate.budget set cap = 0 where request_id = made;
    end if;
    insert into gate.request_version
        (request_id, version, header, content_sha256, item_count, edited_by, event_id)
    select made, next_version, content, sha256(content), jsonb_array_length(plan->'items'), who,
           r.event_id
    from gate.request r where r.request_id = made;
    return (plan - 'items') || jsonb_build_object(
        'request_id', made, 'version', next_version, 'content_sha256',
        encode(sha256(content), 'hex'), 'item_count', jsonb_array_length(plan->'items'));
end $$;

create or replace function gate.event_data(_header jsonb, _content bytea) returns jsonb
language sql immutable as $$
    select jsonb_build_object('content_sha256', encode(sha256(_content), 'hex'),
        'items', _header->'item_count', 'max_micros', _header->'max_micros',
        'fields', _header->'fields', 'waterfall', _header->'waterfall');
$$;

create or replace function gate.sha256_of(_value jsonb) returns bytea
language sql immutable as $$
    select sha256(convert_to(audit.canonical(_value), 'UTF8'));
$$;

create or replace function gate.items_sha256(_request uuid, _version int) returns bytea
language sql stable as $$
    select sha256(convert_to(string_agg(
        concat_ws(' ', position, card_id, encode(item_sha256, 'hex')), E'\n' order by position), 'UTF8'))
    from gate.request_item where request_id = _request and version = _version;
$$;
