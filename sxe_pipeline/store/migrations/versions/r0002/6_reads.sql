set local role sxe_owner;

-- What people may look at: counts, states, money and hashes. No input and no contact value.

create function gate.show_requests(_request uuid default null) returns setof jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select jsonb_build_object(
        'request_id', r.request_id, 'version', r.version, 'market', r.market, 'state', r.state,
        'created_by', r.created_by, 'created_at', r.created_at, 'decide_by', r.decide_by,
        'finished_at', r.finished_at, 'attempt', r.attempt, 'stops', r.stops,
        'content_sha256', encode(v.content_sha256, 'hex'), 'item_count', v.item_count,
        'asks', convert_from(v.header, 'UTF8')::jsonb - '{request_id,version,item_count}'::text[],
        'cap_micros', b.cap, 'reserved_micros', b.reserved, 'spent_micros', b.spent,
        'overrun_micros', b.overrun,
        'skipped', (select coalesce(jsonb_object_agg(skip_reason, n), '{}') from (
            select skip_reason, count(*) as n from gate.request_item i
            where i.request_id = r.request_id and i.version = r.version
              and skip_reason is not null group by 1) x),
        'calls', (select coalesce(jsonb_object_agg(lower(state), n), '{}') from (
            select state, count(*) as n from gate.call c
            where c.request_id = r.request_id group by 1) x),
        'outcomes', (select coalesce(jsonb_object_agg(outcome, n), '{}') from (
            select i.outcome, count(*) as n from gate.call_item i join gate.call c using (call_id)
            where c.request_id = r.request_id and i.outcome is not null group by 1) x),
        'approvals', (select coalesce(jsonb_agg(jsonb_build_object(
                'principal', a.principal, 'decision', a.decision, 'version', a.version,
                'made_at', a.made_at, 'expires_at', a.expires_at, 'max_micros', a.max_micros,
                'items', coalesce(cardinality(a.positions), v.item_count),
                'reason', a.reason) order by a.made_at), '[]')
            from gate.approval a where a.request_id = r.request_id),
        'lost_cards', (select coalesce(jsonb_agg(distinct i.card_id), '[]')
            from gate.call_item i join gate.call c using (call_id)
            where c.request_id = r.request_id and i.outcome = 'paid_lost'))
    from gate.request r
    join gate.request_version v using (request_id, version)
    join gate.budget b on b.request_id = r.request_id
    where _request is null or r.request_id = _request
    order by r.created_at;
$$;

-- From a value to the ground it stands on: call, approvals, budgets, policy. Never the value.
create function gate.receipt(_card text, _request uuid) returns setof jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select jsonb_build_object(
        'card_id', i.card_id, 'provider', c.provider, 'field_group', i.field_group,
        'outcome', i.outcome, 'call_id', c.call_id, 'call_state', c.state, 'sent_at', c.sent_at,
        'request_id', c.request_id, 'version', c.version,
        'charged_micros', c.charged_micros,
        'reserved_micros', (select coalesce(max(amount), 0) from gate.transfer t
            where t.call_id = c.call_id and t.kind = 'reserve'),
        'values', (select coalesce(jsonb_agg(jsonb_build_object('kind', p.kind,
                'status', p.status, 'obtained_at', p.obtained_at, 'price_micros', p.price_micros,
                'dnc', p.dnc, 'tcpa', p.tcpa, 'litigator', p.litigator)
                order by p.kind, p.contact_point_id), '[]')
            from contacts.contact_point p
            where p.call_id = c.call_id and p.card_id = i.card_id
              and i.field_group in (p.kind, 'person')),
        'approvals', (select coalesce(jsonb_agg(jsonb_build_object('approval_id', a.approval_id,
                'principal', a.principal, 'made_at', a.made_at) order by a.made_at), '[]')
            from gate.approval a
            where a.request_id = c.request_id and a.version = c.version and a.decision = 'approve'
              and a.made_at <= coalesce(c.sent_at, c.claimed_at)
              and (a.positions is null or i.position = any (a.positions))),
        'budgets', (select jsonb_agg(distinct concat_ws('/', coalesce(b.market, '*'),
                coalesce(b.provider, '*'), coalesce(b.month::text, 'request')))
            from gate.transfer t join gate.budget b using (budget_id)
            where t.call_id = c.call_id and t.kind = 'reserve'),
        'policy_sha256', convert_from(v.header, 'UTF8')::jsonb->>'policy_sha256',
        'content_sha256', encode(v.content_sha256, 'hex'),
        'events', (select jsonb_agg(s.event_id order by s.step) from gate.call_step s
                   where s.call_id = c.call_id))
    from gate.call_item i
    join gate.call c using (call_id)
    join gate.request_version v on v.request_id = c.request_id and v.version = c.version
    where case when _card is not null
               then i.survivor_id = any (gate.family(gate.survivor(_card)))
               else c.request_id = _request end
    order by c.claimed_at, i.position, i.field_group;
$$;

create function gate.balance_of(_budget bigint, out reserved bigint, out spent bigint,
                                out overrun bigint)
language sql stable as $$
    select coalesce(sum(amount) filter (where kind = 'reserve' and not exists (
               select from gate.transfer x where x.pending_id = t.transfer_id)), 0),
           coalesce(sum(case kind when 'post' then amount when 'adjust' then -amount else 0 end), 0),
           coalesce(sum(amount) filter (where kind = 'late'), 0)
    from gate.transfer t where budget_id = _budget;
$$;

-- The ledger against itself: what a budget says and what its transfers add up to.
create function gate.show_budgets() returns setof jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select jsonb_build_object('market', b.market, 'provider', b.provider, 'month', b.month,
        'cap_micros', b.cap, 'reserved_micros', b.reserved, 'spent_micros', b.spent,
        'overrun_micros', b.overrun,
        'is_balanced', b.reserved = t.reserved and b.spent = t.spent and b.overrun = t.overrun)
    from gate.budget b
    cross join lateral gate.balance_of(b.budget_id) t
    where b.request_id is null
    order by b.month, b.market nulls first, b.provider nulls first;
$$;

create function gate.show_lanes() returns setof jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select jsonb_build_object('provider', l.provider, 'state', l.state, 'cause', l.cause,
        'changed_at', l.changed_at, 'price_card', p.content,
        'booked_units_micro', l.booked_units_micro,
        'booked_micros', (select coalesce(sum(c.charged_micros), 0) from gate.call c
                          where c.provider = l.provider),
        'counter_units_micro', l.read_units_micro, 'counter_read_at', l.read_at,
        'agreed_at', l.agreed_at,
        'drift_units_micro', (l.read_units_micro - l.agreed_units_micro)
                             - (l.booked_units_micro - l.agreed_booked_micro),
        'open_calls', (select count(*) from gate.call c where c.provider = l.provider
                       and c.state in ('SENDING', 'AWAITING', 'UNKNOWN')),
        'unknown_calls', (select coalesce(jsonb_agg(c.call_id), '[]') from gate.call c
                          where c.provider = l.provider and c.state = 'UNKNOWN'))
    from gate.lane l cross join lateral gate.current_price(l.provider) p
    order by l.provider;
$$;

create function gate.show_proposals() returns setof jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select jsonb_build_object('proposal_id', proposal_id, 'kind', kind, 'content', content,
        'reason', reason, 'proposed_by', proposed_by, 'proposed_at', proposed_at,
        'expires_at', expires_at, 'decided_by', decided_by, 'decision', decision)
    from gate.proposal order by proposed_at;
$$;

create function gate.show_principals() returns setof jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select jsonb_build_object('principal', p.principal, 'scopes', p.scopes,
        'is_active', p.is_active, 'tokens', count(t.*) filter (
            where t.revoked_at is null and t.expires_at > clock_timestamp()),
        'expires_at', max(t.expires_at) filter (where t.revoked_at is null))
    from gate.principal p left join gate.token t using (principal)
    group by p.principal order by p.principal;
$$;

create function gate.show_policy() returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select jsonb_build_object('sha256', encode(p.sha256, 'hex'), 'content', p.content,
                              'in_force_since', p.in_force_since)
    from gate.current_policy() p where p.sha256 is not null;
$$;

-- What a finished request may hand over: its approved cards under their ids of today, with every id
-- they ever had, unless somebody said no since.
create function gate.deliverable(_request uuid)
returns table (card_id text, family text[], fields text[], purpose text, legal_basis text,
               market text, state text)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select s.survivor, f.family,
           array(select jsonb_array_elements_text(h.header->'fields')),
           h.header->>'purpose', h.header->>'legal_basis', r.market, r.state
    from gate.request r
    join gate.request_version v using (request_id, version)
    cross join lateral (select convert_from(v.header, 'UTF8')::jsonb as header) h
    join gate.request_item i on i.request_id = r.request_id and i.version = r.version
    cross join lateral (select gate.survivor(i.card_id) as survivor) s
    cross join lateral (select gate.family(s.survivor) as family) f
    where r.request_id = _request and r.state in ('DONE', 'DONE_UNKNOWN', 'HALTED')
      and coalesce(i.skip_reason, '') not in ('not_approved', 'suppressed', 'policy')
      and not privacy.is_suppressed(f.family)
    order by i.position;
$$;

-- who may do what: no table of gate or privacy is open to any login, only functions are

revoke all on all functions in schema gate, privacy from public;
revoke execute on function audit.canonical(jsonb), audit.event_id(text, text, text),
    audit.say(text, text, text, text, jsonb), audit.keep_owner_kinds() from public;
grant usage on schema gate, privacy to sxe_social, sxe_contacts, sxe_api;
grant usage on schema contacts to sxe_contacts;
grant usage on schema ops to sxe_contacts;

grant execute on function
    gate.put_candidates(uuid, text[], text[], text[], jsonb[], jsonb[]),
    gate.withdraw_candidates(uuid), privacy.suppressed_cards()
    to sxe_social;

grant execute on function
    gate.submit(text, jsonb, boolean),
    gate.approve(text, uuid, int, text, text, int[], bigint, text[]),
    gate.reject(text, uuid, int, text, text), gate.revoke(text, uuid, text),
    gate.propose(text, text, jsonb, text), gate.decide(text, uuid, boolean),
    gate.kill(text, text, text), gate.renew(text, text, timestamptz), gate.retire(text, text),
    privacy.suppress(text, text, text),
    gate.show_requests(uuid), gate.receipt(text, uuid), gate.show_budgets(), gate.show_lanes(),
    gate.show_proposals(), gate.show_principals(), gate.show_policy()
    to sxe_api;

grant execute on function
    gate.claim_launches(int), gate.begin(uuid, int, text), gate.permit(uuid, bigint, text),
    gate.sending(uuid, bigint), gate.release(uuid, bigint, text, int, boolean),
    gate.unknown(uuid, bigint, text, int), gate.settle(uuid, bigint, jsonb),
    gate.wait(uuid, bigint, double precision), gate.stop(uuid, bigint, text, text),
    gate.late(uuid, bigint),
    gate.reconcile(text, bigint), gate.finish(uuid, bigint), gate.sweep(int),
    gate.deliverable(uuid)
    to sxe_contacts;
grant select, insert on contacts.contact_point, contacts.quarantine to sxe_contacts;

-- A run of the contact tier covers its own events: it reads which are open, never a payload.
grant select (kind, recorded_at, subject) on audit.event to sxe_contacts;
grant select (subject) on audit.event to sxe_social;
grant select, insert on audit.cover, audit.covered to sxe_contacts;

reset role;
