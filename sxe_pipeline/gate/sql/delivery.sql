-- What a finished request may hand over: the cards that were approved when a run began, under their ids
-- of today, with every id they ever had, unless something speaks against it by now. Each reason is looked
-- at again: a run that ended early, or never began, looked at none.
create or replace function gate.deliverable(_request uuid)
returns table (card_id text, family text[], fields text[], purpose text, legal_basis text,
               market text, state text)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select s.survivor, f.family,
           array(select jsonb_array_elements_text(h.header->'fields')),
           h.header->>'purpose', h.header->>'legal_basis', r.market, r.state
    from gate.request r
    join gate.request_version v using (request_id, version)
    cross join lateral (select convert_from(v.header, 'UTF8')::jsonb as header) h
    cross join lateral (select content from gate.policy
                        order by in_force_tick desc limit 1) policy
    join gate.request_item i on i.request_id = r.request_id and i.version = r.version
    cross join lateral (select gate.survivor(i.card_id) as survivor) s
    cross join lateral (select gate.family(s.survivor) as family) f
    where r.request_id = _request and r.state in ('DONE', 'DONE_UNKNOWN', 'HALTED')
      and r.begun_version = r.version
      and coalesce(i.skip_reason, '') not in ('not_approved', 'suppressed', 'policy')
      and not privacy.is_suppressed(f.family)
      and exists (select from gate.candidate k
                  where k.card_id = any (f.family) and k.withdrawn_at is null)
      and gate.is_open(policy.content, h.header, f.family, i.platforms)
    order by i.position;
$$;
