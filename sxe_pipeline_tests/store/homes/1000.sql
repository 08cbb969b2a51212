--
-- PostgreSQL database dump
--

\restrict TmSPS78DAhifQ4kpNLbhCQZKW08Zy011fhgMw63l0vziD4e1rkWcjy6cfW05XAo

-- Dumped from database version 18.6
-- Dumped by pg_dump version 18.6

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: audit; Type: SCHEMA; Schema: -; Owner: sxe_owner
--

CREATE SCHEMA audit;


ALTER SCHEMA audit OWNER TO sxe_owner;

--
-- Name: cards; Type: SCHEMA; Schema: -; Owner: sxe_owner
--

CREATE SCHEMA cards;


ALTER SCHEMA cards OWNER TO sxe_owner;

--
-- Name: contacts; Type: SCHEMA; Schema: -; Owner: sxe_owner
--

CREATE SCHEMA contacts;


ALTER SCHEMA contacts OWNER TO sxe_owner;

--
-- Name: dagster; Type: SCHEMA; Schema: -; Owner: sxe_owner
--

CREATE SCHEMA dagster;


ALTER SCHEMA dagster OWNER TO sxe_owner;

--
-- Name: gate; Type: SCHEMA; Schema: -; Owner: sxe_owner
--

CREATE SCHEMA gate;


ALTER SCHEMA gate OWNER TO sxe_owner;

--
-- Name: handoff; Type: SCHEMA; Schema: -; Owner: sxe_owner
--

CREATE SCHEMA handoff;


ALTER SCHEMA handoff OWNER TO sxe_owner;

--
-- Name: ingest; Type: SCHEMA; Schema: -; Owner: sxe_owner
--

CREATE SCHEMA ingest;


ALTER SCHEMA ingest OWNER TO sxe_owner;

--
-- Name: ops; Type: SCHEMA; Schema: -; Owner: sxe_owner
--

CREATE SCHEMA ops;


ALTER SCHEMA ops OWNER TO sxe_owner;

--
-- Name: privacy; Type: SCHEMA; Schema: -; Owner: sxe_owner
--

CREATE SCHEMA privacy;


ALTER SCHEMA privacy OWNER TO sxe_owner;

--
-- Name: social; Type: SCHEMA; Schema: -; Owner: sxe_owner
--

CREATE SCHEMA social;


ALTER SCHEMA social OWNER TO sxe_owner;

--
-- Name: amount; Type: DOMAIN; Schema: gate; Owner: sxe_owner
--

CREATE DOMAIN gate.amount AS bigint
	CONSTRAINT amount_check CHECK ((VALUE > 0));


ALTER DOMAIN gate.amount OWNER TO sxe_owner;

--
-- Name: call_state; Type: DOMAIN; Schema: gate; Owner: sxe_owner
--

CREATE DOMAIN gate.call_state AS text
	CONSTRAINT call_state_check CHECK ((VALUE = ANY (ARRAY['RESERVED'::text, 'SENDING'::text, 'SETTLED'::text, 'RELEASED'::text, 'AWAITING'::text, 'UNKNOWN'::text])));


ALTER DOMAIN gate.call_state OWNER TO sxe_owner;

--
-- Name: micros; Type: DOMAIN; Schema: gate; Owner: sxe_owner
--

CREATE DOMAIN gate.micros AS bigint
	CONSTRAINT micros_check CHECK ((VALUE >= 0));


ALTER DOMAIN gate.micros OWNER TO sxe_owner;

--
-- Name: outcome; Type: DOMAIN; Schema: gate; Owner: sxe_owner
--

CREATE DOMAIN gate.outcome AS text
	CONSTRAINT outcome_check CHECK ((VALUE = ANY (ARRAY['match'::text, 'no_match'::text, 'mismatch'::text, 'released'::text, 'discarded'::text, 'paid_lost'::text, 'unknown_free'::text])));


ALTER DOMAIN gate.outcome OWNER TO sxe_owner;

--
-- Name: part; Type: DOMAIN; Schema: gate; Owner: sxe_owner
--

CREATE DOMAIN gate.part AS text
	CONSTRAINT part_check CHECK ((VALUE = ANY (ARRAY['sync'::text, 'async'::text])));


ALTER DOMAIN gate.part OWNER TO sxe_owner;

--
-- Name: slug; Type: DOMAIN; Schema: gate; Owner: sxe_owner
--

CREATE DOMAIN gate.slug AS text
	CONSTRAINT slug_check CHECK ((VALUE ~ '^[a-z][a-z0-9_-]{1,31}$'::text));


ALTER DOMAIN gate.slug OWNER TO sxe_owner;

--
-- Name: transfer_kind; Type: DOMAIN; Schema: gate; Owner: sxe_owner
--

CREATE DOMAIN gate.transfer_kind AS text
	CONSTRAINT transfer_kind_check CHECK ((VALUE = ANY (ARRAY['reserve'::text, 'post'::text, 'void'::text, 'late'::text, 'adjust'::text])));


ALTER DOMAIN gate.transfer_kind OWNER TO sxe_owner;

--
-- Name: sha256; Type: DOMAIN; Schema: ops; Owner: sxe_owner
--

CREATE DOMAIN ops.sha256 AS text
	CONSTRAINT sha256_check CHECK ((VALUE ~ '^[0-9a-f]{64}$'::text));


ALTER DOMAIN ops.sha256 OWNER TO sxe_owner;

--
-- Name: append(text, text, text, text, jsonb); Type: FUNCTION; Schema: audit; Owner: sxe_owner
--

CREATE FUNCTION audit.append(_kind text, _actor text, _subject text, _key text, _data jsonb) RETURNS uuid
    LANGUAGE plpgsql
    AS $$
declare
    made uuid := audit.event_id(_kind, _subject, _key);
begin
    insert into audit.event (event_id, kind, actor, subject, payload)
    values (made, _kind, _actor, _subject, convert_to(audit.canonical(jsonb_build_object(
        'actor', _actor, 'data', jsonb_strip_nulls(_data), 'key', _key, 'kind', _kind,
        'subject', _subject)), 'UTF8'));
    return made;
end $$;


ALTER FUNCTION audit.append(_kind text, _actor text, _subject text, _key text, _data jsonb) OWNER TO sxe_owner;

--
-- Name: canonical(jsonb); Type: FUNCTION; Schema: audit; Owner: sxe_owner
--

CREATE FUNCTION audit.canonical(_value jsonb) RETURNS text
    LANGUAGE plpgsql IMMUTABLE
    AS $$
begin
    return case jsonb_typeof(_value)
        when 'object' then '{' || coalesce((
            select string_agg(to_json(key)::text || ':' || audit.canonical(value), ','
                              order by key collate "C")
            from jsonb_each(_value)), '') || '}'
        when 'array' then '[' || coalesce((
            select string_agg(audit.canonical(value), ',' order by position)
            from jsonb_array_elements(_value) with ordinality as item (value, position)), '') || ']'
        else _value::text end;
end $$;


ALTER FUNCTION audit.canonical(_value jsonb) OWNER TO sxe_owner;

--
-- Name: event_id(text, text, text); Type: FUNCTION; Schema: audit; Owner: sxe_owner
--

CREATE FUNCTION audit.event_id(_kind text, _subject text, _key text) RETURNS uuid
    LANGUAGE plpgsql IMMUTABLE
    AS $$
declare
    h bytea := substr(sha256(convert_to(concat_ws(E'\n', _kind, _subject, _key), 'UTF8')), 1, 16);
begin
    h := set_byte(h, 6, (get_byte(h, 6) & 15) | 128);  -- version 8: a hash of our own
    h := set_byte(h, 8, (get_byte(h, 8) & 63) | 128);
    return encode(h, 'hex')::uuid;
end $$;


ALTER FUNCTION audit.event_id(_kind text, _subject text, _key text) OWNER TO sxe_owner;

--
-- Name: keep_gate_kinds(); Type: FUNCTION; Schema: audit; Owner: sxe_owner
--

CREATE FUNCTION audit.keep_gate_kinds() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    if split_part(new.kind, '.', 1) = any (audit.owner_families())
       and current_user <> 'sxe_owner' then
        raise exception 'events of the gate are recorded by the gate' using errcode = '42501';
    end if;
    return new;
end $$;


ALTER FUNCTION audit.keep_gate_kinds() OWNER TO sxe_owner;

--
-- Name: owner_families(); Type: FUNCTION; Schema: audit; Owner: sxe_owner
--

CREATE FUNCTION audit.owner_families() RETURNS text[]
    LANGUAGE sql IMMUTABLE
    AS $$
    select '{request,call,provider,circuit,budget,principal,proposal,suppression}'::text[];
$$;


ALTER FUNCTION audit.owner_families() OWNER TO sxe_owner;

--
-- Name: refuse_change(); Type: FUNCTION; Schema: audit; Owner: sxe_owner
--

CREATE FUNCTION audit.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    raise exception 'the audit log is append-only' using errcode = '42501';
end $$;


ALTER FUNCTION audit.refuse_change() OWNER TO sxe_owner;

--
-- Name: seal_leaf(); Type: FUNCTION; Schema: audit; Owner: sxe_owner
--

CREATE FUNCTION audit.seal_leaf() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    new.recorded_at := clock_timestamp();
    new.leaf_hash := sha256(
        '\x00'::bytea || new.payload
        || int8send((extract(epoch from new.recorded_at) * 1000000)::bigint));
    return new;
end $$;


ALTER FUNCTION audit.seal_leaf() OWNER TO sxe_owner;

--
-- Name: add_principal(text, text[], text, timestamp with time zone, text); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.add_principal(_principal text, _scopes text[], _token_sha256 text, _expires_at timestamp with time zone, _actor text) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
    event uuid := audit.append('principal.added', _actor, _principal, _token_sha256,
                            jsonb_build_object('scopes', _scopes, 'expires_at', _expires_at));
begin
    insert into gate.principal (principal, scopes, event_id) values (_principal, _scopes, event)
    on conflict (principal) do update
        set scopes = excluded.scopes, is_active = true, event_id = excluded.event_id;
    insert into gate.token (token_sha256, principal, scopes, expires_at, event_id)
    values (decode(_token_sha256, 'hex'), _principal, _scopes, _expires_at, event);
exception
    when unique_violation then
        perform gate.refuse('SXBAD', 'that token is known already; make a new one');
    when check_violation then
        perform gate.refuse('SXBAD', 'a principal is a short lower-case name, with scopes of: '
            'request, approve, budget, ack, admin');
end $$;


ALTER FUNCTION gate.add_principal(_principal text, _scopes text[], _token_sha256 text, _expires_at timestamp with time zone, _actor text) OWNER TO sxe_owner;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: call; Type: TABLE; Schema: gate; Owner: sxe_owner
--

CREATE TABLE gate.call (
    call_id uuid NOT NULL,
    request_id uuid NOT NULL,
    version integer NOT NULL,
    provider gate.slug NOT NULL,
    groups text[] NOT NULL,
    state gate.call_state NOT NULL,
    fence bigint NOT NULL,
    lease_until timestamp with time zone NOT NULL,
    micros_per_unit gate.amount NOT NULL,
    sync_micros gate.micros NOT NULL,
    async_micros gate.micros NOT NULL,
    charged_micros gate.micros DEFAULT 0 NOT NULL,
    charged_units_micro gate.micros DEFAULT 0 NOT NULL,
    provider_request_id text,
    http_status integer,
    response_sha256 bytea,
    reason text,
    claimed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    sent_at timestamp with time zone,
    resolved_at timestamp with time zone,
    poll_after timestamp with time zone,
    polls integer DEFAULT 0 NOT NULL,
    CONSTRAINT call_check CHECK ((((sync_micros)::bigint + (async_micros)::bigint) > 0))
)
WITH (fillfactor='70');


ALTER TABLE gate.call OWNER TO sxe_owner;

--
-- Name: add_step(gate.call, text, text, text, jsonb); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.add_step(_c gate.call, _state text, _kind text, _actor text, _data jsonb) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
    next_step int := 1 + (select count(*) from gate.call_step where call_id = _c.call_id);
begin
    insert into gate.call_step (call_id, step, state, event_id)
    values (_c.call_id, next_step, _state,
            audit.append(_kind, _actor, _c.request_id::text, _c.call_id || '/' || next_step,
                _data || jsonb_build_object('call_id', _c.call_id, 'provider', _c.provider)));
end $$;


ALTER FUNCTION gate.add_step(_c gate.call, _state text, _kind text, _actor text, _data jsonb) OWNER TO sxe_owner;

--
-- Name: adjust(uuid, bigint, text); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.adjust(_call uuid, _units_micro bigint, _actor text) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
    c gate.call;
    micros bigint;
begin
    perform gate.lock_provider(_call);
    select * into c from gate.call where call_id = _call for update;
    micros := least(gate.micros(_units_micro, c.micros_per_unit), c.charged_micros);
    perform gate.lock_budgets(array[_call]);
    if c.call_id is null or c.state <> 'SETTLED' or coalesce(_units_micro, 0) <= 0
       or _units_micro > c.charged_units_micro or exists (
            select from gate.transfer t where t.call_id = _call
            group by t.budget_id
            having coalesce(sum(amount) filter (where kind = 'post'), 0)
                   - coalesce(sum(amount) filter (where kind = 'adjust'), 0) < micros) then
        perform gate.refuse('SXREF', 'what comes back is positive, of a settled call, and no more '
            'than was posted for it; an overrun stays as it was booked');
    end if;
    insert into gate.transfer (budget_id, call_id, part, kind, amount)
    select distinct budget_id, _call, 'sync', 'adjust', micros
    from gate.transfer where call_id = _call and kind = 'reserve';
    update gate.budget set spent = spent - micros
    where budget_id in (select budget_id from gate.transfer
                        where call_id = _call and kind = 'reserve');
    update gate.call set charged_micros = charged_micros - micros,
        charged_units_micro = charged_units_micro - _units_micro
    where call_id = _call;
    update gate.provider set booked_units_micro = booked_units_micro - _units_micro
    where provider = c.provider;
    perform gate.add_step(c, c.state, 'call.adjusted', _actor,
        jsonb_build_object('returned_micros', micros, 'units_micro', _units_micro));
end $$;


ALTER FUNCTION gate.adjust(_call uuid, _units_micro bigint, _actor text) OWNER TO sxe_owner;

--
-- Name: proposal; Type: TABLE; Schema: gate; Owner: sxe_owner
--

CREATE TABLE gate.proposal (
    proposal_id uuid DEFAULT gen_random_uuid() NOT NULL,
    kind text NOT NULL,
    content jsonb NOT NULL,
    reason text NOT NULL,
    proposed_by gate.slug NOT NULL,
    proposed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    decided_by gate.slug,
    decided_at timestamp with time zone,
    decision text,
    event_id uuid NOT NULL,
    decided_event_id uuid,
    CONSTRAINT proposal_check CHECK (((decision <> 'confirmed'::text) OR ((decided_by)::text <> (proposed_by)::text))),
    CONSTRAINT proposal_check1 CHECK (((decision IS NULL) = (decided_at IS NULL))),
    CONSTRAINT proposal_decision_check CHECK ((decision = ANY (ARRAY['confirmed'::text, 'rejected'::text]))),
    CONSTRAINT proposal_kind_check CHECK ((kind = ANY (ARRAY['cap'::text, 'price'::text, 'policy'::text, 'setting'::text, 'principal'::text, 'circuit'::text, 'resolve'::text, 'adjust'::text]))),
    CONSTRAINT proposal_reason_check CHECK ((reason <> ''::text))
);


ALTER TABLE gate.proposal OWNER TO sxe_owner;

--
-- Name: apply(gate.proposal, text); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.apply(_p gate.proposal, _actor text) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
    c jsonb := _p.content;
begin
    case _p.kind
    when 'cap' then perform gate.set_cap(c, _actor);
    when 'price' then
        insert into gate.price_card (provider, sha256, content, proposal_id, needs, groups,
                                     gives_email, gives_phone, is_async, worst_micros)
        select c->>'provider', gate.sha256_of(c), c, _p.proposal_id,
               array(select array(select jsonb_array_elements_text(one))::text
                     from jsonb_array_elements(c->'needs') one),
               array_agg(key order by key), array_agg(value->'gives' ? 'email' order by key),
               array_agg(value->'gives' ? 'phone' order by key),
               array_agg(value->>'part' = 'async' order by key),
               array_agg(gate.micros((value->>'worst_units_micro')::bigint,
                                     (c->>'micros_per_unit')::bigint) order by key)
        from jsonb_each(c->'sells')
        on conflict (provider, sha256) do update set in_force_since = clock_timestamp();
        if not exists (select from gate.provider where provider = c->>'provider') then
            insert into gate.provider (provider, event_id)
            values (c->>'provider', audit.append('provider.added', _actor, c->>'provider', 'made', '{}'));
        end if;
    when 'policy' then
        insert into gate.policy (sha256, content, proposal_id)
        values (gate.sha256_of(c), c, _p.proposal_id)
        on conflict (sha256) do update set in_force_since = clock_timestamp();
    when 'principal' then
        perform gate.add_principal(c->>'principal',
            array(select jsonb_array_elements_text(c->'scopes')), c->>'token_sha256',
            least((c->>'expires_at')::timestamptz, clock_timestamp() + interval '1 year'), _actor);
    when 'setting' then
        update gate.setting set
            quorum = coalesce((c->>'quorum')::int, quorum),
            decide_within = coalesce((c->>'decide_within')::interval, decide_within),
            run_within = coalesce((c->>'run_within')::interval, run_within),
            reconcile_wait = coalesce((c->>'reconcile_wait')::interval, reconcile_wait),
            poll_wait = coalesce((c->>'poll_wait')::interval, poll_wait),
            email_fresh_for = coalesce((c->>'email_fresh_for')::interval, email_fresh_for),
            phone_fresh_for = coalesce((c->>'phone_fresh_for')::interval, phone_fresh_for),
            negative_for = coalesce((c->>'negative_for')::interval, negative_for);
    when 'circuit' then
        -- Who closes the circuit of a provider that drifted accepts the drift, so its counter starts anew; but not while
        -- it may hold the charge of a call that nobody has booked yet.
        update gate.provider v set failures = 0,
            agreed_units_micro = case when cause = 'drift' and not exists (
                select from gate.call k where k.provider = v.provider
                  and k.state in ('SENDING', 'AWAITING', 'UNKNOWN')) then null
                else agreed_units_micro end
        where v.provider = c->>'provider';
        perform gate.set_circuit(c->>'provider', 'closed', 'reopened', _actor);
    when 'resolve' then
        perform gate.resolve_unknown((c->>'call_id')::uuid, (c->>'units_micro')::bigint, _actor);
    when 'adjust' then
        perform gate.adjust((c->>'call_id')::uuid, (c->>'units_micro')::bigint, _actor);
    end case;
exception
    when not_null_violation or check_violation or invalid_text_representation
         or invalid_datetime_format or datetime_field_overflow or invalid_parameter_value
         or numeric_value_out_of_range then
        perform gate.refuse('SXBAD', 'the proposal does not hold what its kind needs; '
            'nothing was changed');
end $$;


ALTER FUNCTION gate.apply(_p gate.proposal, _actor text) OWNER TO sxe_owner;

--
-- Name: approve(text, uuid, integer, text, text, integer[], bigint, text[]); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.approve(_token text, _request uuid, _version integer, _content_sha256 text, _reason text, _positions integer[] DEFAULT NULL::integer[], _max_micros bigint DEFAULT NULL::bigint, _lost_cards text[] DEFAULT '{}'::text[]) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    who text := gate.authenticate(_token, 'approve');
    r gate.request := gate.lock_for_decision(who, _request, _version, _content_sha256);
    total int := (select item_count from gate.request_version
                  where request_id = _request and version = _version);
    made uuid := gen_random_uuid();
    approved int[];
    now_state text;
begin
    if r.state = 'SUBMITTED' and r.decide_by <= clock_timestamp() then
        perform gate.refuse('SXREF', 'the time to decide is over; ask for it again');
    end if;
    if r.state not in ('SUBMITTED', 'PARTIAL', 'APPROVED', 'HALTED', 'DONE', 'DONE_UNKNOWN') then
        perform gate.refuse('SXREF', format('a request that is %s is not approved', lower(r.state)));
    end if;
    if coalesce(trim(_reason), '') = '' then
        perform gate.refuse('SXBAD', 'say why: a reason is part of the record');
    end if;
    if exists (select from unnest(_positions) p where p not between 1 and total) then
        perform gate.refuse('SXBAD', format('the request has the items 1 to %s', total));
    end if;
    insert into gate.approval (approval_id, request_id, version, content_sha256, principal, decision,
        max_micros, positions, lost_cards, reason, expires_at, event_id)
    select made, _request, _version, decode(_content_sha256, 'hex'), who, 'approve', _max_micros,
        _positions, _lost_cards, _reason, clock_timestamp() + s.run_within,
        audit.append('request.approved', 'principal:' || who, _request::text, made::text,
            jsonb_build_object('version', _version, 'content_sha256', _content_sha256,
                'items', coalesce(cardinality(_positions), total), 'max_micros', _max_micros,
                'lost_cards', cardinality(_lost_cards)))
    from gate.setting s;
    perform gate.set_request_cap(_request, _version);
    approved := gate.approved_positions(_request, _version);
    now_state := case when approved is null or cardinality(approved) = total then 'APPROVED'
                      when cardinality(approved) > 0 then 'PARTIAL' else r.state end;
    if now_state <> r.state then
        update gate.request set state = now_state, launch_until = null, stops = '{}'
        where request_id = _request;
    end if;
    return jsonb_build_object('approval_id', made, 'request_id', _request, 'state', now_state,
        'approved_items', coalesce(cardinality(approved), total), 'item_count', total,
        'expires_at', (select expires_at from gate.approval where approval_id = made));
exception
    when check_violation then
        perform gate.refuse('SXBAD', 'a part of a request is 1 to 250 items, a maximum is positive');
        return null;
end $$;


ALTER FUNCTION gate.approve(_token text, _request uuid, _version integer, _content_sha256 text, _reason text, _positions integer[], _max_micros bigint, _lost_cards text[]) OWNER TO sxe_owner;

--
-- Name: approved_positions(uuid, integer); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.approved_positions(_request uuid, _version integer) RETURNS integer[]
    LANGUAGE plpgsql STABLE
    AS $$
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


ALTER FUNCTION gate.approved_positions(_request uuid, _version integer) OWNER TO sxe_owner;

--
-- Name: authenticate(text, text); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.authenticate(_token text, _scope text) RETURNS text
    LANGUAGE plpgsql STABLE
    AS $$
declare
    person text;
begin
    select t.principal into person
    from gate.token t join gate.principal p using (principal)
    where t.token_sha256 = sha256(convert_to(coalesce(_token, ''), 'UTF8'))
      and t.revoked_at is null and t.expires_at > clock_timestamp() and p.is_active
      and (_scope is null or (_scope = any (t.scopes) and _scope = any (p.scopes)));
    if person is null then
        perform gate.refuse('SXREF', format(
            'no valid token with the scope %s; set SXE_TOKEN to one (sxe people token makes one)',
            coalesce(_scope, 'of any kind')));
    end if;
    return person;
end $$;


ALTER FUNCTION gate.authenticate(_token text, _scope text) OWNER TO sxe_owner;

--
-- Name: balance_of(bigint); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.balance_of(_budget bigint, OUT reserved bigint, OUT spent bigint, OUT overrun bigint) RETURNS record
    LANGUAGE sql STABLE
    AS $$
    select coalesce(sum(amount) filter (where kind = 'reserve' and not exists (
               select from gate.transfer x where x.pending_id = t.transfer_id)), 0),
           coalesce(sum(case kind when 'post' then amount when 'adjust' then -amount else 0 end), 0),
           coalesce(sum(amount) filter (where kind = 'late'), 0)
    from gate.transfer t where budget_id = _budget;
$$;


ALTER FUNCTION gate.balance_of(_budget bigint, OUT reserved bigint, OUT spent bigint, OUT overrun bigint) OWNER TO sxe_owner;

--
-- Name: begin(uuid, integer, text); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.begin(_request uuid, _attempt integer, _run_id text) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    r gate.request;
    v gate.request_version;
    h jsonb;
    approved int[];
    next_fence bigint := nextval('gate.fence');
    now_state text;
    left_over uuid;
begin
    select * into r from gate.request where request_id = _request for no key update;
    if r.request_id is null then
        perform gate.refuse('SXNOF', 'there is no such request');
    end if;
    if _attempt is distinct from r.attempt or r.launch_until is null
       or r.launch_until <= clock_timestamp() then
        perform gate.refuse('SXREF', 'the gate did not launch this run, so it calls nobody; '
            'the sensor approved_requests launches what is approved');
    end if;
    select * into v from gate.request_version
    where request_id = _request and version = r.version;
    h := convert_from(v.header, 'UTF8')::jsonb;
    now_state := r.state;
    if r.state in ('APPROVED', 'PARTIAL', 'EXECUTING') then
        now_state := case when exists (select from gate.live_approval
                                       where request_id = _request and version = r.version)
                          then 'EXECUTING' else 'HALTED' end;
    end if;
    -- What an earlier run reserved and did not send is free again: its fence is gone.
    perform from gate.provider where provider in (
        select provider from gate.call where request_id = _request and state = 'RESERVED')
    order by provider for update;
    perform gate.lock_budgets(array(
        select call_id from gate.call where request_id = _request and state = 'RESERVED'));
    for left_over in select call_id from gate.call
                     where request_id = _request and state = 'RESERVED' for update loop
        perform gate.release_call(left_over, 'taken_over', null, 'run:' || _run_id);
    end loop;
    if now_state = 'EXECUTING' then
        approved := gate.approved_positions(_request, r.version);
        update gate.request_item set done_by = '{}',
            skip_reason = case when approved is null or position = any (approved) then null
                               else 'not_approved' end
        where request_id = _request and version = r.version;
    end if;
    update gate.request
    set fence = next_fence, run_id = _run_id, launch_until = null, state = now_state, stops = '{}',
        lease_until = clock_timestamp() + (select call_lease from gate.setting),
        event_id = audit.append('request.begun', 'run:' || _run_id, _request::text, 'a' || _attempt,
            jsonb_build_object('attempt', _attempt, 'state', now_state, 'version', r.version))
    where request_id = _request;
    return jsonb_build_object('fence', next_fence, 'state', now_state, 'header', h,
        'waterfall', h->'waterfall',
        'loopback_only', coalesce((select (content->>'loopback_only')::boolean from gate.policy
            where encode(sha256, 'hex') = h->>'policy_sha256'), true),
        'open_calls', coalesce((
            select jsonb_agg(jsonb_build_object('call_id', c.call_id, 'provider', c.provider,
                'state', c.state, 'provider_request_id', c.provider_request_id,
                'groups', c.groups,
                'items', (select jsonb_agg(jsonb_build_object('position', i.position,
                        'card_id', i.card_id, 'person', i.provider_person_id) order by i.position)
                    from gate.call_item i where i.call_id = c.call_id and i.live and i.is_async)))
            from gate.call c
            where c.request_id = _request and c.state in ('AWAITING', 'UNKNOWN')
              and c.poll_after <= clock_timestamp()), '[]'));
end $$;


ALTER FUNCTION gate.begin(_request uuid, _attempt integer, _run_id text) OWNER TO sxe_owner;

--
-- Name: bootstrap(text, text, text, text, timestamp with time zone); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.bootstrap(_first text, _first_sha256 text, _second text, _second_sha256 text, _expires_at timestamp with time zone) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    lock table gate.principal in exclusive mode;
    if exists (select from gate.principal) then
        perform gate.refuse('SXREF', 'principals exist already; two of them add a third');
    end if;
    if _first = _second or _first_sha256 = _second_sha256 then
        perform gate.refuse('SXBAD', 'two admins are two persons with a token each');
    end if;
    perform gate.add_principal(_first, '{admin,budget}', _first_sha256, _expires_at, 'bootstrap');
    perform gate.add_principal(_second, '{admin,budget}', _second_sha256, _expires_at, 'bootstrap');
end $$;


ALTER FUNCTION gate.bootstrap(_first text, _first_sha256 text, _second text, _second_sha256 text, _expires_at timestamp with time zone) OWNER TO sxe_owner;

--
-- Name: budget_key(uuid, text, text, date); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.budget_key(_request uuid, _market text, _provider text, _month date) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$
    select coalesce(_request::text, (_month - date '2000-01-01') || '/' || coalesce(_provider, '*')
                                    || '/' || coalesce('=' || _market, '*'));
$$;


ALTER FUNCTION gate.budget_key(_request uuid, _market text, _provider text, _month date) OWNER TO sxe_owner;

--
-- Name: charge(uuid, text[], bigint); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.charge(_call uuid, _parts text[], _charge bigint) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
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


ALTER FUNCTION gate.charge(_call uuid, _parts text[], _charge bigint) OWNER TO sxe_owner;

--
-- Name: charge_late(uuid, bigint); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.charge_late(_call uuid, _charge bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
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


ALTER FUNCTION gate.charge_late(_call uuid, _charge bigint) OWNER TO sxe_owner;

--
-- Name: check_policy(jsonb); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.check_policy(_policy jsonb) RETURNS void
    LANGUAGE plpgsql STABLE
    AS $$
begin
    if jsonb_typeof(_policy->'platforms') is distinct from 'object'
       or _policy->>'version' is null
       or exists (
            select from jsonb_each(_policy->'platforms') p
            where jsonb_typeof(p.value->'enrichment'->'match_bases') is distinct from 'array'
               or not p.value->'enrichment'->'match_bases'
                    <@ '["consent","user_provided","public_data"]'
               or jsonb_typeof(p.value->'enrichment'->'purposes') is distinct from 'array') then
        perform gate.refuse('SXBAD', 'a policy names version and platforms, each with '
            'enrichment: {match_bases, purposes}; see contracts/policy');
    end if;
end $$;


ALTER FUNCTION gate.check_policy(_policy jsonb) OWNER TO sxe_owner;

--
-- Name: check_price(jsonb); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.check_price(_card jsonb) RETURNS void
    LANGUAGE plpgsql STABLE
    AS $_$
declare
    sold record;
    currency text;
begin
    select s.currency into currency from gate.setting s;
    if not coalesce(_card->>'provider' ~ '^[a-z][a-z0-9_-]{1,31}$'
            and _card->>'currency' = currency
            and (_card->>'micros_per_unit')::bigint > 0
            and (_card->>'batch_max')::int between 1 and 250
            and jsonb_typeof(_card->'sells') = 'object' and _card->'sells' <> '{}'
            and jsonb_typeof(_card->'needs') = 'array' and _card->'needs' <> '[]', false) then
        perform gate.refuse('SXBAD', 'a price card has provider, currency (' || currency
            || '), micros_per_unit, batch_max, needs and sells; see docs/enrichment.md');
    end if;
    for sold in select key, value from jsonb_each(_card->'sells') loop
        if not coalesce((sold.value->>'worst_units_micro')::bigint > 0
                and sold.value->>'part' in ('sync', 'async')
                and sold.value->'gives' <@ '["email","phone"]'
                and jsonb_array_length(sold.value->'gives') > 0
                and (sold.value->>'hit_share')::numeric between 0 and 1, false) then
            perform gate.refuse('SXBAD', format('the price card leaves open what %s costs: '
                'worst_units_micro, part, gives, hit_share', sold.key));
        end if;
    end loop;
exception
    when invalid_text_representation or numeric_value_out_of_range or invalid_parameter_value then
        perform gate.refuse('SXBAD', 'a figure of the price card is no number, or a list is none');
end $_$;


ALTER FUNCTION gate.check_price(_card jsonb) OWNER TO sxe_owner;

--
-- Name: check_spec(jsonb); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.check_spec(_spec jsonb) RETURNS void
    LANGUAGE plpgsql STABLE
    AS $$
declare
    name text;
    price gate.price_card;
    n int := coalesce(jsonb_array_length(_spec->'card_ids'), (_spec->>'limit')::int);
begin
    if n is null or n not between 1 and 250 then
        perform gate.refuse('SXBAD', format('a request has 1 to 250 cards, not %s', n));
    end if;
    if not coalesce(_spec->'fields' <@ '["email","phone"]'
                    and jsonb_array_length(_spec->'fields') > 0, false) then
        perform gate.refuse('SXBAD', 'the fields of a request are email, phone, or both');
    end if;
    foreach name in array '{market,purpose,legal_basis,match_basis,permissible_purpose}'::text[] loop
        if coalesce(trim(_spec->>name), '') = '' then
            perform gate.refuse('SXBAD', format('the request does not say its %s', name));
        end if;
    end loop;
    if coalesce(jsonb_array_length(_spec->'waterfall'), 0) = 0 then
        perform gate.refuse('SXBAD', 'no provider has a price card; two people set one '
            '(sxe budget propose, then confirm)');
    end if;
    if (select count(distinct w) <> count(*) from jsonb_array_elements(_spec->'waterfall') w) then
        perform gate.refuse('SXBAD', 'a provider stands twice in the waterfall');
    end if;
    for name in select jsonb_array_elements_text(_spec->'waterfall') loop
        price := gate.current_price(name);
        if price.provider is null then
            perform gate.refuse('SXBAD', format('provider %s has no price card', name));
        end if;
    end loop;
    if (_spec->>'max_micros')::bigint <= 0 then
        perform gate.refuse('SXBAD', 'the maximum of a request is a positive amount');
    end if;
exception when invalid_text_representation or numeric_value_out_of_range then
    perform gate.refuse('SXBAD', 'limit and max_micros are whole numbers');
end $$;


ALTER FUNCTION gate.check_spec(_spec jsonb) OWNER TO sxe_owner;

--
-- Name: claim_launches(integer); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.claim_launches(_limit integer DEFAULT 20) RETURNS TABLE(request_id uuid, version integer, attempt integer)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
    moment timestamptz := clock_timestamp();
begin
    return query
    update gate.request r
    set attempt = r.attempt + 1, launch_until = moment + (select launch_lease from gate.setting)
    where r.request_id in (
        select o.request_id from gate.request o
        where (o.launch_until is null or o.launch_until <= moment)
          and (o.lease_until is null or o.lease_until <= moment)
          and ((o.state in ('APPROVED', 'PARTIAL')
                and exists (select from gate.live_approval a
                            where a.request_id = o.request_id and a.version = o.version))
            or o.state = 'EXECUTING'
            or exists (
                select from gate.call c
                where c.request_id = o.request_id and c.poll_after <= moment
                  and c.state in ('AWAITING', 'UNKNOWN')))
        order by o.created_at
        limit _limit
        for update skip locked)
    returning r.request_id, r.version, r.attempt;
end $$;


ALTER FUNCTION gate.claim_launches(_limit integer) OWNER TO sxe_owner;

--
-- Name: close_resolved(integer, uuid); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.close_resolved(_limit integer, _request uuid) RETURNS void
    LANGUAGE sql
    AS $$
    update gate.request set state = 'DONE' where request_id in (
        select q.request_id from gate.request q
        where q.state = 'DONE_UNKNOWN' and (_request is null or q.request_id = _request)
          and not exists (select from gate.call k
                          where k.request_id = q.request_id and k.state = 'UNKNOWN')
        order by q.request_id limit _limit for no key update skip locked);
$$;


ALTER FUNCTION gate.close_resolved(_limit integer, _request uuid) OWNER TO sxe_owner;

--
-- Name: policy; Type: TABLE; Schema: gate; Owner: sxe_owner
--

CREATE TABLE gate.policy (
    sha256 bytea NOT NULL,
    content jsonb NOT NULL,
    in_force_since timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    proposal_id uuid NOT NULL,
    CONSTRAINT policy_sha256_check CHECK ((octet_length(sha256) = 32))
);


ALTER TABLE gate.policy OWNER TO sxe_owner;

--
-- Name: current_policy(); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.current_policy() RETURNS gate.policy
    LANGUAGE sql STABLE
    AS $$
    select p from gate.policy p order by p.in_force_since desc limit 1;
$$;


ALTER FUNCTION gate.current_policy() OWNER TO sxe_owner;

--
-- Name: price_card; Type: TABLE; Schema: gate; Owner: sxe_owner
--

CREATE TABLE gate.price_card (
    provider gate.slug NOT NULL,
    sha256 bytea NOT NULL,
    content jsonb NOT NULL,
    needs text[] NOT NULL,
    groups text[] NOT NULL,
    gives_email boolean[] NOT NULL,
    gives_phone boolean[] NOT NULL,
    is_async boolean[] NOT NULL,
    worst_micros bigint[] NOT NULL,
    in_force_since timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    proposal_id uuid NOT NULL,
    CONSTRAINT price_card_sha256_check CHECK ((octet_length(sha256) = 32))
);


ALTER TABLE gate.price_card OWNER TO sxe_owner;

--
-- Name: current_price(text); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.current_price(_provider text) RETURNS gate.price_card
    LANGUAGE sql STABLE
    AS $$
    select p from gate.price_card p where p.provider = _provider
    order by p.in_force_since desc limit 1;
$$;


ALTER FUNCTION gate.current_price(_provider text) OWNER TO sxe_owner;

--
-- Name: decide(text, uuid, boolean); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.decide(_token text, _proposal uuid, _is_confirmed boolean) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    p gate.proposal;
    who text;
    event uuid;
begin
    select * into p from gate.proposal where proposal_id = _proposal for update;
    if p.proposal_id is null then
        perform gate.refuse('SXNOF', 'there is no such proposal; see sxe budget proposals');
    end if;
    who := gate.authenticate(_token, case when p.kind in ('principal', 'setting') then 'admin'
                                 else 'budget' end);
    if p.decision is not null then
        perform gate.refuse('SXREF', 'the proposal was decided already');
    end if;
    if _is_confirmed and p.expires_at <= clock_timestamp() then
        perform gate.refuse('SXREF', 'the proposal expired; make it again');
    end if;
    if _is_confirmed and who = p.proposed_by then
        perform gate.refuse('SXREF', 'a second person confirms; you proposed it');
    end if;
    event := audit.append(case when _is_confirmed then 'proposal.confirmed' else 'proposal.rejected' end,
        'principal:' || who, _proposal::text, 'decided',
        jsonb_build_object('kind', p.kind, 'proposed_by', p.proposed_by,
                           'content_sha256', encode(gate.sha256_of(p.content), 'hex')));
    update gate.proposal
    set decided_by = who, decided_at = clock_timestamp(), decided_event_id = event,
        decision = case when _is_confirmed then 'confirmed' else 'rejected' end
    where proposal_id = _proposal;
    if _is_confirmed then
        perform gate.apply(p, 'principal:' || who);
    end if;
    return jsonb_build_object('proposal_id', _proposal, 'kind', p.kind,
        'decision', case when _is_confirmed then 'confirmed' else 'rejected' end);
end $$;


ALTER FUNCTION gate.decide(_token text, _proposal uuid, _is_confirmed boolean) OWNER TO sxe_owner;

--
-- Name: deliverable(uuid); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.deliverable(_request uuid) RETURNS TABLE(card_id text, family text[], fields text[], purpose text, legal_basis text, market text, state text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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


ALTER FUNCTION gate.deliverable(_request uuid) OWNER TO sxe_owner;

--
-- Name: request; Type: TABLE; Schema: gate; Owner: sxe_owner
--

CREATE TABLE gate.request (
    request_id uuid NOT NULL,
    version integer NOT NULL,
    market text NOT NULL,
    state text NOT NULL,
    created_by gate.slug NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    decide_by timestamp with time zone NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    launch_until timestamp with time zone,
    fence bigint,
    run_id text,
    lease_until timestamp with time zone,
    stops jsonb DEFAULT '{}'::jsonb NOT NULL,
    finished_at timestamp with time zone,
    forgotten_at timestamp with time zone,
    event_id uuid NOT NULL,
    CONSTRAINT request_state_check CHECK ((state = ANY (ARRAY['SUBMITTED'::text, 'APPROVED'::text, 'PARTIAL'::text, 'EXECUTING'::text, 'DONE'::text, 'DONE_UNKNOWN'::text, 'HALTED'::text, 'REJECTED'::text, 'EXPIRED'::text, 'REVOKED'::text]))),
    CONSTRAINT request_version_check CHECK ((version > 0))
);


ALTER TABLE gate.request OWNER TO sxe_owner;

--
-- Name: end_request(text, gate.request, text, text); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.end_request(_who text, _r gate.request, _decision text, _reason text) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
declare
    event uuid;
    now_state text := case _decision when 'reject' then 'REJECTED' else 'REVOKED' end;
begin
    if coalesce(trim(_reason), '') = '' then
        perform gate.refuse('SXBAD', 'say why: a reason is part of the record');
    end if;
    event := audit.append('request.' || lower(now_state), 'principal:' || _who, _r.request_id::text,
        clock_timestamp()::text, jsonb_build_object('version', _r.version));
    insert into gate.approval (request_id, version, content_sha256, principal, decision, reason,
                               event_id)
    select _r.request_id, _r.version, v.content_sha256, _who, _decision, _reason, event
    from gate.request_version v
    where v.request_id = _r.request_id and v.version = _r.version;
    update gate.request set state = now_state, event_id = event, launch_until = null,
        finished_at = clock_timestamp()
    where request_id = _r.request_id;
    return jsonb_build_object('request_id', _r.request_id, 'state', now_state);
end $$;


ALTER FUNCTION gate.end_request(_who text, _r gate.request, _decision text, _reason text) OWNER TO sxe_owner;

--
-- Name: event_data(jsonb, bytea); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.event_data(_header jsonb, _content bytea) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    AS $$
    select jsonb_build_object('content_sha256', encode(sha256(_content), 'hex'),
        'items', _header->'item_count', 'max_micros', _header->'max_micros',
        'fields', _header->'fields', 'waterfall', _header->'waterfall');
$$;


ALTER FUNCTION gate.event_data(_header jsonb, _content bytea) OWNER TO sxe_owner;

--
-- Name: family(text); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.family(_survivor text) RETURNS text[]
    LANGUAGE plpgsql STABLE
    AS $$
begin
    if not exists (select from social.alias a where a.survivor_card_id = _survivor) then
        return array[_survivor];
    end if;
    return array(
        with recursive ids (card_id) as (
            select _survivor
            union
            select a.card_id from social.alias a join ids on a.survivor_card_id = ids.card_id
        )
        select card_id from ids);
end $$;


ALTER FUNCTION gate.family(_survivor text) OWNER TO sxe_owner;

--
-- Name: finish(uuid, bigint); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.finish(_request uuid, _fence bigint) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    r gate.request := gate.lock_request(_request, _fence);
    now_state text := r.state;
    has_open boolean;
begin
    if r.state = 'EXECUTING' then
        has_open := exists (
            select from jsonb_each_text(r.stops) stop
            join gate.request_item i on i.request_id = _request and i.version = r.version
                and i.skip_reason is null and stop.key <> all (i.done_by)
            where stop.value not in ('nothing_left', 'in_flight', 'budget'));
        update gate.request_item i set skip_reason = 'budget'
        where i.request_id = _request and i.version = r.version and i.skip_reason is null
          and exists (select from jsonb_each_text(r.stops) stop
                      where stop.value = 'budget' and stop.key <> all (i.done_by));
        now_state := case
            when has_open then 'HALTED'
            when exists (select from gate.call where request_id = _request and state = 'UNKNOWN')
                then 'DONE_UNKNOWN'
            else 'DONE' end;
    end if;
    update gate.request set state = now_state, lease_until = null,
        finished_at = coalesce(finished_at, clock_timestamp()),
        event_id = case when now_state = r.state then event_id else audit.append(
            case now_state when 'HALTED' then 'request.halted' else 'request.done' end,
            'run:' || r.run_id, _request::text, 'a' || r.attempt,
            jsonb_build_object('state', now_state, 'stops', (
                select array_agg(key || '=' || value order by key) from jsonb_each_text(r.stops)),
                'spent_micros', (select spent from gate.budget where request_id = _request))) end
    where request_id = _request;
    return jsonb_build_object('state', now_state, 'stops', r.stops);
end $$;


ALTER FUNCTION gate.finish(_request uuid, _fence bigint) OWNER TO sxe_owner;

--
-- Name: setting; Type: TABLE; Schema: gate; Owner: sxe_owner
--

CREATE TABLE gate.setting (
    is_only boolean DEFAULT true NOT NULL,
    currency text DEFAULT 'USD'::text NOT NULL,
    quorum integer DEFAULT 1 NOT NULL,
    decide_within interval DEFAULT '24:00:00'::interval NOT NULL,
    run_within interval DEFAULT '24:00:00'::interval NOT NULL,
    call_lease interval DEFAULT '00:10:00'::interval NOT NULL,
    launch_lease interval DEFAULT '00:02:00'::interval NOT NULL,
    send_deadline interval DEFAULT '00:01:15'::interval NOT NULL,
    reconcile_wait interval DEFAULT '00:01:00'::interval NOT NULL,
    poll_wait interval DEFAULT '00:00:10'::interval NOT NULL,
    unknown_after interval DEFAULT '72:00:00'::interval NOT NULL,
    await_for interval DEFAULT '30 days'::interval NOT NULL,
    forget_after interval DEFAULT '30 days'::interval NOT NULL,
    max_unknown_open integer DEFAULT 1 NOT NULL,
    breaker_after integer DEFAULT 5 NOT NULL,
    breaker_rest interval DEFAULT '00:15:00'::interval NOT NULL,
    email_fresh_for interval DEFAULT '90 days'::interval NOT NULL,
    phone_fresh_for interval DEFAULT '60 days'::interval NOT NULL,
    negative_for interval DEFAULT '30 days'::interval NOT NULL,
    max_tries integer DEFAULT 3 NOT NULL,
    CONSTRAINT setting_breaker_after_check CHECK ((breaker_after > 0)),
    CONSTRAINT setting_check CHECK ((LEAST(decide_within, run_within, call_lease, launch_lease, send_deadline, unknown_after, await_for, forget_after, breaker_rest, email_fresh_for, phone_fresh_for, negative_for) > '00:00:00'::interval)),
    CONSTRAINT setting_check1 CHECK ((LEAST(reconcile_wait, poll_wait) >= '00:00:00'::interval)),
    CONSTRAINT setting_is_only_check CHECK (is_only),
    CONSTRAINT setting_max_tries_check CHECK ((max_tries > 0)),
    CONSTRAINT setting_max_unknown_open_check CHECK ((max_unknown_open > 0)),
    CONSTRAINT setting_quorum_check CHECK (((quorum >= 1) AND (quorum <= 5)))
);


ALTER TABLE gate.setting OWNER TO sxe_owner;

--
-- Name: inspect(gate.request, text); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.inspect(_r gate.request, _provider text, OUT why text, OUT header jsonb, OUT price gate.price_card, OUT policy jsonb, OUT approved integer[], OUT setting gate.setting) RETURNS record
    LANGUAGE plpgsql STABLE
    AS $$
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
                       order by o.in_force_since desc limit 1) c on true
    left join lateral (select * from gate.policy o
                       order by o.in_force_since desc limit 1) p on true
    cross join lateral (
        select count(distinct principal) filter (where positions is null) as whole,
               count(distinct principal) as several
        from gate.live_approval o
        where o.request_id = _r.request_id and o.version = _r.version) a;
    header := convert_from(f.header, 'UTF8')::jsonb;
    price := f.price;
    policy := f.policy;
    setting := f.setting;
    why := case
        when _r.state <> 'EXECUTING' then lower(_r.state)
        when sha256(f.header) <> f.content_sha256 then 'tampered'
        when f.several = 0 then 'expired'
        when encode(f.policy_sha256, 'hex') is distinct from header->>'policy_sha256'
            then 'policy_changed'
        when encode(f.price_sha256, 'hex') is distinct from header->'price_cards'->>_provider
            then 'price_changed'
        when f.circuit_state = 'killed' then 'killed'
        when f.circuit_state = 'open' and (f.cause <> 'failures'
                                   or f.changed_at + setting.breaker_rest > clock_timestamp())
            then 'circuit_open'
        when f.lost >= setting.max_unknown_open then 'unknown_open' end;
    if f.whole < setting.quorum then
        approved := gate.approved_positions(_r.request_id, _r.version);
    end if;
end $$;


ALTER FUNCTION gate.inspect(_r gate.request, _provider text, OUT why text, OUT header jsonb, OUT price gate.price_card, OUT policy jsonb, OUT approved integer[], OUT setting gate.setting) OWNER TO sxe_owner;

--
-- Name: is_known(text[], text); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.is_known(_family text[], _field text) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
    select exists (
        select from gate.answer a
        where a.card_id = any (_family) and a.field = _field and a.outcome = 'match'
          and a.valid_until > clock_timestamp());
$$;


ALTER FUNCTION gate.is_known(_family text[], _field text) OWNER TO sxe_owner;

--
-- Name: is_lost(gate.request, text[], text); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.is_lost(_r gate.request, _family text[], _provider text) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
    select exists (
        select from gate.call_item i join gate.call c using (call_id)
        where i.survivor_id = any (_family) and i.provider = _provider
          and i.outcome in ('paid_lost', 'unknown_free')
          and not exists (
              select from gate.live_approval a
              where a.request_id = _r.request_id and a.version = _r.version
                and a.made_at > c.resolved_at
                and (i.outcome = 'unknown_free' or a.lost_cards && _family)));
$$;


ALTER FUNCTION gate.is_lost(_r gate.request, _family text[], _provider text) OWNER TO sxe_owner;

--
-- Name: is_matchable(jsonb, jsonb); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.is_matchable(_price jsonb, _inputs jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    AS $$
    select exists (
        select from jsonb_array_elements(_price->'needs') one
        where _inputs ?& array(select jsonb_array_elements_text(one)));
$$;


ALTER FUNCTION gate.is_matchable(_price jsonb, _inputs jsonb) OWNER TO sxe_owner;

--
-- Name: items_sha256(uuid, integer); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.items_sha256(_request uuid, _version integer) RETURNS bytea
    LANGUAGE sql STABLE
    AS $$
    select sha256(convert_to(string_agg(
        concat_ws(' ', position, card_id, encode(item_sha256, 'hex')), E'\n' order by position), 'UTF8'))
    from gate.request_item where request_id = _request and version = _version;
$$;


ALTER FUNCTION gate.items_sha256(_request uuid, _version integer) OWNER TO sxe_owner;

--
-- Name: kill(text, text, text); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.kill(_token text, _provider text, _reason text) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    who text := gate.authenticate(_token, null);
    name text;
    killed int := 0;
begin
    if coalesce(trim(_reason), '') = '' then
        perform gate.refuse('SXBAD', 'say why: a reason is part of the record');
    end if;
    for name in select provider from gate.provider
                where _provider is null or provider = _provider order by provider for update loop
        perform gate.set_circuit(name, 'killed', 'killed', 'principal:' || who);
        killed := killed + 1;
    end loop;
    if killed = 0 then
        perform gate.refuse('SXNOF', 'there is no such provider; see sxe budget show');
    end if;
    return killed;
end $$;


ALTER FUNCTION gate.kill(_token text, _provider text, _reason text) OWNER TO sxe_owner;

--
-- Name: late(uuid, bigint); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.late(_call uuid, _units_micro bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    c gate.call;
    micros bigint;
begin
    perform gate.lock_provider(_call);
    select * into c from gate.call where call_id = _call for update;
    if c.call_id is null or c.state not in ('SETTLED', 'RELEASED')
       or coalesce(_units_micro, 0) <= 0 then
        perform gate.refuse('SXBAD', 'a late charge is positive and of a resolved call');
    end if;
    micros := gate.micros(_units_micro, c.micros_per_unit);
    perform gate.charge_late(_call, micros);
    update gate.call set charged_micros = charged_micros + micros,
        charged_units_micro = charged_units_micro + _units_micro
    where call_id = _call;
    update gate.provider set booked_units_micro = booked_units_micro + _units_micro
    where provider = c.provider;
    perform gate.add_step(c, c.state, 'call.late', 'contacts',
        jsonb_build_object('charged_micros', micros, 'units_micro', _units_micro));
    perform gate.set_circuit(c.provider, 'open', 'late_charge', 'contacts');
end $$;


ALTER FUNCTION gate.late(_call uuid, _units_micro bigint) OWNER TO sxe_owner;

--
-- Name: lock_budgets(uuid[]); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.lock_budgets(_calls uuid[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
    perform from gate.budget
    where budget_id in (select budget_id from gate.transfer
                        where call_id = any (_calls) and kind = 'reserve')
    order by budget_id for no key update;
end $$;


ALTER FUNCTION gate.lock_budgets(_calls uuid[]) OWNER TO sxe_owner;

--
-- Name: lock_call(uuid, bigint, text[]); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.lock_call(_call uuid, _fence bigint, _states text[]) RETURNS gate.call
    LANGUAGE plpgsql
    AS $$
declare
    c gate.call;
    r gate.request;
begin
    select q.* into r from gate.request q join gate.call k using (request_id)
    where k.call_id = _call for no key update of q;
    perform gate.lock_provider(_call);
    select * into c from gate.call where call_id = _call for update;
    -- A call in flight belongs to the run that sent it; one that waits, to the run that polls.
    if c.call_id is null or c.state <> all (_states) or _fence is distinct from
       (case when c.state in ('AWAITING', 'UNKNOWN') then r.fence else c.fence end) then
        perform gate.refuse('SXBSY', 'the call is no longer this run''s');
    end if;
    return c;
end $$;


ALTER FUNCTION gate.lock_call(_call uuid, _fence bigint, _states text[]) OWNER TO sxe_owner;

--
-- Name: lock_for_decision(text, uuid, integer, text); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.lock_for_decision(_who text, _request uuid, _version integer, _content_sha256 text) RETURNS gate.request
    LANGUAGE plpgsql
    AS $$
declare
    r gate.request;
begin
    select * into r from gate.request where request_id = _request for no key update;
    if r.request_id is null then
        perform gate.refuse('SXNOF', 'there is no such request; see sxe enrich status');
    end if;
    if _version is distinct from r.version or not exists (
            select from gate.request_version v
            where v.request_id = _request and v.version = _version
              and encode(v.content_sha256, 'hex') = _content_sha256
              and sha256(v.header) = v.content_sha256) then
        perform gate.refuse('SXREF', 'what you looked at is not what is asked for now; '
            'look again: sxe enrich status REQUEST');
    end if;
    if exists (select from gate.request_version v
               where v.request_id = _request and v.edited_by = _who) then
        perform gate.refuse('SXREF', 'who asked for it or edited it does not decide on it');
    end if;
    return r;
end $$;


ALTER FUNCTION gate.lock_for_decision(_who text, _request uuid, _version integer, _content_sha256 text) OWNER TO sxe_owner;

--
-- Name: lock_provider(uuid); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.lock_provider(_call uuid) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
    perform from gate.provider
    where provider = (select provider from gate.call where call_id = _call) for update;
end $$;


ALTER FUNCTION gate.lock_provider(_call uuid) OWNER TO sxe_owner;

--
-- Name: lock_request(uuid, bigint); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.lock_request(_request uuid, _fence bigint) RETURNS gate.request
    LANGUAGE plpgsql
    AS $$
declare
    r gate.request;
begin
    select * into r from gate.request where request_id = _request for no key update;
    if r.fence is distinct from _fence or r.lease_until is null
       or r.lease_until <= clock_timestamp() then
        perform gate.refuse('SXBSY', 'another run took this request over, or the lease ran out');
    end if;
    return r;
end $$;


ALTER FUNCTION gate.lock_request(_request uuid, _fence bigint) OWNER TO sxe_owner;

--
-- Name: mark_unknown(uuid, text, integer, text); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.mark_unknown(_call uuid, _reason text, _http_status integer, _actor text) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
    s gate.setting;
    c gate.call;
    provider_row gate.provider;
begin
    select * into s from gate.setting;
    update gate.call set state = 'UNKNOWN', reason = _reason, http_status = _http_status,
        polls = 0, resolved_at = null,
        poll_after = case when (select (p.content->>'has_counter')::boolean
                                from gate.current_price(provider) p)
                          then clock_timestamp() + s.reconcile_wait end
    where call_id = _call returning * into c;
    perform gate.add_step(c, 'UNKNOWN', 'call.unknown', _actor,
        jsonb_build_object('reason', _reason, 'http_status', _http_status,
                           'reserved_micros', c.sync_micros + c.async_micros));
    update gate.provider
    set failures = failures + 1, busy_call = nullif(busy_call, _call), read_at = null
    where provider = c.provider returning * into provider_row;
    if provider_row.failures >= s.breaker_after or provider_row.circuit_state = 'half_open' then
        perform gate.set_circuit(c.provider, 'open', 'failures', _actor);
    end if;
end $$;


ALTER FUNCTION gate.mark_unknown(_call uuid, _reason text, _http_status integer, _actor text) OWNER TO sxe_owner;

--
-- Name: micros(bigint, bigint); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.micros(_units_micro bigint, _micros_per_unit bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE
    AS $$
    select ceil(_units_micro::numeric * _micros_per_unit / 1000000)::bigint;
$$;


ALTER FUNCTION gate.micros(_units_micro bigint, _micros_per_unit bigint) OWNER TO sxe_owner;

--
-- Name: no_permit(uuid, text, text); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.no_permit(_request uuid, _provider text, _why text) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
begin
    update gate.request set stops = stops || jsonb_build_object(_provider, _why)
    where request_id = _request;
    return jsonb_build_object('granted', false, 'reason', _why);
end $$;


ALTER FUNCTION gate.no_permit(_request uuid, _provider text, _why text) OWNER TO sxe_owner;

--
-- Name: pending_of(uuid); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.pending_of(_call uuid) RETURNS bigint
    LANGUAGE sql STABLE
    AS $$
    select coalesce(max(due), 0) from (
        select sum(amount)::bigint as due from gate.transfer t
        where call_id = _call and kind = 'reserve'
          and not exists (select from gate.transfer x where x.pending_id = t.transfer_id)
        group by budget_id) b;
$$;


ALTER FUNCTION gate.pending_of(_call uuid) OWNER TO sxe_owner;

--
-- Name: permit(uuid, bigint, text); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.permit(_request uuid, _fence bigint, _provider text) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
declare
    s gate.setting;
    r gate.request;
    seen record;
    card gate.price_card;
    this_month date := date_trunc('month', clock_timestamp() at time zone 'UTC');
    why text;
    has_past boolean;
    can_match boolean;
    i gate.request_item;
    survivor text;
    family text[];
    groups text[];
    every text[] := '{}';
    wanted text[];
    positions int[] := '{}';
    cards text[] := '{}';
    survivors text[] := '{}';
    revisions uuid[] := '{}';
    is_waiting boolean := false;
    sync_each bigint := 0;
    async_each bigint := 0;
    budgets bigint[];
    room bigint;
    drawn int;
    n int;
    made uuid := gen_random_uuid();
begin
    r := gate.lock_request(_request, _fence);
    seen := gate.inspect(r, _provider);
    s := seen.setting;
    if seen.why is not null then
        return gate.no_permit(_request, _provider, seen.why);
    end if;
    card := seen.price;
    -- What is wanted of somebody who was never asked about.
    for k in 1 .. cardinality(card.groups) loop
        if (card.gives_email[k] and seen.header->'fields' ? 'email')
           or (card.gives_phone[k] and seen.header->'fields' ? 'phone') then
            every := every || card.groups[k];
        end if;
    end loop;

    for i in select * from gate.request_item
             where request_id = _request and version = r.version and skip_reason is null
               and _provider <> all (done_by)
               and (seen.approved is null or position = any (seen.approved))
             order by position loop
        survivor := gate.survivor(i.card_id);
        -- One claim at a time for one person; requests list their cards in one order.
        perform pg_advisory_xact_lock(hashtextextended('gate/' || survivor, 0));
        family := gate.family(survivor);
        select case
                when i.inputs is null then 'forgotten'
                when exists (select from privacy.suppression p where p.card_id = any (family))
                    then 'suppressed'
                when not exists (select from gate.candidate c where c.card_id = i.card_id
                                 and c.withdrawn_at is null) then 'withdrawn'
                when not (select is_allowed from gate.policy_allows(
                              seen.policy, i.platforms, seen.header->>'match_basis',
                              seen.header->>'purpose')) then 'policy' end,
            exists (select from gate.call_item ci where ci.survivor_id = any (family))
            or exists (select from gate.answer a where a.card_id = any (family))
        into why, has_past;
        if why is not null then
            update gate.request_item set skip_reason = why
            where request_id = _request and version = r.version and position = i.position;
            continue;
        end if;
        if sha256(i.nonce || i.inputs) <> i.item_sha256 then
            return gate.no_permit(_request, _provider, 'tampered');
        end if;
        can_match := false;
        for k in 1 .. cardinality(card.needs) loop
            can_match := can_match
                or convert_from(i.inputs, 'UTF8')::jsonb ?& card.needs[k]::text[];
        end loop;
        if not can_match then
            wanted := '{}';
        elsif has_past then
            wanted := gate.wanted_again(r, s, i, family, _provider, card.content, seen.header);
        else
            wanted := every;
        end if;
        if wanted is null then
            is_waiting := true;
        elsif wanted = '{}' then
            update gate.request_item set done_by = done_by || _provider
            where request_id = _request and version = r.version and position = i.position;
        elsif (groups is null or groups = wanted) and survivor <> all (survivors) then
            groups := wanted;
            positions := positions || i.position;
            cards := cards || i.card_id;
            survivors := survivors || survivor;
            revisions := revisions || i.inputs_revision;
            exit when cardinality(positions) = (card.content->>'batch_max')::int;
        end if;
    end loop;
    if groups is null then
        return gate.no_permit(_request, _provider,
                              case when is_waiting then 'in_flight' else 'nothing_left' end);
    end if;

    for k in 1 .. cardinality(card.groups) loop
        if card.groups[k] = any (groups) and card.is_async[k] then
            async_each := async_each + card.worst_micros[k];
        elsif card.groups[k] = any (groups) then
            sync_each := sync_each + card.worst_micros[k];
        end if;
    end loop;
    -- The four budgets that the call draws on; the month is the database's.
    select array_agg(budget_id), min(cap - reserved - spent - overrun) into budgets, room
    from gate.budget where budget_key in (
        gate.budget_key(_request, null, null, null),
        gate.budget_key(null, r.market, null, this_month),
        gate.budget_key(null, null, _provider, this_month),
        gate.budget_key(null, r.market, _provider, this_month));
    n := least(cardinality(positions), greatest(room / (sync_each + async_each), 0));
    -- A budget that nobody made has a cap of 0.
    if cardinality(budgets) < 4 or n = 0 then
        return gate.no_permit(_request, _provider, 'budget');
    end if;

    with called as (
        insert into gate.call (call_id, request_id, version, provider, groups, state, fence,
                               lease_until, micros_per_unit, sync_micros, async_micros)
        values (made, _request, r.version, _provider, groups, 'RESERVED', _fence,
                clock_timestamp() + s.call_lease, (card.content->>'micros_per_unit')::bigint,
                n * sync_each, n * async_each)
    ), claimed as (
        insert into gate.call_item (call_id, position, field_group, card_id, survivor_id, provider,
                                    inputs_revision, is_async)
        select made, p.position, g, p.card_id, p.survivor_id, _provider, p.inputs_revision,
               card.is_async[array_position(card.groups, g)]
        from unnest(positions[:n], cards[:n], survivors[:n], revisions[:n])
             as p (position, card_id, survivor_id, inputs_revision)
        cross join unnest(groups) g
    )
    insert into gate.transfer (budget_id, call_id, part, kind, amount)
    select b, made, part, 'reserve', amount
    from unnest(budgets) b
    cross join (values ('sync', n * sync_each), ('async', n * async_each)) x (part, amount)
    where amount > 0;
    if r.lease_until < clock_timestamp() + s.call_lease / 2 then
        update gate.request set lease_until = clock_timestamp() + s.call_lease
        where request_id = _request;
    end if;
    -- Nothing leaves before SENDING is on disk, and the log goes to disk in its order, this permit
    -- before it. So nobody waits for the disk while holding the rows that everybody wants.
    perform set_config('synchronous_commit', 'off', true);
    -- Those rows come last, in the order of their ids. A row that waited for another transaction is
    -- compared as that one left it.
    perform from gate.budget
    where budget_id = any (budgets)
      and reserved + spent + overrun + n * (sync_each + async_each) <= cap
    order by budget_id for no key update;
    get diagnostics drawn = row_count;
    if drawn < cardinality(budgets) then
        perform gate.refuse('SXBSY', 'another call took what was left of a budget; ask again');
    end if;
    update gate.budget set reserved = reserved + n * (sync_each + async_each)
    where budget_id = any (budgets);
    return jsonb_build_object('granted', true, 'call_id', made, 'items', n, 'groups', groups,
        'reserved_micros', n * (sync_each + async_each));
end $$;


ALTER FUNCTION gate.permit(_request uuid, _fence bigint, _provider text) OWNER TO sxe_owner;

--
-- Name: plan(jsonb); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.plan(_spec jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $$
declare
    policy gate.policy := gate.current_policy();
    asked text[] := array(select jsonb_array_elements_text(_spec->'card_ids'));
    has_list boolean := _spec->'card_ids' is not null;
    fields text[] := array(select jsonb_array_elements_text(_spec->'fields') order by 1);
    counts jsonb;
    items jsonb;
    forecast jsonb;
begin
    if policy.sha256 is null then
        perform gate.refuse('SXREF', 'no policy is in force, so every platform is closed; '
            'two people set one (sxe policy propose, then confirm)');
    end if;
    -- Thousands of candidates are looked at: whatever asks a function does so for the few that have
    -- an alias or a past.
    with prices as materialized (
        select w.provider, w.rank, p.content
        from jsonb_array_elements_text(_spec->'waterfall') with ordinality w (provider, rank)
        cross join lateral gate.current_price(w.provider) p
    ), needs as materialized (
        select provider, array(select jsonb_array_elements_text(one)) as names
        from prices cross join lateral jsonb_array_elements(content->'needs') one
    ), looked as materialized (
        select c.card_id, c.inputs, c.inputs_revision, c.platforms,
               case when a.card_id is null then c.card_id else gate.survivor(c.card_id) end
                   as survivor
        from gate.candidate c left join social.alias a on a.card_id = c.card_id
        where c.withdrawn_at is null and c.market = _spec->>'market'
          and (_spec->>'pool' is null or c.audience_pool = _spec->>'pool')
          and (not has_list or c.card_id = any (asked))
    ), allowed as materialized (
        select platforms, is_allowed
        from (select distinct platforms from looked) d
        cross join gate.policy_allows(policy.content, platforms, _spec->>'match_basis',
                                      _spec->>'purpose')
    ), judged as materialized (
        select l.*, f.family, h.has_history, al.is_allowed,
            exists (select from privacy.suppression s where s.card_id = any (f.family))
                as is_suppressed,
            exists (select from needs n where l.inputs ?& n.names) as is_matchable,
            case when h.has_history then (
                    select bool_or(l.inputs ?& n.names and coalesce(gate.wanted_groups(f.family,
                        l.inputs_revision, n.provider, p.content, _spec->'fields'), '{}') <> '{}')
                    from needs n join prices p using (provider))
                else exists (select from needs n where l.inputs ?& n.names) end as is_askable,
            h.has_history and (select bool_and(gate.is_known(f.family, field))
                               from unnest(fields) field) as is_known
        from looked l join allowed al using (platforms)
        cross join lateral (select case
            when exists (select from social.alias a where a.survivor_card_id = l.survivor)
            then gate.family(l.survivor) else array[l.survivor] end as family) f
        cross join lateral (select
            exists (select from gate.answer a where a.card_id = any (f.family))
            or exists (select from gate.call_item i
                       where i.survivor_id = any (f.family) and i.live) as has_history) h
    ), chosen as materialized (
        -- Two ids of one person are one card: the lowest id stands for both.
        select distinct on (survivor) * from judged
        where is_allowed and not is_suppressed and (is_askable or is_known)
        order by survivor, card_id
    ), taken as materialized (
        -- In the order of the ids, so that two permits lock their cards in one order.
        select * from (
            select * from chosen
            order by is_known, card_id
            limit case when has_list then 250 else (_spec->>'limit')::int end) few
        order by survivor
    )
    select jsonb_build_object(
            'looked_at', (select count(*) from judged),
            'suppressed', (select count(*) from judged where is_suppressed),
            'closed_by_policy', (select count(*) from judged where not is_allowed),
            'not_matchable', (select count(*) from judged
                where is_allowed and not is_suppressed and not is_matchable and not is_known),
            'asked_before', (select count(*) from judged where is_allowed and not is_suppressed
                and is_matchable and not is_askable and not is_known),
            'known_and_fresh', (select count(*) from taken where is_known),
            'chosen', (select count(*) from taken)),
        (select jsonb_agg(jsonb_build_object('card_id', card_id, 'inputs', inputs,
            'inputs_revision', inputs_revision, 'platforms', platforms) order by survivor) from taken),
        (select coalesce(jsonb_agg(jsonb_build_object('provider', provider, 'group', field_group,
                'matchable', n, 'min_micros', 0, 'expected_micros', expected,
                'worst_micros', worst) order by rank, field_group), '[]')
         from (
            select p.rank, p.provider, g.key as field_group, count(*) as n,
                   round(sum(micros * (g.value->>'hit_share')::numeric)) as expected,
                   sum(micros) as worst
            from prices p
            cross join lateral jsonb_each(p.content->'sells') g
            cross join lateral (select gate.micros((g.value->>'worst_units_micro')::bigint,
                (p.content->>'micros_per_unit')::bigint) as micros) m
            join taken t on gate.is_matchable(p.content, t.inputs)
                and (not t.has_history or g.key = any (gate.wanted_groups(t.family, t.inputs_revision,
                    p.provider, p.content, _spec->'fields')))
            where exists (select from unnest(fields) f
                where g.value->'gives' ? f and not gate.is_known(t.family, f))
            group by 1, 2, 3) priced)
    into counts, items, forecast;
    return jsonb_build_object('counts', counts, 'items', coalesce(items, '[]'),
        'forecast', forecast, 'policy_sha256', encode(policy.sha256, 'hex'),
        'worst_micros', (select coalesce(sum((f->>'worst_micros')::bigint), 0)
                         from jsonb_array_elements(forecast) f),
        'unknown_cards', (select count(*) from unnest(asked) a
            where not exists (select from gate.candidate c
                              where c.card_id = a and c.market = _spec->>'market')),
        'withdrawn_cards', (select count(*) from gate.candidate c
            where c.card_id = any (asked) and c.withdrawn_at is not null));
end $$;


ALTER FUNCTION gate.plan(_spec jsonb) OWNER TO sxe_owner;

--
-- Name: policy_allows(jsonb, text[], text, text); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.policy_allows(_policy jsonb, _platforms text[], _match_basis text, _purpose text) RETURNS TABLE(is_allowed boolean)
    LANGUAGE sql IMMUTABLE
    AS $$
    select bool_and(coalesce(
        _policy->'platforms'->p->'enrichment'->'match_bases' ? _match_basis
        and _policy->'platforms'->p->'enrichment'->'purposes' ? _purpose, false))
    from unnest(_platforms) p;
$$;


ALTER FUNCTION gate.policy_allows(_policy jsonb, _platforms text[], _match_basis text, _purpose text) OWNER TO sxe_owner;

--
-- Name: propose(text, text, jsonb, text); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.propose(_token text, _kind text, _content jsonb, _reason text) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    who text := gate.authenticate(_token, case when _kind in ('principal', 'setting') then 'admin'
                                      else 'budget' end);
    made uuid := gen_random_uuid();
begin
    if coalesce(trim(_reason), '') = '' then
        perform gate.refuse('SXBAD', 'say why: a reason is part of the record');
    end if;
    if _kind = 'price' then perform gate.check_price(_content); end if;
    if _kind = 'policy' then perform gate.check_policy(_content); end if;
    if _kind = 'setting' and (_content = '{}' or exists (
            select from jsonb_object_keys(_content) name where name <> all (
                '{quorum,decide_within,run_within,reconcile_wait,poll_wait,email_fresh_for,'
                'phone_fresh_for,negative_for}'::text[]))) then
        perform gate.refuse('SXBAD', 'the settings are: quorum, decide_within, run_within, '
            'reconcile_wait, poll_wait, email_fresh_for, phone_fresh_for, negative_for');
    end if;
    insert into gate.proposal (proposal_id, kind, content, reason, proposed_by, expires_at, event_id)
    select made, _kind, _content, _reason, who, clock_timestamp() + s.decide_within,
           audit.append('proposal.made', 'principal:' || who, made::text, 'made', jsonb_build_object(
               'kind', _kind, 'content_sha256', encode(gate.sha256_of(_content), 'hex')))
    from gate.setting s;
    return made;
exception
    when check_violation then
        perform gate.refuse('SXBAD', 'a proposal is one of: cap, price, policy, setting, '
            'principal, circuit, resolve, adjust');
        return null;
end $$;


ALTER FUNCTION gate.propose(_token text, _kind text, _content jsonb, _reason text) OWNER TO sxe_owner;

--
-- Name: put_candidates(uuid, text[], text[], text[], jsonb[], jsonb[]); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.put_candidates(_generation uuid, _card_ids text[], _markets text[], _pools text[], _platforms jsonb[], _inputs jsonb[]) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    put int;
begin
    insert into gate.candidate as c
        (card_id, market, audience_pool, platforms, inputs, inputs_revision, generation)
    select n.card_id, n.market, n.pool, array(select jsonb_array_elements_text(n.platforms)),
           n.inputs, gen_random_uuid(), _generation
    from unnest(_card_ids, _markets, _pools, _platforms, _inputs)
        as n (card_id, market, pool, platforms, inputs)
    on conflict (card_id) do update set
        market = excluded.market, audience_pool = excluded.audience_pool,
        platforms = excluded.platforms, inputs = excluded.inputs,
        generation = excluded.generation, updated_at = clock_timestamp(), withdrawn_at = null,
        -- Random, and new when the inputs are: the hash of a name could be guessed.
        inputs_revision = case when c.inputs = excluded.inputs then c.inputs_revision
                           else excluded.inputs_revision end;
    get diagnostics put = row_count;
    return put;
end $$;


ALTER FUNCTION gate.put_candidates(_generation uuid, _card_ids text[], _markets text[], _pools text[], _platforms jsonb[], _inputs jsonb[]) OWNER TO sxe_owner;

--
-- Name: reason_code(text); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.reason_code(_reason text) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $_$
    select case when _reason is null or _reason ~ '^[a-z][a-z0-9_]{0,39}$' then _reason
                else 'unnamed' end;
$_$;


ALTER FUNCTION gate.reason_code(_reason text) OWNER TO sxe_owner;

--
-- Name: receipt(text, uuid); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.receipt(_card text, _request uuid) RETURNS SETOF jsonb
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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


ALTER FUNCTION gate.receipt(_card text, _request uuid) OWNER TO sxe_owner;

--
-- Name: reconcile(text, bigint); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.reconcile(_provider text, _units_micro bigint) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    s gate.setting;
    provider_row gate.provider;
    open_calls uuid[];
    waiting int;
    drift bigint;
begin
    select * into s from gate.setting;
    select * into provider_row from gate.provider where provider = _provider for update;
    if provider_row.provider is null then perform gate.refuse('SXNOF', 'there is no such provider'); end if;
    -- An account that others draw on too: its counter says nothing of our calls.
    if not coalesce((select (p.content->>'has_counter')::boolean
                     from gate.current_price(_provider) p), false) then
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
    if provider_row.agreed_units_micro is null and open_calls is null then
        update gate.provider set agreed_units_micro = _units_micro, agreed_at = clock_timestamp(),
            agreed_booked_micro = booked_units_micro, read_units_micro = _units_micro,
            read_at = clock_timestamp()
        where provider = _provider;
        return jsonb_build_object('verdict', 'first_reading');
    end if;
    if provider_row.read_at is null or provider_row.read_units_micro is distinct from _units_micro
       or provider_row.read_at + s.reconcile_wait > clock_timestamp() then
        update gate.provider set read_units_micro = _units_micro, read_at = case
                when read_units_micro = _units_micro then coalesce(read_at, clock_timestamp())
                else clock_timestamp() end
        where provider = _provider;
        return jsonb_build_object('verdict', 'read_again');
    end if;
    drift := (_units_micro - provider_row.agreed_units_micro) - (provider_row.booked_units_micro - provider_row.agreed_booked_micro);
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


ALTER FUNCTION gate.reconcile(_provider text, _units_micro bigint) OWNER TO sxe_owner;

--
-- Name: refuse(text, text); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.refuse(_class text, _why text) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
    raise exception using errcode = _class, message = _why;
end $$;


ALTER FUNCTION gate.refuse(_class text, _why text) OWNER TO sxe_owner;

--
-- Name: refuse_change(); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    raise exception 'this record is append-only' using errcode = '42501';
end $$;


ALTER FUNCTION gate.refuse_change() OWNER TO sxe_owner;

--
-- Name: reject(text, uuid, integer, text, text); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.reject(_token text, _request uuid, _version integer, _content_sha256 text, _reason text) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    who text := gate.authenticate(_token, 'approve');
    r gate.request := gate.lock_for_decision(who, _request, _version, _content_sha256);
begin
    if r.state not in ('SUBMITTED', 'PARTIAL', 'APPROVED') or r.attempt > 0 then
        perform gate.refuse('SXREF', format('a request that is %s is revoked, not rejected',
                                            lower(r.state)));
    end if;
    return gate.end_request(who, r, 'reject', _reason);
end $$;


ALTER FUNCTION gate.reject(_token text, _request uuid, _version integer, _content_sha256 text, _reason text) OWNER TO sxe_owner;

--
-- Name: release(uuid, bigint, text, integer, boolean); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.release(_call uuid, _fence bigint, _reason text, _http_status integer, _opens_circuit boolean) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    c gate.call := gate.lock_call(_call, _fence, '{SENDING,RESERVED}');
begin
    perform gate.release_call(_call, gate.reason_code(_reason), _http_status, 'fence:' || _fence);
    if _opens_circuit then
        perform gate.set_circuit(c.provider, 'open', 'refused', 'fence:' || _fence);
    elsif (select circuit_state from gate.provider where provider = c.provider) = 'half_open' then
        perform gate.set_circuit(c.provider, 'open', 'failures', 'fence:' || _fence);
    end if;
end $$;


ALTER FUNCTION gate.release(_call uuid, _fence bigint, _reason text, _http_status integer, _opens_circuit boolean) OWNER TO sxe_owner;

--
-- Name: release_call(uuid, text, integer, text); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.release_call(_call uuid, _reason text, _http_status integer, _actor text) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
    c gate.call;
begin
    perform gate.charge(_call, '{sync,async}', 0);
    update gate.call_item set live = false, outcome = 'released' where call_id = _call and live;
    update gate.call set state = 'RELEASED', reason = _reason, http_status = _http_status,
        resolved_at = clock_timestamp(), poll_after = null
    where call_id = _call returning * into c;
    update gate.provider set busy_call = null where provider = c.provider and busy_call = _call;
    perform gate.add_step(c, 'RELEASED', 'call.released', _actor,
        jsonb_build_object('reason', _reason, 'http_status', _http_status));
end $$;


ALTER FUNCTION gate.release_call(_call uuid, _reason text, _http_status integer, _actor text) OWNER TO sxe_owner;

--
-- Name: renew(text, text, timestamp with time zone); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.renew(_token text, _new_sha256 text, _expires_at timestamp with time zone) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    who text := gate.authenticate(_token, null);
begin
    insert into gate.token (token_sha256, principal, scopes, expires_at, event_id)
    select decode(_new_sha256, 'hex'), who, t.scopes,
           least(_expires_at, clock_timestamp() + interval '1 year'),
           audit.append('principal.token_added', 'principal:' || who, who, _new_sha256, '{}')
    from gate.token t where t.token_sha256 = sha256(convert_to(_token, 'UTF8'));
    return who;
end $$;


ALTER FUNCTION gate.renew(_token text, _new_sha256 text, _expires_at timestamp with time zone) OWNER TO sxe_owner;

--
-- Name: resolve_unknown(uuid, bigint, text); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.resolve_unknown(_call uuid, _units_micro bigint, _actor text) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
    c gate.call;
    micros bigint;
    over bigint;
begin
    perform gate.lock_provider(_call);
    select * into c from gate.call where call_id = _call for update;
    if c.call_id is null or c.state <> 'UNKNOWN' then
        perform gate.refuse('SXREF', 'only a call whose outcome is unknown is resolved');
    end if;
    if _units_micro is null or _units_micro < 0 then
        perform gate.refuse('SXBAD', 'a charge is 0 or more');
    end if;
    micros := gate.micros(_units_micro, c.micros_per_unit);
    over := gate.charge(_call, '{sync,async}', micros);
    update gate.call_item set live = false,
        outcome = case when _units_micro > 0 then 'paid_lost' else 'unknown_free' end
    where call_id = _call and live;
    update gate.call set state = case when _units_micro > 0 then 'SETTLED' else 'RELEASED' end,
        charged_micros = charged_micros + micros,
        charged_units_micro = charged_units_micro + _units_micro,
        resolved_at = clock_timestamp(), poll_after = null
    where call_id = _call;
    update gate.provider set booked_units_micro = booked_units_micro + _units_micro, failures = 0
    where provider = c.provider;
    perform gate.add_step(c, case when _units_micro > 0 then 'SETTLED' else 'RELEASED' end,
        case when _units_micro > 0 then 'call.settled' else 'call.released' end, _actor,
        jsonb_build_object('reason', 'resolved', 'charged_micros', micros,
            'units_micro', _units_micro, 'overrun_micros', nullif(over, 0)));
    if over > 0 then perform gate.set_circuit(c.provider, 'open', 'overrun', _actor); end if;
    perform gate.close_resolved(1, c.request_id);
end $$;


ALTER FUNCTION gate.resolve_unknown(_call uuid, _units_micro bigint, _actor text) OWNER TO sxe_owner;

--
-- Name: retire(text, text); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.retire(_token text, _principal text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    who text := gate.authenticate(_token, null);
    event uuid;
begin
    if who <> _principal then
        perform gate.authenticate(_token, 'admin');
    end if;
    if not exists (select from gate.principal where principal = _principal) then
        perform gate.refuse('SXNOF', 'there is no such principal; see sxe people list');
    end if;
    event := audit.append('principal.retired', 'principal:' || who, _principal,
                       clock_timestamp()::text, '{}');
    update gate.principal set is_active = false, event_id = event where principal = _principal;
    update gate.token set revoked_at = clock_timestamp()
    where principal = _principal and revoked_at is null;
end $$;


ALTER FUNCTION gate.retire(_token text, _principal text) OWNER TO sxe_owner;

--
-- Name: revoke(text, uuid, text); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.revoke(_token text, _request uuid, _reason text) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    who text := gate.authenticate(_token, null);
    r gate.request;
begin
    select * into r from gate.request where request_id = _request for no key update;
    if r.request_id is null then
        perform gate.refuse('SXNOF', 'there is no such request; see sxe enrich status');
    end if;
    if not exists (select from gate.request_version v
                   where v.request_id = _request and v.edited_by = who) then
        perform gate.authenticate(_token, 'approve');
    end if;
    if r.state in ('REJECTED', 'EXPIRED', 'REVOKED') then
        perform gate.refuse('SXREF', format('the request is %s already', lower(r.state)));
    end if;
    return gate.end_request(who, r, 'revoke', _reason);
end $$;


ALTER FUNCTION gate.revoke(_token text, _request uuid, _reason text) OWNER TO sxe_owner;

--
-- Name: sending(uuid, bigint); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.sending(_call uuid, _fence bigint) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
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
            where ci.call_id = _call and (
                privacy.is_suppressed(gate.family(gate.survivor(ci.card_id)))
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


ALTER FUNCTION gate.sending(_call uuid, _fence bigint) OWNER TO sxe_owner;

--
-- Name: set_cap(jsonb, text); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.set_cap(_c jsonb, _actor text) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
    of_month date := coalesce((_c->>'month')::date,
                              date_trunc('month', clock_timestamp() at time zone 'UTC'));
begin
    insert into gate.budget (market, provider, month, cap)
    values (_c->>'market', _c->>'provider', of_month, (_c->>'cap_micros')::bigint)
    on conflict (budget_key) do update set cap = excluded.cap;
    perform audit.append('budget.cap_set', _actor, concat_ws('/', 'budget', coalesce(_c->>'market', '*'),
        coalesce(_c->>'provider', '*'), of_month), clock_timestamp()::text,
        jsonb_build_object('cap_micros', (_c->>'cap_micros')::bigint));
exception when check_violation then
    perform gate.refuse('SXREF', 'a cap is 0 or more, of a market, a provider or both, and '
        'not below what is spent and reserved');
end $$;


ALTER FUNCTION gate.set_cap(_c jsonb, _actor text) OWNER TO sxe_owner;

--
-- Name: set_circuit(text, text, text, text); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.set_circuit(_provider text, _state text, _cause text, _actor text) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
    event uuid;
begin
    -- What is killed is closed again by two people alone. An open circuit keeps its first cause, unless that was
    -- failures: those end by themselves after a rest, and a charge that nobody granted must not.
    if exists (select from gate.provider where provider = _provider
               and ((circuit_state = _state and (circuit_state <> 'open' or cause <> 'failures'
                                         or _cause = 'failures'))
                    or (circuit_state = 'killed' and _cause <> 'reopened'))) then
        return;
    end if;
    event := audit.append('circuit.' || _state, _actor, _provider, clock_timestamp()::text,
                       jsonb_build_object('cause', _cause));
    update gate.provider set circuit_state = _state, cause = _cause, changed_at = clock_timestamp(),
        event_id = event
    where provider = _provider;
    if not found then
        perform gate.refuse('SXNOF', 'there is no such provider; a price card makes one');
    end if;
end $$;


ALTER FUNCTION gate.set_circuit(_provider text, _state text, _cause text, _actor text) OWNER TO sxe_owner;

--
-- Name: set_request_cap(uuid, integer); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.set_request_cap(_request uuid, _version integer) RETURNS void
    LANGUAGE plpgsql
    AS $$
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


ALTER FUNCTION gate.set_request_cap(_request uuid, _version integer) OWNER TO sxe_owner;

--
-- Name: settle(uuid, bigint, jsonb); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.settle(_call uuid, _fence bigint, _o jsonb) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    c gate.call := gate.lock_call(_call, _fence, '{SENDING,AWAITING}');
    s gate.setting;
    r gate.request;
    price jsonb;
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
    select content into price from gate.price_card p where p.provider = c.provider and encode(
        p.sha256, 'hex') = (select convert_from(header, 'UTF8')::jsonb->'price_cards'->>c.provider
            from gate.request_version where request_id = c.request_id and version = c.version);
    for ci in select * from gate.call_item where call_id = _call and live
              order by position, field_group loop
        select f into said from jsonb_array_elements(_o->'found') f
        where (f->>'position')::int = ci.position;
        if is_awaiting and ci.is_async then
            update gate.call_item set provider_person_id = said->>'person'
            where call_id = _call and position = ci.position and field_group = ci.field_group;
            continue;
        end if;
        if _o->'left' ? ci.field_group then  -- not a negative answer: none at all
            update gate.call_item set live = false, outcome = 'released'
            where call_id = _call and position = ci.position and field_group = ci.field_group;
            continue;
        end if;
        gives := price->'sells'->ci.field_group->'gives';
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
                    else coalesce((price->>'negative_for')::interval, s.negative_for) end)
            on conflict (card_id, provider, field) do update set
                inputs_revision = excluded.inputs_revision, outcome = excluded.outcome,
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


ALTER FUNCTION gate.settle(_call uuid, _fence bigint, _o jsonb) OWNER TO sxe_owner;

--
-- Name: sha256_of(jsonb); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.sha256_of(_value jsonb) RETURNS bytea
    LANGUAGE sql IMMUTABLE
    AS $$
    select sha256(convert_to(audit.canonical(_value), 'UTF8'));
$$;


ALTER FUNCTION gate.sha256_of(_value jsonb) OWNER TO sxe_owner;

--
-- Name: show_budgets(); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.show_budgets() RETURNS SETOF jsonb
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select jsonb_build_object('market', b.market, 'provider', b.provider, 'month', b.month,
        'cap_micros', b.cap, 'reserved_micros', b.reserved, 'spent_micros', b.spent,
        'overrun_micros', b.overrun,
        'is_balanced', b.reserved = t.reserved and b.spent = t.spent and b.overrun = t.overrun)
    from gate.budget b
    cross join lateral gate.balance_of(b.budget_id) t
    where b.request_id is null
    order by b.month, b.market nulls first, b.provider nulls first;
$$;


ALTER FUNCTION gate.show_budgets() OWNER TO sxe_owner;

--
-- Name: show_policy(); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.show_policy() RETURNS jsonb
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select jsonb_build_object('sha256', encode(p.sha256, 'hex'), 'content', p.content,
                              'in_force_since', p.in_force_since)
    from gate.current_policy() p where p.sha256 is not null;
$$;


ALTER FUNCTION gate.show_policy() OWNER TO sxe_owner;

--
-- Name: show_principals(); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.show_principals() RETURNS SETOF jsonb
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select jsonb_build_object('principal', p.principal, 'scopes', p.scopes,
        'is_active', p.is_active, 'tokens', count(t.*) filter (
            where t.revoked_at is null and t.expires_at > clock_timestamp()),
        'expires_at', max(t.expires_at) filter (where t.revoked_at is null))
    from gate.principal p left join gate.token t using (principal)
    group by p.principal order by p.principal;
$$;


ALTER FUNCTION gate.show_principals() OWNER TO sxe_owner;

--
-- Name: show_proposals(); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.show_proposals() RETURNS SETOF jsonb
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select jsonb_build_object('proposal_id', proposal_id, 'kind', kind, 'content', content,
        'reason', reason, 'proposed_by', proposed_by, 'proposed_at', proposed_at,
        'expires_at', expires_at, 'decided_by', decided_by, 'decision', decision)
    from gate.proposal order by proposed_at;
$$;


ALTER FUNCTION gate.show_proposals() OWNER TO sxe_owner;

--
-- Name: show_providers(); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.show_providers() RETURNS SETOF jsonb
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select jsonb_build_object('provider', v.provider, 'circuit_state', v.circuit_state, 'cause', v.cause,
        'changed_at', v.changed_at, 'price_card', p.content,
        'booked_units_micro', v.booked_units_micro,
        'booked_micros', (select coalesce(sum(c.charged_micros), 0) from gate.call c
                          where c.provider = v.provider),
        'counter_units_micro', v.read_units_micro, 'counter_read_at', v.read_at,
        'agreed_at', v.agreed_at,
        'drift_units_micro', (v.read_units_micro - v.agreed_units_micro)
                             - (v.booked_units_micro - v.agreed_booked_micro),
        'open_calls', (select count(*) from gate.call c where c.provider = v.provider
                       and c.state in ('SENDING', 'AWAITING', 'UNKNOWN')),
        'unknown_calls', (select coalesce(jsonb_agg(c.call_id), '[]') from gate.call c
                          where c.provider = v.provider and c.state = 'UNKNOWN'))
    from gate.provider v cross join lateral gate.current_price(v.provider) p
    order by v.provider;
$$;


ALTER FUNCTION gate.show_providers() OWNER TO sxe_owner;

--
-- Name: show_requests(uuid); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.show_requests(_request uuid DEFAULT NULL::uuid) RETURNS SETOF jsonb
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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


ALTER FUNCTION gate.show_requests(_request uuid) OWNER TO sxe_owner;

--
-- Name: stop(uuid, bigint, text, text); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.stop(_request uuid, _fence bigint, _provider text, _why text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    perform gate.lock_request(_request, _fence);
    perform gate.no_permit(_request, _provider, gate.reason_code(_why));
end $$;


ALTER FUNCTION gate.stop(_request uuid, _fence bigint, _provider text, _why text) OWNER TO sxe_owner;

--
-- Name: submit(text, jsonb, boolean); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.submit(_token text, _spec jsonb, _is_final boolean) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    who text := gate.authenticate(_token, 'request');
    spec jsonb := _spec;
    plan jsonb;
    made uuid := coalesce((_spec->>'request_id')::uuid, gen_random_uuid());
    next_version int := 1;
    header jsonb;
    content bytea;
    lost int;
    before gate.request;
begin
    if spec->'waterfall' is null then
        spec := spec || jsonb_build_object('waterfall', gate.waterfall(spec->'fields'));
    end if;
    perform gate.check_spec(spec);
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
    spec := spec || jsonb_build_object('max_micros',
        coalesce((spec->>'max_micros')::bigint, greatest((plan->>'worst_micros')::bigint, 1)));
    if not _is_final then
        return (plan - 'items') || jsonb_build_object(
            'waterfall', spec->'waterfall', 'max_micros', spec->'max_micros');
    end if;
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
        if before.state not in ('SUBMITTED', 'APPROVED', 'PARTIAL', 'REJECTED', 'EXPIRED', 'REVOKED')
           or before.attempt > 0 then
            perform gate.refuse('SXREF', 'a request that was begun is not edited; make another');
        end if;
        next_version := before.version + 1;
    elsif _spec->>'request_id' is not null then
        perform gate.refuse('SXNOF', 'there is no such request');
    end if;

    insert into gate.request_item (request_id, version, position, card_id, inputs, nonce,
                                   item_sha256, inputs_revision, platforms)
    select made, next_version, i.position, i.item->>'card_id', i.bytes, i.nonce,
           sha256(i.nonce || i.bytes), (i.item->>'inputs_revision')::uuid,
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
            market = spec->>'market',
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
        encode(sha256(content), 'hex'), 'waterfall', spec->'waterfall',
        'max_micros', spec->'max_micros', 'item_count', jsonb_array_length(plan->'items'));
end $$;


ALTER FUNCTION gate.submit(_token text, _spec jsonb, _is_final boolean) OWNER TO sxe_owner;

--
-- Name: survivor(text); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.survivor(_card text) RETURNS text
    LANGUAGE plpgsql STABLE
    AS $$
declare
    current text := _card;
    further text;
begin
    loop
        select a.survivor_card_id into further from social.alias a where a.card_id = current;
        if not found then return current; end if;
        current := further;
    end loop;
end $$;


ALTER FUNCTION gate.survivor(_card text) OWNER TO sxe_owner;

--
-- Name: sweep(integer); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.sweep(_limit integer DEFAULT 100) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    s gate.setting;
    c gate.call;
    r gate.request;
    moment timestamptz := clock_timestamp();
    released int := 0; lost int := 0; charged int := 0; expired int := 0; forgotten int := 0;
begin
    select * into s from gate.setting;
    perform from gate.provider order by provider for update;
    perform gate.lock_budgets(array(
        select call_id from gate.call
        where (state = 'RESERVED' and lease_until <= moment) or state = 'UNKNOWN'));
    for c in select * from gate.call
             where state = 'RESERVED' and lease_until <= moment
             order by call_id limit _limit for update skip locked loop
        perform gate.release_call(c.call_id, 'lease_over', null, 'sweep');
        released := released + 1;
    end loop;
    -- Sent, and nobody came back: the money may be gone, so it is never released here.
    for c in select * from gate.call
             where (state = 'SENDING' and lease_until + s.send_deadline <= moment)
                or (state = 'AWAITING' and sent_at + s.await_for <= moment)
             order by call_id limit _limit for update skip locked loop
        perform gate.mark_unknown(c.call_id, 'lease_over', null, 'sweep');
        lost := lost + 1;
    end loop;
    for c in select * from gate.call k
             where k.state = 'UNKNOWN' and s.unknown_after <= moment - (
                select max(at) from gate.call_step t where t.call_id = k.call_id)
             order by call_id limit _limit for update skip locked loop
        -- Rounded down, so that rounding up the price of it meets the reservation and never passes it.
        perform gate.resolve_unknown(c.call_id, floor(
            gate.pending_of(c.call_id)::numeric * 1000000 / c.micros_per_unit)::bigint, 'sweep');
        charged := charged + 1;
    end loop;
    for r in select * from gate.request q
             where (state = 'SUBMITTED' and decide_by <= moment)
                or (state in ('APPROVED', 'PARTIAL') and not exists (
                        select from gate.live_approval a
                        where a.request_id = q.request_id and a.version = q.version))
             order by request_id limit _limit for no key update skip locked loop
        update gate.request set state = case r.state when 'SUBMITTED' then 'EXPIRED' else 'HALTED' end,
            launch_until = null,
            event_id = audit.append(case r.state when 'SUBMITTED' then 'request.expired'
                else 'request.halted' end, 'sweep', r.request_id::text, moment::text, '{}')
        where request_id = r.request_id;
        expired := expired + 1;
    end loop;
    perform gate.close_resolved(_limit, null);
    -- Names are personal data: a request keeps its inputs until a month after its last call.
    for r in select * from gate.request q
             where q.forgotten_at is null
               and q.state in ('DONE', 'HALTED', 'REJECTED', 'EXPIRED', 'REVOKED')
               and s.forget_after <= moment - greatest(q.decide_by, q.finished_at, (
                    select max(resolved_at) from gate.call k where k.request_id = q.request_id))
               and not exists (select from gate.call k where k.request_id = q.request_id
                               and k.state not in ('SETTLED', 'RELEASED'))
             order by request_id limit _limit for no key update skip locked loop
        update gate.request_item set inputs = null, nonce = null where request_id = r.request_id;
        update gate.request set forgotten_at = moment, event_id = audit.append('request.forgotten',
            'sweep', r.request_id::text, 'forgotten', '{}')
        where request_id = r.request_id;
        forgotten := forgotten + 1;
    end loop;
    return jsonb_build_object('released', released, 'unknown', lost, 'charged_in_full', charged,
                              'expired', expired, 'forgotten', forgotten);
end $$;


ALTER FUNCTION gate.sweep(_limit integer) OWNER TO sxe_owner;

--
-- Name: unknown(uuid, bigint, text, integer); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.unknown(_call uuid, _fence bigint, _reason text, _http_status integer) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    perform gate.lock_call(_call, _fence, '{SENDING,AWAITING}');
    perform gate.mark_unknown(_call, gate.reason_code(_reason), _http_status, 'fence:' || _fence);
end $$;


ALTER FUNCTION gate.unknown(_call uuid, _fence bigint, _reason text, _http_status integer) OWNER TO sxe_owner;

--
-- Name: wait(uuid, bigint, double precision); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.wait(_call uuid, _fence bigint, _retry_after_s double precision) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    base interval := (select poll_wait from gate.setting);
begin
    perform gate.lock_call(_call, _fence, '{AWAITING}');
    update gate.call set polls = polls + 1, poll_after = clock_timestamp() + greatest(
        coalesce(make_interval(secs => _retry_after_s), base),
        case when polls > 2 then least(base * 2.0 ^ least(polls, 16), interval '1 hour') end)
    where call_id = _call;
end $$;


ALTER FUNCTION gate.wait(_call uuid, _fence bigint, _retry_after_s double precision) OWNER TO sxe_owner;

--
-- Name: request_item; Type: TABLE; Schema: gate; Owner: sxe_owner
--

CREATE TABLE gate.request_item (
    request_id uuid NOT NULL,
    version integer NOT NULL,
    "position" integer NOT NULL,
    card_id text NOT NULL,
    inputs bytea,
    nonce bytea,
    item_sha256 bytea NOT NULL,
    inputs_revision uuid NOT NULL,
    platforms text[] NOT NULL,
    done_by text[] DEFAULT '{}'::text[] NOT NULL,
    skip_reason text,
    CONSTRAINT request_item_check CHECK (((inputs IS NULL) = (nonce IS NULL))),
    CONSTRAINT request_item_item_sha256_check CHECK ((octet_length(item_sha256) = 32)),
    CONSTRAINT request_item_position_check CHECK ((("position" >= 1) AND ("position" <= 250)))
);


ALTER TABLE gate.request_item OWNER TO sxe_owner;

--
-- Name: wanted_again(gate.request, gate.setting, gate.request_item, text[], text, jsonb, jsonb); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.wanted_again(_r gate.request, _s gate.setting, _i gate.request_item, _family text[], _provider text, _price jsonb, _header jsonb) RETURNS text[]
    LANGUAGE plpgsql STABLE
    AS $$
begin
    if gate.is_lost(_r, _family, _provider) then return '{}'; end if;
    if (select count(distinct c.call_id) from gate.call_item ci join gate.call c using (call_id)
        where ci.survivor_id = any (_family) and c.fence = _r.fence and c.provider = _provider
          and c.state = 'RELEASED') >= _s.max_tries then
        return '{}';
    end if;
    return gate.wanted_groups(_family, _i.inputs_revision, _provider, _price, _header->'fields');
end $$;


ALTER FUNCTION gate.wanted_again(_r gate.request, _s gate.setting, _i gate.request_item, _family text[], _provider text, _price jsonb, _header jsonb) OWNER TO sxe_owner;

--
-- Name: wanted_groups(text[], uuid, text, jsonb, jsonb); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.wanted_groups(_family text[], _fingerprint uuid, _provider text, _price jsonb, _fields jsonb) RETURNS text[]
    LANGUAGE plpgsql STABLE
    AS $$
declare
    sold record;
    wish text;
    wanted text[] := '{}';
    in_flight boolean := false;
begin
    for sold in select key, value from jsonb_each(_price->'sells') order by key loop
        for wish in select f from jsonb_array_elements_text(sold.value->'gives') f
                     where _fields ? f loop
            continue when gate.is_known(_family, wish);
            continue when exists (
                select from gate.answer a
                where a.card_id = any (_family) and a.provider = _provider and a.field = wish
                  and a.outcome <> 'match' and a.inputs_revision = _fingerprint
                  and a.valid_until > clock_timestamp());
            if exists (
                select from gate.call_item i
                where i.survivor_id = any (_family) and i.live
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


ALTER FUNCTION gate.wanted_groups(_family text[], _fingerprint uuid, _provider text, _price jsonb, _fields jsonb) OWNER TO sxe_owner;

--
-- Name: waterfall(jsonb); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.waterfall(_fields jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    select coalesce(jsonb_agg(provider order by cost, provider), '[]')
    from (
        select v.provider, min((s.value->>'worst_units_micro')::numeric
                * (p.content->>'micros_per_unit')::numeric
                / greatest((s.value->>'hit_share')::numeric, 0.001)
                / (select count(*) from jsonb_array_elements(s.value->'gives') g
                   where _fields @> jsonb_build_array(g))) as cost
        from gate.provider v
        cross join lateral gate.current_price(v.provider) p
        cross join lateral jsonb_each(p.content->'sells') s
        where exists (select from jsonb_array_elements(s.value->'gives') g
                      where _fields @> jsonb_build_array(g))
        group by v.provider) ranked;
$$;


ALTER FUNCTION gate.waterfall(_fields jsonb) OWNER TO sxe_owner;

--
-- Name: withdraw_candidates(uuid); Type: FUNCTION; Schema: gate; Owner: sxe_owner
--

CREATE FUNCTION gate.withdraw_candidates(_generation uuid) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    gone int;
begin
    update gate.candidate set withdrawn_at = clock_timestamp(), inputs = null
    where generation <> _generation and withdrawn_at is null;
    get diagnostics gone = row_count;
    return gone;
end $$;


ALTER FUNCTION gate.withdraw_candidates(_generation uuid) OWNER TO sxe_owner;

--
-- Name: keep_published(); Type: FUNCTION; Schema: handoff; Owner: sxe_owner
--

CREATE FUNCTION handoff.keep_published() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    raise exception 'a published batch does not change' using errcode = '42501';
end $$;


ALTER FUNCTION handoff.keep_published() OWNER TO sxe_owner;

--
-- Name: is_suppressed(text[]); Type: FUNCTION; Schema: privacy; Owner: sxe_owner
--

CREATE FUNCTION privacy.is_suppressed(_family text[]) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
    select exists (select from privacy.suppression s where s.card_id = any (_family));
$$;


ALTER FUNCTION privacy.is_suppressed(_family text[]) OWNER TO sxe_owner;

--
-- Name: suppress(text, text, text); Type: FUNCTION; Schema: privacy; Owner: sxe_owner
--

CREATE FUNCTION privacy.suppress(_token text, _card text, _reason text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    who text := gate.authenticate(_token, null);
begin
    if coalesce(trim(_reason), '') = '' then
        perform gate.refuse('SXBAD', 'say why: a reason is part of the record');
    end if;
    if not exists (select from social.card c where c.card_id = _card) then
        perform gate.refuse('SXNOF', 'there is no such card');
    end if;
    if not exists (select from privacy.suppression s where s.card_id = _card) then
        insert into privacy.suppression (card_id, reason, added_by, event_id)
        values (_card, _reason, who,
                audit.append('suppression.added', 'principal:' || who, _card, 'added', '{}'));
    end if;
end $$;


ALTER FUNCTION privacy.suppress(_token text, _card text, _reason text) OWNER TO sxe_owner;

--
-- Name: suppressed_cards(); Type: FUNCTION; Schema: privacy; Owner: sxe_owner
--

CREATE FUNCTION privacy.suppressed_cards() RETURNS SETOF text
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select distinct unnest(gate.family(gate.survivor(s.card_id))) from privacy.suppression s;
$$;


ALTER FUNCTION privacy.suppressed_cards() OWNER TO sxe_owner;

--
-- Name: attestation; Type: TABLE; Schema: audit; Owner: sxe_owner
--

CREATE TABLE audit.attestation (
    digest ops.sha256 NOT NULL,
    asset_key text NOT NULL,
    run_id text,
    event_count bigint NOT NULL,
    attested_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    dagster_storage_id bigint,
    CONSTRAINT attestation_event_count_check CHECK ((event_count > 0))
);


ALTER TABLE audit.attestation OWNER TO sxe_owner;

--
-- Name: attested_event; Type: TABLE; Schema: audit; Owner: sxe_owner
--

CREATE TABLE audit.attested_event (
    event_id uuid NOT NULL,
    digest ops.sha256 NOT NULL
);


ALTER TABLE audit.attested_event OWNER TO sxe_owner;

--
-- Name: event; Type: TABLE; Schema: audit; Owner: sxe_owner
--

CREATE TABLE audit.event (
    event_id uuid NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    kind text NOT NULL,
    actor text NOT NULL,
    subject text NOT NULL,
    payload bytea NOT NULL,
    leaf_hash bytea NOT NULL,
    CONSTRAINT event_actor_check CHECK ((actor <> ''::text)),
    CONSTRAINT event_kind_check CHECK ((kind <> ''::text)),
    CONSTRAINT event_leaf_hash_check CHECK ((octet_length(leaf_hash) = 32)),
    CONSTRAINT event_payload_check CHECK (((octet_length(payload) >= 2) AND (octet_length(payload) <= 600))),
    CONSTRAINT event_subject_check CHECK ((subject <> ''::text))
);


ALTER TABLE audit.event OWNER TO sxe_owner;

--
-- Name: audience_pool; Type: TABLE; Schema: cards; Owner: sxe_owner
--

CREATE TABLE cards.audience_pool (
    market text NOT NULL,
    audience_pool text NOT NULL,
    persona text,
    tribe text,
    country text,
    card_count bigint NOT NULL,
    ready_count bigint NOT NULL,
    tagged_count bigint NOT NULL,
    identifiable_count bigint NOT NULL,
    median_follower_count bigint,
    top_evidence text[] DEFAULT '{}'::text[] NOT NULL,
    sample_card_ids text[] DEFAULT '{}'::text[] NOT NULL,
    CONSTRAINT audience_pool_card_count_check CHECK ((card_count >= 0)),
    CONSTRAINT audience_pool_identifiable_count_check CHECK ((identifiable_count >= 0)),
    CONSTRAINT audience_pool_ready_count_check CHECK ((ready_count >= 0)),
    CONSTRAINT audience_pool_tagged_count_check CHECK ((tagged_count >= 0))
);


ALTER TABLE cards.audience_pool OWNER TO sxe_owner;

--
-- Name: funnel; Type: TABLE; Schema: cards; Owner: sxe_owner
--

CREATE TABLE cards.funnel (
    stage text NOT NULL,
    platform text,
    value bigint NOT NULL
);


ALTER TABLE cards.funnel OWNER TO sxe_owner;

--
-- Name: contact_point; Type: TABLE; Schema: contacts; Owner: sxe_owner
--

CREATE TABLE contacts.contact_point (
    contact_point_id uuid NOT NULL,
    card_id text NOT NULL,
    kind text NOT NULL,
    ciphertext bytea NOT NULL,
    blind_index bytea NOT NULL,
    status text NOT NULL,
    confidence double precision,
    provider gate.slug NOT NULL,
    call_id uuid NOT NULL,
    request_id uuid NOT NULL,
    price_micros bigint NOT NULL,
    obtained_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    verified_at timestamp with time zone,
    dnc boolean,
    tcpa boolean,
    litigator boolean,
    flags_checked_at timestamp with time zone,
    flags_valid_until timestamp with time zone,
    purpose text NOT NULL,
    legal_basis text NOT NULL,
    CONSTRAINT contact_point_blind_index_check CHECK ((octet_length(blind_index) = 32)),
    CONSTRAINT contact_point_check CHECK (((flags_checked_at IS NULL) = (flags_valid_until IS NULL))),
    CONSTRAINT contact_point_check1 CHECK (((flags_checked_at IS NOT NULL) OR ((dnc IS NULL) AND (tcpa IS NULL) AND (litigator IS NULL)))),
    CONSTRAINT contact_point_confidence_check CHECK (((confidence >= (0)::double precision) AND (confidence <= (1)::double precision))),
    CONSTRAINT contact_point_kind_check CHECK ((kind = ANY (ARRAY['email'::text, 'phone'::text]))),
    CONSTRAINT contact_point_price_micros_check CHECK ((price_micros >= 0)),
    CONSTRAINT contact_point_status_check CHECK ((status = ANY (ARRAY['verified'::text, 'unverified'::text, 'unknown'::text])))
);


ALTER TABLE contacts.contact_point OWNER TO sxe_owner;

--
-- Name: quarantine; Type: TABLE; Schema: contacts; Owner: sxe_owner
--

CREATE TABLE contacts.quarantine (
    call_id uuid NOT NULL,
    "position" integer NOT NULL,
    reason text NOT NULL,
    value_count integer NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT quarantine_reason_check CHECK ((reason = ANY (ARRAY['name_mismatch'::text, 'bad_value'::text, 'discarded'::text]))),
    CONSTRAINT quarantine_value_count_check CHECK ((value_count >= 0))
);


ALTER TABLE contacts.quarantine OWNER TO sxe_owner;

--
-- Name: answer; Type: TABLE; Schema: gate; Owner: sxe_owner
--

CREATE TABLE gate.answer (
    card_id text NOT NULL,
    provider gate.slug NOT NULL,
    field text NOT NULL,
    inputs_revision uuid NOT NULL,
    outcome text NOT NULL,
    call_id uuid NOT NULL,
    answered_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    valid_until timestamp with time zone NOT NULL,
    CONSTRAINT answer_field_check CHECK ((field = ANY (ARRAY['email'::text, 'phone'::text]))),
    CONSTRAINT answer_outcome_check CHECK ((outcome = ANY (ARRAY['match'::text, 'no_match'::text, 'mismatch'::text])))
);


ALTER TABLE gate.answer OWNER TO sxe_owner;

--
-- Name: approval; Type: TABLE; Schema: gate; Owner: sxe_owner
--

CREATE TABLE gate.approval (
    approval_id uuid DEFAULT gen_random_uuid() NOT NULL,
    request_id uuid NOT NULL,
    version integer NOT NULL,
    content_sha256 bytea NOT NULL,
    principal gate.slug NOT NULL,
    decision text NOT NULL,
    max_micros bigint,
    positions integer[],
    lost_cards text[] DEFAULT '{}'::text[] NOT NULL,
    reason text NOT NULL,
    made_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    expires_at timestamp with time zone,
    event_id uuid NOT NULL,
    CONSTRAINT approval_check CHECK (((decision = 'approve'::text) = (expires_at IS NOT NULL))),
    CONSTRAINT approval_decision_check CHECK ((decision = ANY (ARRAY['approve'::text, 'reject'::text, 'revoke'::text]))),
    CONSTRAINT approval_max_micros_check CHECK ((max_micros > 0)),
    CONSTRAINT approval_positions_check CHECK (((cardinality(positions) >= 1) AND (cardinality(positions) <= 250))),
    CONSTRAINT approval_reason_check CHECK ((reason <> ''::text))
);


ALTER TABLE gate.approval OWNER TO sxe_owner;

--
-- Name: budget; Type: TABLE; Schema: gate; Owner: sxe_owner
--

CREATE TABLE gate.budget (
    budget_id bigint NOT NULL,
    request_id uuid,
    market text,
    provider gate.slug,
    month date,
    cap gate.micros NOT NULL,
    reserved gate.micros DEFAULT 0 NOT NULL,
    spent gate.micros DEFAULT 0 NOT NULL,
    overrun gate.micros DEFAULT 0 NOT NULL,
    budget_key text GENERATED ALWAYS AS (gate.budget_key(request_id, market, (provider)::text, month)) STORED NOT NULL,
    CONSTRAINT budget_check CHECK ((((reserved)::bigint + (spent)::bigint) <= (cap)::bigint)),
    CONSTRAINT budget_check1 CHECK (((request_id IS NULL) = (month IS NOT NULL))),
    CONSTRAINT budget_check2 CHECK (((request_id IS NOT NULL) OR (market IS NOT NULL) OR (provider IS NOT NULL))),
    CONSTRAINT budget_month_check CHECK ((date_trunc('month'::text, (month)::timestamp with time zone) = month))
)
WITH (fillfactor='50');


ALTER TABLE gate.budget OWNER TO sxe_owner;

--
-- Name: budget_budget_id_seq; Type: SEQUENCE; Schema: gate; Owner: sxe_owner
--

ALTER TABLE gate.budget ALTER COLUMN budget_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME gate.budget_budget_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: call_item; Type: TABLE; Schema: gate; Owner: sxe_owner
--

CREATE TABLE gate.call_item (
    call_id uuid NOT NULL,
    "position" integer NOT NULL,
    field_group text NOT NULL,
    card_id text NOT NULL,
    survivor_id text NOT NULL,
    provider gate.slug NOT NULL,
    inputs_revision uuid NOT NULL,
    is_async boolean NOT NULL,
    live boolean DEFAULT true NOT NULL,
    outcome gate.outcome,
    provider_person_id text
);


ALTER TABLE gate.call_item OWNER TO sxe_owner;

--
-- Name: call_step; Type: TABLE; Schema: gate; Owner: sxe_owner
--

CREATE TABLE gate.call_step (
    call_id uuid NOT NULL,
    step integer NOT NULL,
    state text NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    event_id uuid NOT NULL
);


ALTER TABLE gate.call_step OWNER TO sxe_owner;

--
-- Name: candidate; Type: TABLE; Schema: gate; Owner: sxe_owner
--

CREATE TABLE gate.candidate (
    card_id text NOT NULL,
    market text NOT NULL,
    audience_pool text,
    platforms text[] NOT NULL,
    inputs jsonb,
    inputs_revision uuid NOT NULL,
    generation uuid NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    withdrawn_at timestamp with time zone,
    CONSTRAINT candidate_check CHECK (((inputs IS NULL) = (withdrawn_at IS NOT NULL))),
    CONSTRAINT candidate_platforms_check CHECK ((cardinality(platforms) > 0))
);


ALTER TABLE gate.candidate OWNER TO sxe_owner;

--
-- Name: fence; Type: SEQUENCE; Schema: gate; Owner: sxe_owner
--

CREATE SEQUENCE gate.fence
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


ALTER SEQUENCE gate.fence OWNER TO sxe_owner;

--
-- Name: request_version; Type: TABLE; Schema: gate; Owner: sxe_owner
--

CREATE TABLE gate.request_version (
    request_id uuid NOT NULL,
    version integer NOT NULL,
    header bytea NOT NULL,
    content_sha256 bytea NOT NULL,
    item_count integer NOT NULL,
    edited_by gate.slug NOT NULL,
    made_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    event_id uuid NOT NULL,
    CONSTRAINT request_version_content_sha256_check CHECK ((octet_length(content_sha256) = 32)),
    CONSTRAINT request_version_item_count_check CHECK (((item_count >= 1) AND (item_count <= 250)))
);


ALTER TABLE gate.request_version OWNER TO sxe_owner;

--
-- Name: live_approval; Type: VIEW; Schema: gate; Owner: sxe_owner
--

CREATE VIEW gate.live_approval AS
 SELECT a.approval_id,
    a.request_id,
    a.version,
    a.content_sha256,
    a.principal,
    a.decision,
    a.max_micros,
    a.positions,
    a.lost_cards,
    a.reason,
    a.made_at,
    a.expires_at,
    a.event_id
   FROM (gate.approval a
     JOIN gate.request_version v USING (request_id, version))
  WHERE ((a.decision = 'approve'::text) AND (a.expires_at > clock_timestamp()) AND (a.content_sha256 = v.content_sha256) AND (NOT (EXISTS ( SELECT
           FROM gate.approval other
          WHERE ((other.request_id = a.request_id) AND (other.version = a.version) AND (other.decision <> 'approve'::text) AND (other.made_at >= a.made_at))))));


ALTER VIEW gate.live_approval OWNER TO sxe_owner;

--
-- Name: principal; Type: TABLE; Schema: gate; Owner: sxe_owner
--

CREATE TABLE gate.principal (
    principal gate.slug NOT NULL,
    scopes text[] NOT NULL,
    is_active boolean DEFAULT true NOT NULL,
    made_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    event_id uuid NOT NULL,
    CONSTRAINT principal_scopes_check CHECK ((scopes <@ '{request,approve,budget,ack,admin}'::text[]))
);


ALTER TABLE gate.principal OWNER TO sxe_owner;

--
-- Name: provider; Type: TABLE; Schema: gate; Owner: sxe_owner
--

CREATE TABLE gate.provider (
    provider gate.slug NOT NULL,
    circuit_state text DEFAULT 'closed'::text NOT NULL,
    cause text,
    changed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    failures integer DEFAULT 0 NOT NULL,
    busy_call uuid,
    booked_units_micro bigint DEFAULT 0 NOT NULL,
    agreed_units_micro bigint,
    agreed_booked_micro bigint,
    agreed_at timestamp with time zone,
    read_units_micro bigint,
    read_at timestamp with time zone,
    event_id uuid NOT NULL,
    CONSTRAINT provider_circuit_state_check CHECK ((circuit_state = ANY (ARRAY['closed'::text, 'open'::text, 'half_open'::text, 'killed'::text])))
);


ALTER TABLE gate.provider OWNER TO sxe_owner;

--
-- Name: token; Type: TABLE; Schema: gate; Owner: sxe_owner
--

CREATE TABLE gate.token (
    token_sha256 bytea NOT NULL,
    principal gate.slug NOT NULL,
    scopes text[] NOT NULL,
    made_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    event_id uuid NOT NULL,
    CONSTRAINT token_scopes_check CHECK ((scopes <@ '{request,approve,budget,ack,admin}'::text[])),
    CONSTRAINT token_token_sha256_check CHECK ((octet_length(token_sha256) = 32))
);


ALTER TABLE gate.token OWNER TO sxe_owner;

--
-- Name: transfer; Type: TABLE; Schema: gate; Owner: sxe_owner
--

CREATE TABLE gate.transfer (
    transfer_id bigint NOT NULL,
    budget_id bigint NOT NULL,
    call_id uuid NOT NULL,
    part gate.part NOT NULL,
    kind gate.transfer_kind NOT NULL,
    amount gate.amount NOT NULL,
    pending_id bigint,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT transfer_check CHECK ((((kind)::text = ANY (ARRAY['post'::text, 'void'::text])) = (pending_id IS NOT NULL)))
);


ALTER TABLE gate.transfer OWNER TO sxe_owner;

--
-- Name: transfer_transfer_id_seq; Type: SEQUENCE; Schema: gate; Owner: sxe_owner
--

ALTER TABLE gate.transfer ALTER COLUMN transfer_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME gate.transfer_transfer_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: batch; Type: TABLE; Schema: handoff; Owner: sxe_owner
--

CREATE TABLE handoff.batch (
    batch_id text NOT NULL,
    contract text NOT NULL,
    contract_version text NOT NULL,
    market text NOT NULL,
    day date NOT NULL,
    prev_batch_id text,
    state text NOT NULL,
    row_count bigint NOT NULL,
    manifest bytea NOT NULL,
    manifest_sha256 ops.sha256 NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    published_at timestamp with time zone,
    request_id uuid,
    seq integer,
    CONSTRAINT batch_batch_id_check CHECK ((batch_id ~ '^[0-9a-f]{32}$'::text)),
    CONSTRAINT batch_check CHECK (((state = 'published'::text) = (published_at IS NOT NULL))),
    CONSTRAINT batch_check1 CHECK ((prev_batch_id <> batch_id)),
    CONSTRAINT batch_check2 CHECK (((request_id IS NULL) = (seq IS NULL))),
    CONSTRAINT batch_check3 CHECK (((request_id IS NOT NULL) = (contract = 'lead_contact'::text))),
    CONSTRAINT batch_row_count_check CHECK ((row_count >= 0)),
    CONSTRAINT batch_seq_check CHECK ((seq >= 1)),
    CONSTRAINT batch_state_check CHECK ((state = ANY (ARRAY['building'::text, 'published'::text, 'abandoned'::text])))
);


ALTER TABLE handoff.batch OWNER TO sxe_owner;

--
-- Name: signing_key; Type: TABLE; Schema: handoff; Owner: sxe_owner
--

CREATE TABLE handoff.signing_key (
    key_id text NOT NULL,
    public_key bytea NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    retired_at timestamp with time zone,
    CONSTRAINT signing_key_public_key_check CHECK ((octet_length(public_key) = 32))
);


ALTER TABLE handoff.signing_key OWNER TO sxe_owner;

--
-- Name: collection; Type: TABLE; Schema: ingest; Owner: sxe_owner
--

CREATE TABLE ingest.collection (
    collection text NOT NULL,
    gathered_by text,
    tribes text[] DEFAULT '{}'::text[] NOT NULL,
    market text,
    declared_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT collection_collection_check CHECK ((collection <> ''::text))
);


ALTER TABLE ingest.collection OWNER TO sxe_owner;

--
-- Name: landing_file; Type: TABLE; Schema: ingest; Owner: sxe_owner
--

CREATE TABLE ingest.landing_file (
    collection text NOT NULL,
    file_sha256 ops.sha256 NOT NULL,
    path text NOT NULL,
    byte_count bigint NOT NULL,
    landed_day date NOT NULL,
    registered_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    expired_at timestamp with time zone,
    CONSTRAINT landing_file_byte_count_check CHECK ((byte_count >= 0)),
    CONSTRAINT landing_file_collection_check CHECK ((collection <> ''::text)),
    CONSTRAINT landing_file_path_check CHECK ((path <> ''::text))
);


ALTER TABLE ingest.landing_file OWNER TO sxe_owner;

--
-- Name: revision; Type: TABLE; Schema: ops; Owner: sxe_owner
--

CREATE TABLE ops.revision (
    revision integer NOT NULL,
    sha256 ops.sha256 NOT NULL,
    applied_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);


ALTER TABLE ops.revision OWNER TO sxe_owner;

--
-- Name: routine_file; Type: TABLE; Schema: ops; Owner: sxe_owner
--

CREATE TABLE ops.routine_file (
    path text NOT NULL,
    sha256 ops.sha256 NOT NULL,
    objects text[] NOT NULL,
    replayed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);


ALTER TABLE ops.routine_file OWNER TO sxe_owner;

--
-- Name: stamp; Type: TABLE; Schema: ops; Owner: sxe_owner
--

CREATE TABLE ops.stamp (
    is_only boolean DEFAULT true NOT NULL,
    files_sha256 ops.sha256 NOT NULL,
    catalogue_sha256 ops.sha256 NOT NULL,
    stamped_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT stamp_is_only_check CHECK (is_only)
);


ALTER TABLE ops.stamp OWNER TO sxe_owner;

--
-- Name: suppression; Type: TABLE; Schema: privacy; Owner: sxe_owner
--

CREATE TABLE privacy.suppression (
    card_id text NOT NULL,
    reason text NOT NULL,
    added_by text NOT NULL,
    added_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    event_id uuid NOT NULL,
    CONSTRAINT suppression_reason_check CHECK ((reason <> ''::text))
);


ALTER TABLE privacy.suppression OWNER TO sxe_owner;

--
-- Name: alias; Type: TABLE; Schema: social; Owner: sxe_owner
--

CREATE TABLE social.alias (
    card_id text NOT NULL,
    survivor_card_id text NOT NULL,
    cause text NOT NULL,
    since timestamp with time zone NOT NULL,
    CONSTRAINT alias_check CHECK ((card_id <> survivor_card_id))
);


ALTER TABLE social.alias OWNER TO sxe_owner;

--
-- Name: card; Type: TABLE; Schema: social; Owner: sxe_owner
--

CREATE TABLE social.card (
    card_id text NOT NULL,
    anchor_platform text NOT NULL,
    anchor_account_key text NOT NULL,
    generation integer NOT NULL,
    parent_card_id text,
    minted_at timestamp with time zone NOT NULL,
    retired_at timestamp with time zone,
    CONSTRAINT card_card_id_check CHECK ((card_id <> ''::text)),
    CONSTRAINT card_check CHECK ((parent_card_id <> card_id)),
    CONSTRAINT card_generation_check CHECK ((generation >= 0))
);


ALTER TABLE social.card OWNER TO sxe_owner;

--
-- Name: day_count; Type: TABLE; Schema: social; Owner: sxe_owner
--

CREATE TABLE social.day_count (
    landed_day date NOT NULL,
    input_count bigint NOT NULL,
    observation_count bigint NOT NULL,
    quarantine_count bigint NOT NULL,
    reasons jsonb DEFAULT '{}'::jsonb NOT NULL,
    open_count bigint DEFAULT 0 NOT NULL,
    leak_count bigint DEFAULT 0 NOT NULL,
    files_digest text NOT NULL,
    ruleset_version text NOT NULL,
    counted_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT day_count_input_count_check CHECK ((input_count >= 0)),
    CONSTRAINT day_count_leak_count_check CHECK ((leak_count >= 0)),
    CONSTRAINT day_count_observation_count_check CHECK ((observation_count >= 0)),
    CONSTRAINT day_count_open_count_check CHECK ((open_count >= 0)),
    CONSTRAINT day_count_quarantine_count_check CHECK ((quarantine_count >= 0)),
    CONSTRAINT day_count_reasons_check CHECK ((jsonb_typeof(reasons) = 'object'::text))
);


ALTER TABLE social.day_count OWNER TO sxe_owner;

--
-- Name: table_version; Type: TABLE; Schema: social; Owner: sxe_owner
--

CREATE TABLE social.table_version (
    table_name text NOT NULL,
    version bigint NOT NULL,
    named_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT table_version_table_name_check CHECK ((table_name ~ '^[a-z]+/[a-z_]+$'::text)),
    CONSTRAINT table_version_version_check CHECK ((version >= 0))
);


ALTER TABLE social.table_version OWNER TO sxe_owner;

--
-- Name: attestation attestation_pkey; Type: CONSTRAINT; Schema: audit; Owner: sxe_owner
--

ALTER TABLE ONLY audit.attestation
    ADD CONSTRAINT attestation_pkey PRIMARY KEY (digest);


--
-- Name: attested_event attested_event_pkey; Type: CONSTRAINT; Schema: audit; Owner: sxe_owner
--

ALTER TABLE ONLY audit.attested_event
    ADD CONSTRAINT attested_event_pkey PRIMARY KEY (event_id);


--
-- Name: event event_pkey; Type: CONSTRAINT; Schema: audit; Owner: sxe_owner
--

ALTER TABLE ONLY audit.event
    ADD CONSTRAINT event_pkey PRIMARY KEY (event_id);


--
-- Name: audience_pool audience_pool_market_audience_pool_persona_tribe_country_key; Type: CONSTRAINT; Schema: cards; Owner: sxe_owner
--

ALTER TABLE ONLY cards.audience_pool
    ADD CONSTRAINT audience_pool_market_audience_pool_persona_tribe_country_key UNIQUE NULLS NOT DISTINCT (market, audience_pool, persona, tribe, country);


--
-- Name: funnel funnel_stage_platform_key; Type: CONSTRAINT; Schema: cards; Owner: sxe_owner
--

ALTER TABLE ONLY cards.funnel
    ADD CONSTRAINT funnel_stage_platform_key UNIQUE NULLS NOT DISTINCT (stage, platform);


--
-- Name: contact_point contact_point_call_id_card_id_kind_blind_index_key; Type: CONSTRAINT; Schema: contacts; Owner: sxe_owner
--

ALTER TABLE ONLY contacts.contact_point
    ADD CONSTRAINT contact_point_call_id_card_id_kind_blind_index_key UNIQUE (call_id, card_id, kind, blind_index);


--
-- Name: contact_point contact_point_pkey; Type: CONSTRAINT; Schema: contacts; Owner: sxe_owner
--

ALTER TABLE ONLY contacts.contact_point
    ADD CONSTRAINT contact_point_pkey PRIMARY KEY (contact_point_id);


--
-- Name: quarantine quarantine_pkey; Type: CONSTRAINT; Schema: contacts; Owner: sxe_owner
--

ALTER TABLE ONLY contacts.quarantine
    ADD CONSTRAINT quarantine_pkey PRIMARY KEY (call_id, "position", reason, at);


--
-- Name: answer answer_pkey; Type: CONSTRAINT; Schema: gate; Owner: sxe_owner
--

ALTER TABLE ONLY gate.answer
    ADD CONSTRAINT answer_pkey PRIMARY KEY (card_id, provider, field);


--
-- Name: approval approval_event_id_key; Type: CONSTRAINT; Schema: gate; Owner: sxe_owner
--

ALTER TABLE ONLY gate.approval
    ADD CONSTRAINT approval_event_id_key UNIQUE (event_id);


--
-- Name: approval approval_pkey; Type: CONSTRAINT; Schema: gate; Owner: sxe_owner
--

ALTER TABLE ONLY gate.approval
    ADD CONSTRAINT approval_pkey PRIMARY KEY (approval_id);


--
-- Name: budget budget_budget_key_key; Type: CONSTRAINT; Schema: gate; Owner: sxe_owner
--

ALTER TABLE ONLY gate.budget
    ADD CONSTRAINT budget_budget_key_key UNIQUE (budget_key);


--
-- Name: budget budget_pkey; Type: CONSTRAINT; Schema: gate; Owner: sxe_owner
--

ALTER TABLE ONLY gate.budget
    ADD CONSTRAINT budget_pkey PRIMARY KEY (budget_id);


--
-- Name: call_item call_item_pkey; Type: CONSTRAINT; Schema: gate; Owner: sxe_owner
--

ALTER TABLE ONLY gate.call_item
    ADD CONSTRAINT call_item_pkey PRIMARY KEY (call_id, "position", field_group);


--
-- Name: call call_pkey; Type: CONSTRAINT; Schema: gate; Owner: sxe_owner
--

ALTER TABLE ONLY gate.call
    ADD CONSTRAINT call_pkey PRIMARY KEY (call_id);


--
-- Name: call_step call_step_event_id_key; Type: CONSTRAINT; Schema: gate; Owner: sxe_owner
--

ALTER TABLE ONLY gate.call_step
    ADD CONSTRAINT call_step_event_id_key UNIQUE (event_id);


--
-- Name: call_step call_step_pkey; Type: CONSTRAINT; Schema: gate; Owner: sxe_owner
--

ALTER TABLE ONLY gate.call_step
    ADD CONSTRAINT call_step_pkey PRIMARY KEY (call_id, step);


--
-- Name: candidate candidate_pkey; Type: CONSTRAINT; Schema: gate; Owner: sxe_owner
--

ALTER TABLE ONLY gate.candidate
    ADD CONSTRAINT candidate_pkey PRIMARY KEY (card_id);


--
-- Name: policy policy_pkey; Type: CONSTRAINT; Schema: gate; Owner: sxe_owner
--

ALTER TABLE ONLY gate.policy
    ADD CONSTRAINT policy_pkey PRIMARY KEY (sha256);


--
-- Name: price_card price_card_pkey; Type: CONSTRAINT; Schema: gate; Owner: sxe_owner
--

ALTER TABLE ONLY gate.price_card
    ADD CONSTRAINT price_card_pkey PRIMARY KEY (provider, sha256);


--
-- Name: principal principal_event_id_key; Type: CONSTRAINT; Schema: gate; Owner: sxe_owner
--

ALTER TABLE ONLY gate.principal
    ADD CONSTRAINT principal_event_id_key UNIQUE (event_id);


--
-- Name: principal principal_pkey; Type: CONSTRAINT; Schema: gate; Owner: sxe_owner
--

ALTER TABLE ONLY gate.principal
    ADD CONSTRAINT principal_pkey PRIMARY KEY (principal);


--
-- Name: proposal proposal_decided_event_id_key; Type: CONSTRAINT; Schema: gate; Owner: sxe_owner
--

ALTER TABLE ONLY gate.proposal
    ADD CONSTRAINT proposal_decided_event_id_key UNIQUE (decided_event_id);


--
-- Name: proposal proposal_event_id_key; Type: CONSTRAINT; Schema: gate; Owner: sxe_owner
--

ALTER TABLE ONLY gate.proposal
    ADD CONSTRAINT proposal_event_id_key UNIQUE (event_id);


--
-- Name: proposal proposal_pkey; Type: CONSTRAINT; Schema: gate; Owner: sxe_owner
--

ALTER TABLE ONLY gate.proposal
    ADD CONSTRAINT proposal_pkey PRIMARY KEY (proposal_id);


--
-- Name: provider provider_event_id_key; Type: CONSTRAINT; Schema: gate; Owner: sxe_owner
--

ALTER TABLE ONLY gate.provider
    ADD CONSTRAINT provider_event_id_key UNIQUE (event_id);


--
-- Name: provider provider_pkey; Type: CONSTRAINT; Schema: gate; Owner: sxe_owner
--

ALTER TABLE ONLY gate.provider
    ADD CONSTRAINT provider_pkey PRIMARY KEY (provider);


--
-- Name: request request_event_id_key; Type: CONSTRAINT; Schema: gate; Owner: sxe_owner
--

ALTER TABLE ONLY gate.request
    ADD CONSTRAINT request_event_id_key UNIQUE (event_id);


--
-- Name: request_item request_item_pkey; Type: CONSTRAINT; Schema: gate; Owner: sxe_owner
--

ALTER TABLE ONLY gate.request_item
    ADD CONSTRAINT request_item_pkey PRIMARY KEY (request_id, version, "position");


--
-- Name: request_item request_item_request_id_version_card_id_key; Type: CONSTRAINT; Schema: gate; Owner: sxe_owner
--

ALTER TABLE ONLY gate.request_item
    ADD CONSTRAINT request_item_request_id_version_card_id_key UNIQUE (request_id, version, card_id);


--
-- Name: request request_pkey; Type: CONSTRAINT; Schema: gate; Owner: sxe_owner
--

ALTER TABLE ONLY gate.request
    ADD CONSTRAINT request_pkey PRIMARY KEY (request_id);


--
-- Name: request_version request_version_event_id_key; Type: CONSTRAINT; Schema: gate; Owner: sxe_owner
--

ALTER TABLE ONLY gate.request_version
    ADD CONSTRAINT request_version_event_id_key UNIQUE (event_id);


--
-- Name: request_version request_version_pkey; Type: CONSTRAINT; Schema: gate; Owner: sxe_owner
--

ALTER TABLE ONLY gate.request_version
    ADD CONSTRAINT request_version_pkey PRIMARY KEY (request_id, version);


--
-- Name: setting setting_pkey; Type: CONSTRAINT; Schema: gate; Owner: sxe_owner
--

ALTER TABLE ONLY gate.setting
    ADD CONSTRAINT setting_pkey PRIMARY KEY (is_only);


--
-- Name: token token_event_id_key; Type: CONSTRAINT; Schema: gate; Owner: sxe_owner
--

ALTER TABLE ONLY gate.token
    ADD CONSTRAINT token_event_id_key UNIQUE (event_id);


--
-- Name: token token_pkey; Type: CONSTRAINT; Schema: gate; Owner: sxe_owner
--

ALTER TABLE ONLY gate.token
    ADD CONSTRAINT token_pkey PRIMARY KEY (token_sha256);


--
-- Name: transfer transfer_pkey; Type: CONSTRAINT; Schema: gate; Owner: sxe_owner
--

ALTER TABLE ONLY gate.transfer
    ADD CONSTRAINT transfer_pkey PRIMARY KEY (transfer_id);


--
-- Name: batch batch_pkey; Type: CONSTRAINT; Schema: handoff; Owner: sxe_owner
--

ALTER TABLE ONLY handoff.batch
    ADD CONSTRAINT batch_pkey PRIMARY KEY (batch_id);


--
-- Name: signing_key signing_key_pkey; Type: CONSTRAINT; Schema: handoff; Owner: sxe_owner
--

ALTER TABLE ONLY handoff.signing_key
    ADD CONSTRAINT signing_key_pkey PRIMARY KEY (key_id);


--
-- Name: collection collection_pkey; Type: CONSTRAINT; Schema: ingest; Owner: sxe_owner
--

ALTER TABLE ONLY ingest.collection
    ADD CONSTRAINT collection_pkey PRIMARY KEY (collection);


--
-- Name: landing_file landing_file_pkey; Type: CONSTRAINT; Schema: ingest; Owner: sxe_owner
--

ALTER TABLE ONLY ingest.landing_file
    ADD CONSTRAINT landing_file_pkey PRIMARY KEY (collection, file_sha256);


--
-- Name: revision revision_pkey; Type: CONSTRAINT; Schema: ops; Owner: sxe_owner
--

ALTER TABLE ONLY ops.revision
    ADD CONSTRAINT revision_pkey PRIMARY KEY (revision);


--
-- Name: routine_file routine_file_pkey; Type: CONSTRAINT; Schema: ops; Owner: sxe_owner
--

ALTER TABLE ONLY ops.routine_file
    ADD CONSTRAINT routine_file_pkey PRIMARY KEY (path);


--
-- Name: stamp stamp_pkey; Type: CONSTRAINT; Schema: ops; Owner: sxe_owner
--

ALTER TABLE ONLY ops.stamp
    ADD CONSTRAINT stamp_pkey PRIMARY KEY (is_only);


--
-- Name: suppression suppression_event_id_key; Type: CONSTRAINT; Schema: privacy; Owner: sxe_owner
--

ALTER TABLE ONLY privacy.suppression
    ADD CONSTRAINT suppression_event_id_key UNIQUE (event_id);


--
-- Name: suppression suppression_pkey; Type: CONSTRAINT; Schema: privacy; Owner: sxe_owner
--

ALTER TABLE ONLY privacy.suppression
    ADD CONSTRAINT suppression_pkey PRIMARY KEY (card_id);


--
-- Name: alias alias_pkey; Type: CONSTRAINT; Schema: social; Owner: sxe_owner
--

ALTER TABLE ONLY social.alias
    ADD CONSTRAINT alias_pkey PRIMARY KEY (card_id);


--
-- Name: card card_pkey; Type: CONSTRAINT; Schema: social; Owner: sxe_owner
--

ALTER TABLE ONLY social.card
    ADD CONSTRAINT card_pkey PRIMARY KEY (card_id);


--
-- Name: day_count day_count_pkey; Type: CONSTRAINT; Schema: social; Owner: sxe_owner
--

ALTER TABLE ONLY social.day_count
    ADD CONSTRAINT day_count_pkey PRIMARY KEY (landed_day);


--
-- Name: table_version table_version_pkey; Type: CONSTRAINT; Schema: social; Owner: sxe_owner
--

ALTER TABLE ONLY social.table_version
    ADD CONSTRAINT table_version_pkey PRIMARY KEY (table_name);


--
-- Name: attested_event_digest; Type: INDEX; Schema: audit; Owner: sxe_owner
--

CREATE INDEX attested_event_digest ON audit.attested_event USING btree (digest);


--
-- Name: event_kind; Type: INDEX; Schema: audit; Owner: sxe_owner
--

CREATE INDEX event_kind ON audit.event USING btree (kind, recorded_at);


--
-- Name: event_recorded; Type: INDEX; Schema: audit; Owner: sxe_owner
--

CREATE INDEX event_recorded ON audit.event USING btree (recorded_at);


--
-- Name: event_subject; Type: INDEX; Schema: audit; Owner: sxe_owner
--

CREATE INDEX event_subject ON audit.event USING btree (subject);


--
-- Name: contact_point_blind_index; Type: INDEX; Schema: contacts; Owner: sxe_owner
--

CREATE INDEX contact_point_blind_index ON contacts.contact_point USING btree (kind, blind_index);


--
-- Name: contact_point_card; Type: INDEX; Schema: contacts; Owner: sxe_owner
--

CREATE INDEX contact_point_card ON contacts.contact_point USING btree (card_id);


--
-- Name: approval_request; Type: INDEX; Schema: gate; Owner: sxe_owner
--

CREATE INDEX approval_request ON gate.approval USING btree (request_id, version);


--
-- Name: call_item_live; Type: INDEX; Schema: gate; Owner: sxe_owner
--

CREATE UNIQUE INDEX call_item_live ON gate.call_item USING btree (survivor_id, provider, field_group) WHERE live;


--
-- Name: call_item_survivor; Type: INDEX; Schema: gate; Owner: sxe_owner
--

CREATE INDEX call_item_survivor ON gate.call_item USING btree (survivor_id);


--
-- Name: call_open; Type: INDEX; Schema: gate; Owner: sxe_owner
--

CREATE INDEX call_open ON gate.call USING btree (provider, state) WHERE ((state)::text = ANY (ARRAY['RESERVED'::text, 'SENDING'::text, 'AWAITING'::text, 'UNKNOWN'::text]));


--
-- Name: call_request; Type: INDEX; Schema: gate; Owner: sxe_owner
--

CREATE INDEX call_request ON gate.call USING btree (request_id);


--
-- Name: candidate_pool; Type: INDEX; Schema: gate; Owner: sxe_owner
--

CREATE INDEX candidate_pool ON gate.candidate USING btree (market, audience_pool) WHERE (withdrawn_at IS NULL);


--
-- Name: request_state; Type: INDEX; Schema: gate; Owner: sxe_owner
--

CREATE INDEX request_state ON gate.request USING btree (state);


--
-- Name: transfer_reserve; Type: INDEX; Schema: gate; Owner: sxe_owner
--

CREATE UNIQUE INDEX transfer_reserve ON gate.transfer USING btree (call_id, budget_id, part) WHERE ((kind)::text = 'reserve'::text);


--
-- Name: transfer_resolved; Type: INDEX; Schema: gate; Owner: sxe_owner
--

CREATE UNIQUE INDEX transfer_resolved ON gate.transfer USING btree (pending_id) WHERE (pending_id IS NOT NULL);


--
-- Name: batch_live; Type: INDEX; Schema: handoff; Owner: sxe_owner
--

CREATE UNIQUE INDEX batch_live ON handoff.batch USING btree (contract, market, day) WHERE ((request_id IS NULL) AND (state <> 'abandoned'::text));


--
-- Name: batch_request_live; Type: INDEX; Schema: handoff; Owner: sxe_owner
--

CREATE UNIQUE INDEX batch_request_live ON handoff.batch USING btree (request_id, seq) WHERE ((request_id IS NOT NULL) AND (state <> 'abandoned'::text));


--
-- Name: landing_file_day; Type: INDEX; Schema: ingest; Owner: sxe_owner
--

CREATE INDEX landing_file_day ON ingest.landing_file USING btree (landed_day);


--
-- Name: alias_survivor; Type: INDEX; Schema: social; Owner: sxe_owner
--

CREATE INDEX alias_survivor ON social.alias USING btree (survivor_card_id);


--
-- Name: event gate_kinds; Type: TRIGGER; Schema: audit; Owner: sxe_owner
--

CREATE TRIGGER gate_kinds BEFORE INSERT ON audit.event FOR EACH ROW EXECUTE FUNCTION audit.keep_gate_kinds();

ALTER TABLE audit.event ENABLE ALWAYS TRIGGER gate_kinds;


--
-- Name: event refuse_change; Type: TRIGGER; Schema: audit; Owner: sxe_owner
--

CREATE TRIGGER refuse_change BEFORE DELETE OR UPDATE OR TRUNCATE ON audit.event FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();

ALTER TABLE audit.event ENABLE ALWAYS TRIGGER refuse_change;


--
-- Name: event seal_leaf; Type: TRIGGER; Schema: audit; Owner: sxe_owner
--

CREATE TRIGGER seal_leaf BEFORE INSERT ON audit.event FOR EACH ROW EXECUTE FUNCTION audit.seal_leaf();

ALTER TABLE audit.event ENABLE ALWAYS TRIGGER seal_leaf;


--
-- Name: approval refuse_change; Type: TRIGGER; Schema: gate; Owner: sxe_owner
--

CREATE TRIGGER refuse_change BEFORE DELETE OR UPDATE OR TRUNCATE ON gate.approval FOR EACH STATEMENT EXECUTE FUNCTION gate.refuse_change();


--
-- Name: call_step refuse_change; Type: TRIGGER; Schema: gate; Owner: sxe_owner
--

CREATE TRIGGER refuse_change BEFORE DELETE OR UPDATE OR TRUNCATE ON gate.call_step FOR EACH STATEMENT EXECUTE FUNCTION gate.refuse_change();


--
-- Name: request_version refuse_change; Type: TRIGGER; Schema: gate; Owner: sxe_owner
--

CREATE TRIGGER refuse_change BEFORE DELETE OR UPDATE OR TRUNCATE ON gate.request_version FOR EACH STATEMENT EXECUTE FUNCTION gate.refuse_change();


--
-- Name: transfer refuse_change; Type: TRIGGER; Schema: gate; Owner: sxe_owner
--

CREATE TRIGGER refuse_change BEFORE DELETE OR UPDATE OR TRUNCATE ON gate.transfer FOR EACH STATEMENT EXECUTE FUNCTION gate.refuse_change();


--
-- Name: batch keep_published; Type: TRIGGER; Schema: handoff; Owner: sxe_owner
--

CREATE TRIGGER keep_published BEFORE DELETE OR UPDATE ON handoff.batch FOR EACH ROW WHEN ((old.state = 'published'::text)) EXECUTE FUNCTION handoff.keep_published();


--
-- Name: attested_event attested_event_digest_fkey; Type: FK CONSTRAINT; Schema: audit; Owner: sxe_owner
--

ALTER TABLE ONLY audit.attested_event
    ADD CONSTRAINT attested_event_digest_fkey FOREIGN KEY (digest) REFERENCES audit.attestation(digest);


--
-- Name: attested_event attested_event_event_id_fkey; Type: FK CONSTRAINT; Schema: audit; Owner: sxe_owner
--

ALTER TABLE ONLY audit.attested_event
    ADD CONSTRAINT attested_event_event_id_fkey FOREIGN KEY (event_id) REFERENCES audit.event(event_id);


--
-- Name: contact_point contact_point_call_id_fkey; Type: FK CONSTRAINT; Schema: contacts; Owner: sxe_owner
--

ALTER TABLE ONLY contacts.contact_point
    ADD CONSTRAINT contact_point_call_id_fkey FOREIGN KEY (call_id) REFERENCES gate.call(call_id);


--
-- Name: contact_point contact_point_request_id_fkey; Type: FK CONSTRAINT; Schema: contacts; Owner: sxe_owner
--

ALTER TABLE ONLY contacts.contact_point
    ADD CONSTRAINT contact_point_request_id_fkey FOREIGN KEY (request_id) REFERENCES gate.request(request_id);


--
-- Name: quarantine quarantine_call_id_fkey; Type: FK CONSTRAINT; Schema: contacts; Owner: sxe_owner
--

ALTER TABLE ONLY contacts.quarantine
    ADD CONSTRAINT quarantine_call_id_fkey FOREIGN KEY (call_id) REFERENCES gate.call(call_id);


--
-- Name: answer answer_call_id_fkey; Type: FK CONSTRAINT; Schema: gate; Owner: sxe_owner
--

ALTER TABLE ONLY gate.answer
    ADD CONSTRAINT answer_call_id_fkey FOREIGN KEY (call_id) REFERENCES gate.call(call_id);


--
-- Name: approval approval_principal_fkey; Type: FK CONSTRAINT; Schema: gate; Owner: sxe_owner
--

ALTER TABLE ONLY gate.approval
    ADD CONSTRAINT approval_principal_fkey FOREIGN KEY (principal) REFERENCES gate.principal(principal);


--
-- Name: approval approval_request_id_version_fkey; Type: FK CONSTRAINT; Schema: gate; Owner: sxe_owner
--

ALTER TABLE ONLY gate.approval
    ADD CONSTRAINT approval_request_id_version_fkey FOREIGN KEY (request_id, version) REFERENCES gate.request_version(request_id, version);


--
-- Name: budget budget_request_id_fkey; Type: FK CONSTRAINT; Schema: gate; Owner: sxe_owner
--

ALTER TABLE ONLY gate.budget
    ADD CONSTRAINT budget_request_id_fkey FOREIGN KEY (request_id) REFERENCES gate.request(request_id);


--
-- Name: call_item call_item_call_id_fkey; Type: FK CONSTRAINT; Schema: gate; Owner: sxe_owner
--

ALTER TABLE ONLY gate.call_item
    ADD CONSTRAINT call_item_call_id_fkey FOREIGN KEY (call_id) REFERENCES gate.call(call_id);


--
-- Name: call call_request_id_fkey; Type: FK CONSTRAINT; Schema: gate; Owner: sxe_owner
--

ALTER TABLE ONLY gate.call
    ADD CONSTRAINT call_request_id_fkey FOREIGN KEY (request_id) REFERENCES gate.request(request_id);


--
-- Name: call_step call_step_call_id_fkey; Type: FK CONSTRAINT; Schema: gate; Owner: sxe_owner
--

ALTER TABLE ONLY gate.call_step
    ADD CONSTRAINT call_step_call_id_fkey FOREIGN KEY (call_id) REFERENCES gate.call(call_id);


--
-- Name: policy policy_proposal_id_fkey; Type: FK CONSTRAINT; Schema: gate; Owner: sxe_owner
--

ALTER TABLE ONLY gate.policy
    ADD CONSTRAINT policy_proposal_id_fkey FOREIGN KEY (proposal_id) REFERENCES gate.proposal(proposal_id);


--
-- Name: price_card price_card_proposal_id_fkey; Type: FK CONSTRAINT; Schema: gate; Owner: sxe_owner
--

ALTER TABLE ONLY gate.price_card
    ADD CONSTRAINT price_card_proposal_id_fkey FOREIGN KEY (proposal_id) REFERENCES gate.proposal(proposal_id);


--
-- Name: proposal proposal_decided_by_fkey; Type: FK CONSTRAINT; Schema: gate; Owner: sxe_owner
--

ALTER TABLE ONLY gate.proposal
    ADD CONSTRAINT proposal_decided_by_fkey FOREIGN KEY (decided_by) REFERENCES gate.principal(principal);


--
-- Name: proposal proposal_proposed_by_fkey; Type: FK CONSTRAINT; Schema: gate; Owner: sxe_owner
--

ALTER TABLE ONLY gate.proposal
    ADD CONSTRAINT proposal_proposed_by_fkey FOREIGN KEY (proposed_by) REFERENCES gate.principal(principal);


--
-- Name: provider provider_busy_call_fkey; Type: FK CONSTRAINT; Schema: gate; Owner: sxe_owner
--

ALTER TABLE ONLY gate.provider
    ADD CONSTRAINT provider_busy_call_fkey FOREIGN KEY (busy_call) REFERENCES gate.call(call_id);


--
-- Name: request request_created_by_fkey; Type: FK CONSTRAINT; Schema: gate; Owner: sxe_owner
--

ALTER TABLE ONLY gate.request
    ADD CONSTRAINT request_created_by_fkey FOREIGN KEY (created_by) REFERENCES gate.principal(principal);


--
-- Name: request_item request_item_request_id_version_fkey; Type: FK CONSTRAINT; Schema: gate; Owner: sxe_owner
--

ALTER TABLE ONLY gate.request_item
    ADD CONSTRAINT request_item_request_id_version_fkey FOREIGN KEY (request_id, version) REFERENCES gate.request_version(request_id, version) DEFERRABLE INITIALLY DEFERRED;


--
-- Name: request_version request_version_edited_by_fkey; Type: FK CONSTRAINT; Schema: gate; Owner: sxe_owner
--

ALTER TABLE ONLY gate.request_version
    ADD CONSTRAINT request_version_edited_by_fkey FOREIGN KEY (edited_by) REFERENCES gate.principal(principal);


--
-- Name: request_version request_version_request_id_fkey; Type: FK CONSTRAINT; Schema: gate; Owner: sxe_owner
--

ALTER TABLE ONLY gate.request_version
    ADD CONSTRAINT request_version_request_id_fkey FOREIGN KEY (request_id) REFERENCES gate.request(request_id) DEFERRABLE INITIALLY DEFERRED;


--
-- Name: token token_principal_fkey; Type: FK CONSTRAINT; Schema: gate; Owner: sxe_owner
--

ALTER TABLE ONLY gate.token
    ADD CONSTRAINT token_principal_fkey FOREIGN KEY (principal) REFERENCES gate.principal(principal);


--
-- Name: transfer transfer_pending_id_fkey; Type: FK CONSTRAINT; Schema: gate; Owner: sxe_owner
--

ALTER TABLE ONLY gate.transfer
    ADD CONSTRAINT transfer_pending_id_fkey FOREIGN KEY (pending_id) REFERENCES gate.transfer(transfer_id);


--
-- Name: batch batch_prev_batch_id_fkey; Type: FK CONSTRAINT; Schema: handoff; Owner: sxe_owner
--

ALTER TABLE ONLY handoff.batch
    ADD CONSTRAINT batch_prev_batch_id_fkey FOREIGN KEY (prev_batch_id) REFERENCES handoff.batch(batch_id);


--
-- Name: alias alias_card_id_fkey; Type: FK CONSTRAINT; Schema: social; Owner: sxe_owner
--

ALTER TABLE ONLY social.alias
    ADD CONSTRAINT alias_card_id_fkey FOREIGN KEY (card_id) REFERENCES social.card(card_id) DEFERRABLE INITIALLY DEFERRED;


--
-- Name: alias alias_survivor_card_id_fkey; Type: FK CONSTRAINT; Schema: social; Owner: sxe_owner
--

ALTER TABLE ONLY social.alias
    ADD CONSTRAINT alias_survivor_card_id_fkey FOREIGN KEY (survivor_card_id) REFERENCES social.card(card_id) DEFERRABLE INITIALLY DEFERRED;


--
-- Name: card card_parent_card_id_fkey; Type: FK CONSTRAINT; Schema: social; Owner: sxe_owner
--

ALTER TABLE ONLY social.card
    ADD CONSTRAINT card_parent_card_id_fkey FOREIGN KEY (parent_card_id) REFERENCES social.card(card_id) DEFERRABLE INITIALLY DEFERRED;


--
-- Name: batch api; Type: POLICY; Schema: handoff; Owner: sxe_owner
--

CREATE POLICY api ON handoff.batch FOR SELECT TO sxe_api USING (true);


--
-- Name: batch; Type: ROW SECURITY; Schema: handoff; Owner: sxe_owner
--

ALTER TABLE handoff.batch ENABLE ROW LEVEL SECURITY;

--
-- Name: batch contacts; Type: POLICY; Schema: handoff; Owner: sxe_owner
--

CREATE POLICY contacts ON handoff.batch TO sxe_contacts USING ((contract = 'lead_contact'::text)) WITH CHECK ((contract = 'lead_contact'::text));


--
-- Name: batch social; Type: POLICY; Schema: handoff; Owner: sxe_owner
--

CREATE POLICY social ON handoff.batch TO sxe_social USING ((contract <> 'lead_contact'::text)) WITH CHECK ((contract <> 'lead_contact'::text));


--
-- Name: SCHEMA audit; Type: ACL; Schema: -; Owner: sxe_owner
--

GRANT USAGE ON SCHEMA audit TO sxe_social;
GRANT USAGE ON SCHEMA audit TO sxe_contacts;
GRANT USAGE ON SCHEMA audit TO sxe_api;


--
-- Name: SCHEMA cards; Type: ACL; Schema: -; Owner: sxe_owner
--

GRANT USAGE ON SCHEMA cards TO sxe_social;
GRANT USAGE ON SCHEMA cards TO sxe_api;


--
-- Name: SCHEMA contacts; Type: ACL; Schema: -; Owner: sxe_owner
--

GRANT USAGE ON SCHEMA contacts TO sxe_contacts;


--
-- Name: SCHEMA dagster; Type: ACL; Schema: -; Owner: sxe_owner
--

GRANT ALL ON SCHEMA dagster TO sxe_dagster;


--
-- Name: SCHEMA gate; Type: ACL; Schema: -; Owner: sxe_owner
--

GRANT USAGE ON SCHEMA gate TO sxe_social;
GRANT USAGE ON SCHEMA gate TO sxe_contacts;
GRANT USAGE ON SCHEMA gate TO sxe_api;


--
-- Name: SCHEMA handoff; Type: ACL; Schema: -; Owner: sxe_owner
--

GRANT USAGE ON SCHEMA handoff TO sxe_social;
GRANT USAGE ON SCHEMA handoff TO sxe_contacts;
GRANT USAGE ON SCHEMA handoff TO sxe_api;


--
-- Name: SCHEMA ingest; Type: ACL; Schema: -; Owner: sxe_owner
--

GRANT USAGE ON SCHEMA ingest TO sxe_social;
GRANT USAGE ON SCHEMA ingest TO sxe_api;


--
-- Name: SCHEMA ops; Type: ACL; Schema: -; Owner: sxe_owner
--

GRANT USAGE ON SCHEMA ops TO sxe_social;
GRANT USAGE ON SCHEMA ops TO sxe_contacts;
GRANT USAGE ON SCHEMA ops TO sxe_api;
GRANT USAGE ON SCHEMA ops TO sxe_dagster;


--
-- Name: SCHEMA privacy; Type: ACL; Schema: -; Owner: sxe_owner
--

GRANT USAGE ON SCHEMA privacy TO sxe_social;
GRANT USAGE ON SCHEMA privacy TO sxe_contacts;
GRANT USAGE ON SCHEMA privacy TO sxe_api;


--
-- Name: SCHEMA public; Type: ACL; Schema: -; Owner: pg_database_owner
--

REVOKE USAGE ON SCHEMA public FROM PUBLIC;


--
-- Name: SCHEMA social; Type: ACL; Schema: -; Owner: sxe_owner
--

GRANT USAGE ON SCHEMA social TO sxe_social;
GRANT USAGE ON SCHEMA social TO sxe_api;


--
-- Name: TYPE amount; Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON TYPE gate.amount FROM PUBLIC;


--
-- Name: TYPE call_state; Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON TYPE gate.call_state FROM PUBLIC;


--
-- Name: TYPE micros; Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON TYPE gate.micros FROM PUBLIC;


--
-- Name: TYPE outcome; Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON TYPE gate.outcome FROM PUBLIC;


--
-- Name: TYPE part; Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON TYPE gate.part FROM PUBLIC;


--
-- Name: TYPE slug; Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON TYPE gate.slug FROM PUBLIC;


--
-- Name: TYPE transfer_kind; Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON TYPE gate.transfer_kind FROM PUBLIC;


--
-- Name: TYPE sha256; Type: ACL; Schema: ops; Owner: sxe_owner
--

REVOKE ALL ON TYPE ops.sha256 FROM PUBLIC;
GRANT ALL ON TYPE ops.sha256 TO sxe_social;
GRANT ALL ON TYPE ops.sha256 TO sxe_contacts;


--
-- Name: FUNCTION append(_kind text, _actor text, _subject text, _key text, _data jsonb); Type: ACL; Schema: audit; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION audit.append(_kind text, _actor text, _subject text, _key text, _data jsonb) FROM PUBLIC;


--
-- Name: FUNCTION canonical(_value jsonb); Type: ACL; Schema: audit; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION audit.canonical(_value jsonb) FROM PUBLIC;


--
-- Name: FUNCTION event_id(_kind text, _subject text, _key text); Type: ACL; Schema: audit; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION audit.event_id(_kind text, _subject text, _key text) FROM PUBLIC;


--
-- Name: FUNCTION keep_gate_kinds(); Type: ACL; Schema: audit; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION audit.keep_gate_kinds() FROM PUBLIC;


--
-- Name: FUNCTION owner_families(); Type: ACL; Schema: audit; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION audit.owner_families() FROM PUBLIC;
GRANT ALL ON FUNCTION audit.owner_families() TO sxe_social;
GRANT ALL ON FUNCTION audit.owner_families() TO sxe_contacts;


--
-- Name: FUNCTION refuse_change(); Type: ACL; Schema: audit; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION audit.refuse_change() FROM PUBLIC;


--
-- Name: FUNCTION seal_leaf(); Type: ACL; Schema: audit; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION audit.seal_leaf() FROM PUBLIC;


--
-- Name: FUNCTION add_principal(_principal text, _scopes text[], _token_sha256 text, _expires_at timestamp with time zone, _actor text); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.add_principal(_principal text, _scopes text[], _token_sha256 text, _expires_at timestamp with time zone, _actor text) FROM PUBLIC;


--
-- Name: FUNCTION add_step(_c gate.call, _state text, _kind text, _actor text, _data jsonb); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.add_step(_c gate.call, _state text, _kind text, _actor text, _data jsonb) FROM PUBLIC;


--
-- Name: FUNCTION adjust(_call uuid, _units_micro bigint, _actor text); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.adjust(_call uuid, _units_micro bigint, _actor text) FROM PUBLIC;


--
-- Name: FUNCTION apply(_p gate.proposal, _actor text); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.apply(_p gate.proposal, _actor text) FROM PUBLIC;


--
-- Name: FUNCTION approve(_token text, _request uuid, _version integer, _content_sha256 text, _reason text, _positions integer[], _max_micros bigint, _lost_cards text[]); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.approve(_token text, _request uuid, _version integer, _content_sha256 text, _reason text, _positions integer[], _max_micros bigint, _lost_cards text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION gate.approve(_token text, _request uuid, _version integer, _content_sha256 text, _reason text, _positions integer[], _max_micros bigint, _lost_cards text[]) TO sxe_api;


--
-- Name: FUNCTION approved_positions(_request uuid, _version integer); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.approved_positions(_request uuid, _version integer) FROM PUBLIC;


--
-- Name: FUNCTION authenticate(_token text, _scope text); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.authenticate(_token text, _scope text) FROM PUBLIC;


--
-- Name: FUNCTION balance_of(_budget bigint, OUT reserved bigint, OUT spent bigint, OUT overrun bigint); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.balance_of(_budget bigint, OUT reserved bigint, OUT spent bigint, OUT overrun bigint) FROM PUBLIC;


--
-- Name: FUNCTION begin(_request uuid, _attempt integer, _run_id text); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.begin(_request uuid, _attempt integer, _run_id text) FROM PUBLIC;
GRANT ALL ON FUNCTION gate.begin(_request uuid, _attempt integer, _run_id text) TO sxe_contacts;


--
-- Name: FUNCTION bootstrap(_first text, _first_sha256 text, _second text, _second_sha256 text, _expires_at timestamp with time zone); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.bootstrap(_first text, _first_sha256 text, _second text, _second_sha256 text, _expires_at timestamp with time zone) FROM PUBLIC;


--
-- Name: FUNCTION budget_key(_request uuid, _market text, _provider text, _month date); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.budget_key(_request uuid, _market text, _provider text, _month date) FROM PUBLIC;


--
-- Name: FUNCTION charge(_call uuid, _parts text[], _charge bigint); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.charge(_call uuid, _parts text[], _charge bigint) FROM PUBLIC;


--
-- Name: FUNCTION charge_late(_call uuid, _charge bigint); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.charge_late(_call uuid, _charge bigint) FROM PUBLIC;


--
-- Name: FUNCTION check_policy(_policy jsonb); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.check_policy(_policy jsonb) FROM PUBLIC;


--
-- Name: FUNCTION check_price(_card jsonb); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.check_price(_card jsonb) FROM PUBLIC;


--
-- Name: FUNCTION check_spec(_spec jsonb); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.check_spec(_spec jsonb) FROM PUBLIC;


--
-- Name: FUNCTION claim_launches(_limit integer); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.claim_launches(_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION gate.claim_launches(_limit integer) TO sxe_contacts;


--
-- Name: FUNCTION close_resolved(_limit integer, _request uuid); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.close_resolved(_limit integer, _request uuid) FROM PUBLIC;


--
-- Name: FUNCTION current_policy(); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.current_policy() FROM PUBLIC;


--
-- Name: FUNCTION current_price(_provider text); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.current_price(_provider text) FROM PUBLIC;


--
-- Name: FUNCTION decide(_token text, _proposal uuid, _is_confirmed boolean); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.decide(_token text, _proposal uuid, _is_confirmed boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION gate.decide(_token text, _proposal uuid, _is_confirmed boolean) TO sxe_api;


--
-- Name: FUNCTION deliverable(_request uuid); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.deliverable(_request uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION gate.deliverable(_request uuid) TO sxe_contacts;


--
-- Name: FUNCTION end_request(_who text, _r gate.request, _decision text, _reason text); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.end_request(_who text, _r gate.request, _decision text, _reason text) FROM PUBLIC;


--
-- Name: FUNCTION event_data(_header jsonb, _content bytea); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.event_data(_header jsonb, _content bytea) FROM PUBLIC;


--
-- Name: FUNCTION family(_survivor text); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.family(_survivor text) FROM PUBLIC;


--
-- Name: FUNCTION finish(_request uuid, _fence bigint); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.finish(_request uuid, _fence bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION gate.finish(_request uuid, _fence bigint) TO sxe_contacts;


--
-- Name: FUNCTION inspect(_r gate.request, _provider text, OUT why text, OUT header jsonb, OUT price gate.price_card, OUT policy jsonb, OUT approved integer[], OUT setting gate.setting); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.inspect(_r gate.request, _provider text, OUT why text, OUT header jsonb, OUT price gate.price_card, OUT policy jsonb, OUT approved integer[], OUT setting gate.setting) FROM PUBLIC;


--
-- Name: FUNCTION is_known(_family text[], _field text); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.is_known(_family text[], _field text) FROM PUBLIC;


--
-- Name: FUNCTION is_lost(_r gate.request, _family text[], _provider text); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.is_lost(_r gate.request, _family text[], _provider text) FROM PUBLIC;


--
-- Name: FUNCTION is_matchable(_price jsonb, _inputs jsonb); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.is_matchable(_price jsonb, _inputs jsonb) FROM PUBLIC;


--
-- Name: FUNCTION items_sha256(_request uuid, _version integer); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.items_sha256(_request uuid, _version integer) FROM PUBLIC;


--
-- Name: FUNCTION kill(_token text, _provider text, _reason text); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.kill(_token text, _provider text, _reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION gate.kill(_token text, _provider text, _reason text) TO sxe_api;


--
-- Name: FUNCTION late(_call uuid, _units_micro bigint); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.late(_call uuid, _units_micro bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION gate.late(_call uuid, _units_micro bigint) TO sxe_contacts;


--
-- Name: FUNCTION lock_budgets(_calls uuid[]); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.lock_budgets(_calls uuid[]) FROM PUBLIC;


--
-- Name: FUNCTION lock_call(_call uuid, _fence bigint, _states text[]); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.lock_call(_call uuid, _fence bigint, _states text[]) FROM PUBLIC;


--
-- Name: FUNCTION lock_for_decision(_who text, _request uuid, _version integer, _content_sha256 text); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.lock_for_decision(_who text, _request uuid, _version integer, _content_sha256 text) FROM PUBLIC;


--
-- Name: FUNCTION lock_provider(_call uuid); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.lock_provider(_call uuid) FROM PUBLIC;


--
-- Name: FUNCTION lock_request(_request uuid, _fence bigint); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.lock_request(_request uuid, _fence bigint) FROM PUBLIC;


--
-- Name: FUNCTION mark_unknown(_call uuid, _reason text, _http_status integer, _actor text); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.mark_unknown(_call uuid, _reason text, _http_status integer, _actor text) FROM PUBLIC;


--
-- Name: FUNCTION micros(_units_micro bigint, _micros_per_unit bigint); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.micros(_units_micro bigint, _micros_per_unit bigint) FROM PUBLIC;


--
-- Name: FUNCTION no_permit(_request uuid, _provider text, _why text); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.no_permit(_request uuid, _provider text, _why text) FROM PUBLIC;


--
-- Name: FUNCTION pending_of(_call uuid); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.pending_of(_call uuid) FROM PUBLIC;


--
-- Name: FUNCTION permit(_request uuid, _fence bigint, _provider text); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.permit(_request uuid, _fence bigint, _provider text) FROM PUBLIC;
GRANT ALL ON FUNCTION gate.permit(_request uuid, _fence bigint, _provider text) TO sxe_contacts;


--
-- Name: FUNCTION plan(_spec jsonb); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.plan(_spec jsonb) FROM PUBLIC;


--
-- Name: FUNCTION policy_allows(_policy jsonb, _platforms text[], _match_basis text, _purpose text); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.policy_allows(_policy jsonb, _platforms text[], _match_basis text, _purpose text) FROM PUBLIC;


--
-- Name: FUNCTION propose(_token text, _kind text, _content jsonb, _reason text); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.propose(_token text, _kind text, _content jsonb, _reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION gate.propose(_token text, _kind text, _content jsonb, _reason text) TO sxe_api;


--
-- Name: FUNCTION put_candidates(_generation uuid, _card_ids text[], _markets text[], _pools text[], _platforms jsonb[], _inputs jsonb[]); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.put_candidates(_generation uuid, _card_ids text[], _markets text[], _pools text[], _platforms jsonb[], _inputs jsonb[]) FROM PUBLIC;
GRANT ALL ON FUNCTION gate.put_candidates(_generation uuid, _card_ids text[], _markets text[], _pools text[], _platforms jsonb[], _inputs jsonb[]) TO sxe_social;


--
-- Name: FUNCTION reason_code(_reason text); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.reason_code(_reason text) FROM PUBLIC;


--
-- Name: FUNCTION receipt(_card text, _request uuid); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.receipt(_card text, _request uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION gate.receipt(_card text, _request uuid) TO sxe_api;


--
-- Name: FUNCTION reconcile(_provider text, _units_micro bigint); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.reconcile(_provider text, _units_micro bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION gate.reconcile(_provider text, _units_micro bigint) TO sxe_contacts;


--
-- Name: FUNCTION refuse(_class text, _why text); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.refuse(_class text, _why text) FROM PUBLIC;


--
-- Name: FUNCTION refuse_change(); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.refuse_change() FROM PUBLIC;


--
-- Name: FUNCTION reject(_token text, _request uuid, _version integer, _content_sha256 text, _reason text); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.reject(_token text, _request uuid, _version integer, _content_sha256 text, _reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION gate.reject(_token text, _request uuid, _version integer, _content_sha256 text, _reason text) TO sxe_api;


--
-- Name: FUNCTION release(_call uuid, _fence bigint, _reason text, _http_status integer, _opens_circuit boolean); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.release(_call uuid, _fence bigint, _reason text, _http_status integer, _opens_circuit boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION gate.release(_call uuid, _fence bigint, _reason text, _http_status integer, _opens_circuit boolean) TO sxe_contacts;


--
-- Name: FUNCTION release_call(_call uuid, _reason text, _http_status integer, _actor text); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.release_call(_call uuid, _reason text, _http_status integer, _actor text) FROM PUBLIC;


--
-- Name: FUNCTION renew(_token text, _new_sha256 text, _expires_at timestamp with time zone); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.renew(_token text, _new_sha256 text, _expires_at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION gate.renew(_token text, _new_sha256 text, _expires_at timestamp with time zone) TO sxe_api;


--
-- Name: FUNCTION resolve_unknown(_call uuid, _units_micro bigint, _actor text); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.resolve_unknown(_call uuid, _units_micro bigint, _actor text) FROM PUBLIC;


--
-- Name: FUNCTION retire(_token text, _principal text); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.retire(_token text, _principal text) FROM PUBLIC;
GRANT ALL ON FUNCTION gate.retire(_token text, _principal text) TO sxe_api;


--
-- Name: FUNCTION revoke(_token text, _request uuid, _reason text); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.revoke(_token text, _request uuid, _reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION gate.revoke(_token text, _request uuid, _reason text) TO sxe_api;


--
-- Name: FUNCTION sending(_call uuid, _fence bigint); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.sending(_call uuid, _fence bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION gate.sending(_call uuid, _fence bigint) TO sxe_contacts;


--
-- Name: FUNCTION set_cap(_c jsonb, _actor text); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.set_cap(_c jsonb, _actor text) FROM PUBLIC;


--
-- Name: FUNCTION set_circuit(_provider text, _state text, _cause text, _actor text); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.set_circuit(_provider text, _state text, _cause text, _actor text) FROM PUBLIC;


--
-- Name: FUNCTION set_request_cap(_request uuid, _version integer); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.set_request_cap(_request uuid, _version integer) FROM PUBLIC;


--
-- Name: FUNCTION settle(_call uuid, _fence bigint, _o jsonb); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.settle(_call uuid, _fence bigint, _o jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION gate.settle(_call uuid, _fence bigint, _o jsonb) TO sxe_contacts;


--
-- Name: FUNCTION sha256_of(_value jsonb); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.sha256_of(_value jsonb) FROM PUBLIC;


--
-- Name: FUNCTION show_budgets(); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.show_budgets() FROM PUBLIC;
GRANT ALL ON FUNCTION gate.show_budgets() TO sxe_api;


--
-- Name: FUNCTION show_policy(); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.show_policy() FROM PUBLIC;
GRANT ALL ON FUNCTION gate.show_policy() TO sxe_api;


--
-- Name: FUNCTION show_principals(); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.show_principals() FROM PUBLIC;
GRANT ALL ON FUNCTION gate.show_principals() TO sxe_api;


--
-- Name: FUNCTION show_proposals(); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.show_proposals() FROM PUBLIC;
GRANT ALL ON FUNCTION gate.show_proposals() TO sxe_api;


--
-- Name: FUNCTION show_providers(); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.show_providers() FROM PUBLIC;
GRANT ALL ON FUNCTION gate.show_providers() TO sxe_api;


--
-- Name: FUNCTION show_requests(_request uuid); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.show_requests(_request uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION gate.show_requests(_request uuid) TO sxe_api;


--
-- Name: FUNCTION stop(_request uuid, _fence bigint, _provider text, _why text); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.stop(_request uuid, _fence bigint, _provider text, _why text) FROM PUBLIC;
GRANT ALL ON FUNCTION gate.stop(_request uuid, _fence bigint, _provider text, _why text) TO sxe_contacts;


--
-- Name: FUNCTION submit(_token text, _spec jsonb, _is_final boolean); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.submit(_token text, _spec jsonb, _is_final boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION gate.submit(_token text, _spec jsonb, _is_final boolean) TO sxe_api;


--
-- Name: FUNCTION survivor(_card text); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.survivor(_card text) FROM PUBLIC;


--
-- Name: FUNCTION sweep(_limit integer); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.sweep(_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION gate.sweep(_limit integer) TO sxe_contacts;


--
-- Name: FUNCTION unknown(_call uuid, _fence bigint, _reason text, _http_status integer); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.unknown(_call uuid, _fence bigint, _reason text, _http_status integer) FROM PUBLIC;
GRANT ALL ON FUNCTION gate.unknown(_call uuid, _fence bigint, _reason text, _http_status integer) TO sxe_contacts;


--
-- Name: FUNCTION wait(_call uuid, _fence bigint, _retry_after_s double precision); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.wait(_call uuid, _fence bigint, _retry_after_s double precision) FROM PUBLIC;
GRANT ALL ON FUNCTION gate.wait(_call uuid, _fence bigint, _retry_after_s double precision) TO sxe_contacts;


--
-- Name: FUNCTION wanted_again(_r gate.request, _s gate.setting, _i gate.request_item, _family text[], _provider text, _price jsonb, _header jsonb); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.wanted_again(_r gate.request, _s gate.setting, _i gate.request_item, _family text[], _provider text, _price jsonb, _header jsonb) FROM PUBLIC;


--
-- Name: FUNCTION wanted_groups(_family text[], _fingerprint uuid, _provider text, _price jsonb, _fields jsonb); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.wanted_groups(_family text[], _fingerprint uuid, _provider text, _price jsonb, _fields jsonb) FROM PUBLIC;


--
-- Name: FUNCTION waterfall(_fields jsonb); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.waterfall(_fields jsonb) FROM PUBLIC;


--
-- Name: FUNCTION withdraw_candidates(_generation uuid); Type: ACL; Schema: gate; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION gate.withdraw_candidates(_generation uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION gate.withdraw_candidates(_generation uuid) TO sxe_social;


--
-- Name: FUNCTION keep_published(); Type: ACL; Schema: handoff; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION handoff.keep_published() FROM PUBLIC;


--
-- Name: FUNCTION is_suppressed(_family text[]); Type: ACL; Schema: privacy; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION privacy.is_suppressed(_family text[]) FROM PUBLIC;


--
-- Name: FUNCTION suppress(_token text, _card text, _reason text); Type: ACL; Schema: privacy; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION privacy.suppress(_token text, _card text, _reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION privacy.suppress(_token text, _card text, _reason text) TO sxe_api;


--
-- Name: FUNCTION suppressed_cards(); Type: ACL; Schema: privacy; Owner: sxe_owner
--

REVOKE ALL ON FUNCTION privacy.suppressed_cards() FROM PUBLIC;
GRANT ALL ON FUNCTION privacy.suppressed_cards() TO sxe_social;


--
-- Name: TABLE attestation; Type: ACL; Schema: audit; Owner: sxe_owner
--

GRANT SELECT,INSERT ON TABLE audit.attestation TO sxe_social;
GRANT SELECT,INSERT ON TABLE audit.attestation TO sxe_contacts;
GRANT SELECT ON TABLE audit.attestation TO sxe_api;


--
-- Name: COLUMN attestation.dagster_storage_id; Type: ACL; Schema: audit; Owner: sxe_owner
--

GRANT UPDATE(dagster_storage_id) ON TABLE audit.attestation TO sxe_social;


--
-- Name: TABLE attested_event; Type: ACL; Schema: audit; Owner: sxe_owner
--

GRANT SELECT,INSERT ON TABLE audit.attested_event TO sxe_social;
GRANT SELECT,INSERT ON TABLE audit.attested_event TO sxe_contacts;
GRANT SELECT ON TABLE audit.attested_event TO sxe_api;


--
-- Name: TABLE event; Type: ACL; Schema: audit; Owner: sxe_owner
--

GRANT SELECT ON TABLE audit.event TO sxe_api;


--
-- Name: COLUMN event.event_id; Type: ACL; Schema: audit; Owner: sxe_owner
--

GRANT SELECT(event_id),INSERT(event_id) ON TABLE audit.event TO sxe_social;
GRANT SELECT(event_id),INSERT(event_id) ON TABLE audit.event TO sxe_contacts;


--
-- Name: COLUMN event.recorded_at; Type: ACL; Schema: audit; Owner: sxe_owner
--

GRANT SELECT(recorded_at) ON TABLE audit.event TO sxe_social;
GRANT SELECT(recorded_at) ON TABLE audit.event TO sxe_contacts;


--
-- Name: COLUMN event.kind; Type: ACL; Schema: audit; Owner: sxe_owner
--

GRANT SELECT(kind),INSERT(kind) ON TABLE audit.event TO sxe_social;
GRANT SELECT(kind),INSERT(kind) ON TABLE audit.event TO sxe_contacts;


--
-- Name: COLUMN event.actor; Type: ACL; Schema: audit; Owner: sxe_owner
--

GRANT INSERT(actor) ON TABLE audit.event TO sxe_social;
GRANT INSERT(actor) ON TABLE audit.event TO sxe_contacts;


--
-- Name: COLUMN event.subject; Type: ACL; Schema: audit; Owner: sxe_owner
--

GRANT SELECT(subject),INSERT(subject) ON TABLE audit.event TO sxe_social;
GRANT SELECT(subject),INSERT(subject) ON TABLE audit.event TO sxe_contacts;


--
-- Name: COLUMN event.payload; Type: ACL; Schema: audit; Owner: sxe_owner
--

GRANT INSERT(payload) ON TABLE audit.event TO sxe_social;
GRANT INSERT(payload) ON TABLE audit.event TO sxe_contacts;


--
-- Name: TABLE audience_pool; Type: ACL; Schema: cards; Owner: sxe_owner
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE cards.audience_pool TO sxe_social;
GRANT SELECT ON TABLE cards.audience_pool TO sxe_api;


--
-- Name: TABLE funnel; Type: ACL; Schema: cards; Owner: sxe_owner
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE cards.funnel TO sxe_social;
GRANT SELECT ON TABLE cards.funnel TO sxe_api;


--
-- Name: TABLE contact_point; Type: ACL; Schema: contacts; Owner: sxe_owner
--

GRANT SELECT,INSERT ON TABLE contacts.contact_point TO sxe_contacts;


--
-- Name: TABLE quarantine; Type: ACL; Schema: contacts; Owner: sxe_owner
--

GRANT SELECT,INSERT ON TABLE contacts.quarantine TO sxe_contacts;


--
-- Name: TABLE batch; Type: ACL; Schema: handoff; Owner: sxe_owner
--

GRANT SELECT,INSERT ON TABLE handoff.batch TO sxe_social;
GRANT SELECT,INSERT ON TABLE handoff.batch TO sxe_contacts;
GRANT SELECT ON TABLE handoff.batch TO sxe_api;


--
-- Name: COLUMN batch.state; Type: ACL; Schema: handoff; Owner: sxe_owner
--

GRANT UPDATE(state) ON TABLE handoff.batch TO sxe_social;
GRANT UPDATE(state) ON TABLE handoff.batch TO sxe_contacts;


--
-- Name: COLUMN batch.manifest; Type: ACL; Schema: handoff; Owner: sxe_owner
--

GRANT UPDATE(manifest) ON TABLE handoff.batch TO sxe_social;
GRANT UPDATE(manifest) ON TABLE handoff.batch TO sxe_contacts;


--
-- Name: COLUMN batch.manifest_sha256; Type: ACL; Schema: handoff; Owner: sxe_owner
--

GRANT UPDATE(manifest_sha256) ON TABLE handoff.batch TO sxe_social;
GRANT UPDATE(manifest_sha256) ON TABLE handoff.batch TO sxe_contacts;


--
-- Name: COLUMN batch.published_at; Type: ACL; Schema: handoff; Owner: sxe_owner
--

GRANT UPDATE(published_at) ON TABLE handoff.batch TO sxe_social;
GRANT UPDATE(published_at) ON TABLE handoff.batch TO sxe_contacts;


--
-- Name: TABLE signing_key; Type: ACL; Schema: handoff; Owner: sxe_owner
--

GRANT SELECT ON TABLE handoff.signing_key TO sxe_social;
GRANT SELECT ON TABLE handoff.signing_key TO sxe_contacts;


--
-- Name: TABLE collection; Type: ACL; Schema: ingest; Owner: sxe_owner
--

GRANT SELECT,INSERT,UPDATE ON TABLE ingest.collection TO sxe_social;


--
-- Name: TABLE landing_file; Type: ACL; Schema: ingest; Owner: sxe_owner
--

GRANT SELECT,INSERT,UPDATE ON TABLE ingest.landing_file TO sxe_social;


--
-- Name: COLUMN landing_file.collection; Type: ACL; Schema: ingest; Owner: sxe_owner
--

GRANT SELECT(collection) ON TABLE ingest.landing_file TO sxe_api;


--
-- Name: COLUMN landing_file.byte_count; Type: ACL; Schema: ingest; Owner: sxe_owner
--

GRANT SELECT(byte_count) ON TABLE ingest.landing_file TO sxe_api;


--
-- Name: COLUMN landing_file.landed_day; Type: ACL; Schema: ingest; Owner: sxe_owner
--

GRANT SELECT(landed_day) ON TABLE ingest.landing_file TO sxe_api;


--
-- Name: COLUMN landing_file.registered_at; Type: ACL; Schema: ingest; Owner: sxe_owner
--

GRANT SELECT(registered_at) ON TABLE ingest.landing_file TO sxe_api;


--
-- Name: COLUMN landing_file.expired_at; Type: ACL; Schema: ingest; Owner: sxe_owner
--

GRANT SELECT(expired_at) ON TABLE ingest.landing_file TO sxe_api;


--
-- Name: TABLE revision; Type: ACL; Schema: ops; Owner: sxe_owner
--

GRANT SELECT ON TABLE ops.revision TO sxe_social;
GRANT SELECT ON TABLE ops.revision TO sxe_contacts;
GRANT SELECT ON TABLE ops.revision TO sxe_api;
GRANT SELECT ON TABLE ops.revision TO sxe_dagster;


--
-- Name: TABLE stamp; Type: ACL; Schema: ops; Owner: sxe_owner
--

GRANT SELECT ON TABLE ops.stamp TO sxe_social;
GRANT SELECT ON TABLE ops.stamp TO sxe_contacts;
GRANT SELECT ON TABLE ops.stamp TO sxe_api;
GRANT SELECT ON TABLE ops.stamp TO sxe_dagster;


--
-- Name: TABLE alias; Type: ACL; Schema: social; Owner: sxe_owner
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE social.alias TO sxe_social;


--
-- Name: TABLE card; Type: ACL; Schema: social; Owner: sxe_owner
--

GRANT SELECT,INSERT,UPDATE ON TABLE social.card TO sxe_social;


--
-- Name: TABLE day_count; Type: ACL; Schema: social; Owner: sxe_owner
--

GRANT SELECT,INSERT,UPDATE ON TABLE social.day_count TO sxe_social;
GRANT SELECT ON TABLE social.day_count TO sxe_api;


--
-- Name: TABLE table_version; Type: ACL; Schema: social; Owner: sxe_owner
--

GRANT SELECT,INSERT,UPDATE ON TABLE social.table_version TO sxe_social;
GRANT SELECT ON TABLE social.table_version TO sxe_api;


--
-- PostgreSQL database dump complete
--

\unrestrict TmSPS78DAhifQ4kpNLbhCQZKW08Zy011fhgMw63l0vziD4e1rkWcjy6cfW05XAo


--
-- PostgreSQL database dump
--

\restrict jcVef9WS5TeJSa3tbJ2BgiPCqLicrycan88GCz6OTgcRQW4cyZwuQKIagUs2MGG

-- Dumped from database version 18.6
-- Dumped by pg_dump version 18.6

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Data for Name: revision; Type: TABLE DATA; Schema: ops; Owner: sxe_owner
--

INSERT INTO ops.revision VALUES (1000, 'b6afbce4c2f2dd32e87b496c48bb2ec3a84258ee5232290761cacbab8aba69d4', '2026-11-28 17:40:09.102344+00');


--
-- Data for Name: routine_file; Type: TABLE DATA; Schema: ops; Owner: sxe_owner
--

INSERT INTO ops.routine_file VALUES ('audit/sql/append.sql', '174f752f8b408c43825ef28c884db57cc63a291ff0b6122aab522dc26d45dd84', '{"function audit.canonical(_value jsonb)","function audit.event_id(_kind text, _subject text, _key text)","function audit.append(_kind text, _actor text, _subject text, _key text, _data jsonb)"}', '2026-11-28 17:40:09.89945+00');
INSERT INTO ops.routine_file VALUES ('audit/sql/log.sql', '2b55705c2659f8f41299973df17452fcb9186a58e3c293ac92289f5c2d59eac3', '{"trigger refuse_change on audit.event","trigger gate_kinds on audit.event","trigger seal_leaf on audit.event","function audit.seal_leaf()","function audit.refuse_change()","function audit.owner_families()","function audit.keep_gate_kinds()"}', '2026-11-28 17:40:09.900138+00');
INSERT INTO ops.routine_file VALUES ('gate/sql/append_only.sql', 'd10d66f4d5a30795da0836365a977221a1f139cc04072b2d79006178799e6ab2', '{"trigger refuse_change on gate.request_version","trigger refuse_change on gate.approval","trigger refuse_change on gate.call_step","trigger refuse_change on gate.transfer","function gate.refuse_change()"}', '2026-11-28 17:40:09.903799+00');
INSERT INTO ops.routine_file VALUES ('gate/sql/approvals.sql', 'a1c9f84f9c92ca5bb280b01a15159d144c7cc812132089af9717998c2437e3ae', '{"view gate.live_approval","function gate.approved_positions(_request uuid, _version integer)","function gate.set_request_cap(_request uuid, _version integer)","function gate.lock_for_decision(_who text, _request uuid, _version integer, _content_sha256 text)","function gate.approve(_token text, _request uuid, _version integer, _content_sha256 text, _reason text, _positions integer[], _max_micros bigint, _lost_cards text[])","function gate.reject(_token text, _request uuid, _version integer, _content_sha256 text, _reason text)","function gate.revoke(_token text, _request uuid, _reason text)","function gate.end_request(_who text, _r gate.request, _decision text, _reason text)"}', '2026-11-28 17:40:09.9043+00');
INSERT INTO ops.routine_file VALUES ('gate/sql/calls.sql', '4b06445597f571b93ff7055db259899a57a123ca007a11d2220189ae8c5f6bc9', '{"function gate.lock_call(_call uuid, _fence bigint, _states text[])","function gate.add_step(_c gate.call, _state text, _kind text, _actor text, _data jsonb)","function gate.release_call(_call uuid, _reason text, _http_status integer, _actor text)","function gate.release(_call uuid, _fence bigint, _reason text, _http_status integer, _opens_circuit boolean)","function gate.mark_unknown(_call uuid, _reason text, _http_status integer, _actor text)","function gate.unknown(_call uuid, _fence bigint, _reason text, _http_status integer)","function gate.wait(_call uuid, _fence bigint, _retry_after_s double precision)"}', '2026-11-28 17:40:09.904768+00');
INSERT INTO ops.routine_file VALUES ('gate/sql/candidates.sql', '54461a8204566025d643532f259e815dfebbd33e751f5d0c08e636bbb293fc45', '{"function gate.put_candidates(_generation uuid, _card_ids text[], _markets text[], _pools text[], _platforms jsonb[], _inputs jsonb[])","function gate.withdraw_candidates(_generation uuid)"}', '2026-11-28 17:40:09.90617+00');
INSERT INTO ops.routine_file VALUES ('gate/sql/circuits.sql', 'a88959ded985ffff82df0b3e33628ba1726a4faf932e221c748068872282ec2f', '{"function gate.set_circuit(_provider text, _state text, _cause text, _actor text)","function gate.kill(_token text, _provider text, _reason text)","function gate.lock_provider(_call uuid)"}', '2026-11-28 17:40:09.907172+00');
INSERT INTO ops.routine_file VALUES ('gate/sql/corrections.sql', '5fabbcc8e073a4531f532083ce2587aa9cf090668e8c81afa18d6bb03d3d4134', '{"function gate.late(_call uuid, _units_micro bigint)","function gate.adjust(_call uuid, _units_micro bigint, _actor text)","function gate.resolve_unknown(_call uuid, _units_micro bigint, _actor text)","function gate.close_resolved(_limit integer, _request uuid)"}', '2026-11-28 17:40:09.90763+00');
INSERT INTO ops.routine_file VALUES ('gate/sql/delivery.sql', '64064ef8e48ae6179019c57465c0411d98bd46a8d847b554cea5a970c9008e06', '{"function gate.deliverable(_request uuid)"}', '2026-11-28 17:40:09.910651+00');
INSERT INTO ops.routine_file VALUES ('gate/sql/identities.sql', '3b299264921761ad49e69e7bdbecb4766e721469d08642dbe767386d53a0a99a', '{"function gate.survivor(_card text)","function gate.family(_survivor text)"}', '2026-11-28 17:40:09.911111+00');
INSERT INTO ops.routine_file VALUES ('gate/sql/inspection.sql', '157c350bff69b293b38b0b3fe4f9a3e862a4bc4a265bebcf533a8b4c1d8a1be9', '{"function gate.wanted_again(_r gate.request, _s gate.setting, _i gate.request_item, _family text[], _provider text, _price jsonb, _header jsonb)","function gate.is_lost(_r gate.request, _family text[], _provider text)","function gate.inspect(_r gate.request, _provider text, OUT why text, OUT header jsonb, OUT price gate.price_card, OUT policy jsonb, OUT approved integer[], OUT setting gate.setting)","function gate.wanted_groups(_family text[], _fingerprint uuid, _provider text, _price jsonb, _fields jsonb)"}', '2026-11-28 17:40:09.912869+00');
INSERT INTO ops.routine_file VALUES ('gate/sql/ledger.sql', '9959e57b0d5ef388328d88f98dbe5127a5f2b9574d38f6e9a766a8c7ccc7df20', '{"function gate.lock_budgets(_calls uuid[])","function gate.charge(_call uuid, _parts text[], _charge bigint)","function gate.pending_of(_call uuid)","function gate.charge_late(_call uuid, _charge bigint)","function gate.balance_of(_budget bigint, OUT reserved bigint, OUT spent bigint, OUT overrun bigint)"}', '2026-11-28 17:40:09.913393+00');
INSERT INTO ops.routine_file VALUES ('gate/sql/people.sql', 'da639beffd7ed2ef006d74a8893e9f6bba666d507f2eb3656100e6d2fd1081fd', '{"function gate.authenticate(_token text, _scope text)","function gate.add_principal(_principal text, _scopes text[], _token_sha256 text, _expires_at timestamp with time zone, _actor text)","function gate.bootstrap(_first text, _first_sha256 text, _second text, _second_sha256 text, _expires_at timestamp with time zone)","function gate.renew(_token text, _new_sha256 text, _expires_at timestamp with time zone)","function gate.retire(_token text, _principal text)"}', '2026-11-28 17:40:09.913996+00');
INSERT INTO ops.routine_file VALUES ('gate/sql/permit.sql', 'e38a5917294b3b6281ee2c68d0bb637524c0519c76029978c48ccdd85cb8ef13', '{"function gate.permit(_request uuid, _fence bigint, _provider text)"}', '2026-11-28 17:40:09.924776+00');
INSERT INTO ops.routine_file VALUES ('gate/sql/plan.sql', 'a51007603b561da76a33b2dc2d6afa1631e97c10e44cd7f8a03cde50d5a4aa20', '{"function gate.check_spec(_spec jsonb)","function gate.plan(_spec jsonb)"}', '2026-11-28 17:40:09.925321+00');
INSERT INTO ops.routine_file VALUES ('gate/sql/proposal_checks.sql', '55134a74a05bef9d9e83a621869911594c20b856320000aca627af09c16c3bbd', '{"function gate.check_price(_card jsonb)","function gate.check_policy(_policy jsonb)"}', '2026-11-28 17:40:09.926164+00');
INSERT INTO ops.routine_file VALUES ('gate/sql/proposals.sql', 'ef49b7fcd2578a9cfd54e84699c730c89783107cadc8e7cc6cb9ebf898a93819', '{"function gate.propose(_token text, _kind text, _content jsonb, _reason text)","function gate.decide(_token text, _proposal uuid, _is_confirmed boolean)","function gate.apply(_p gate.proposal, _actor text)","function gate.set_cap(_c jsonb, _actor text)"}', '2026-11-28 17:40:09.927654+00');
INSERT INTO ops.routine_file VALUES ('gate/sql/reads.sql', '852d75bebe82f35c4969678df93b4796b4d6a3a3ef3ef721b3ceb7a939e25bab', '{"function gate.show_principals()","function gate.show_policy()","function gate.show_budgets()","function gate.show_providers()","function gate.show_requests(_request uuid)","function gate.receipt(_card text, _request uuid)","function gate.show_proposals()"}', '2026-11-28 17:40:09.930523+00');
INSERT INTO ops.routine_file VALUES ('gate/sql/reconcile.sql', 'efaa661932a8b7a66bdd94372674d78e3b8397a3cf349f1880478a2934afdc03', '{"function gate.reconcile(_provider text, _units_micro bigint)"}', '2026-11-28 17:40:09.931335+00');
INSERT INTO ops.routine_file VALUES ('gate/sql/refusals.sql', 'c637eeac860d3637d8cebd8f30a24b59200d5f7ca3a69f43da0275a10c084c22', '{"function gate.refuse(_class text, _why text)","function gate.reason_code(_reason text)"}', '2026-11-28 17:40:09.936458+00');
INSERT INTO ops.routine_file VALUES ('gate/sql/requests.sql', '95863e40efd6638ddae641cfd5cdeab42b66b9276331733705bd91ea8dfd1b09', '{"function gate.submit(_token text, _spec jsonb, _is_final boolean)","function gate.event_data(_header jsonb, _content bytea)","function gate.sha256_of(_value jsonb)","function gate.items_sha256(_request uuid, _version integer)"}', '2026-11-28 17:40:09.936953+00');
INSERT INTO ops.routine_file VALUES ('gate/sql/runs.sql', '59ddef6ee34a735b32fcbf413fc298a2b899801de51e7476ece18776b45f1491', '{"function gate.stop(_request uuid, _fence bigint, _provider text, _why text)","function gate.finish(_request uuid, _fence bigint)","function gate.claim_launches(_limit integer)","function gate.begin(_request uuid, _attempt integer, _run_id text)","function gate.lock_request(_request uuid, _fence bigint)","function gate.no_permit(_request uuid, _provider text, _why text)"}', '2026-11-28 17:40:09.938181+00');
INSERT INTO ops.routine_file VALUES ('gate/sql/sending.sql', '65503c179c7e0af98caf605b7affc855e83bc2e6676f85c0d5ca414124e239ef', '{"function gate.sending(_call uuid, _fence bigint)"}', '2026-11-28 17:40:09.938568+00');
INSERT INTO ops.routine_file VALUES ('gate/sql/settle.sql', 'cfbb1cfafb0d49b86beed26f4e8282d7d90a39ef3e52016840f0ae2beb6113de', '{"function gate.settle(_call uuid, _fence bigint, _o jsonb)"}', '2026-11-28 17:40:09.938955+00');
INSERT INTO ops.routine_file VALUES ('gate/sql/sweep.sql', '60e33c43920917600dc60b4c746ea015f54665c06d9fb3c6c1128ae00562db29', '{"function gate.sweep(_limit integer)"}', '2026-11-28 17:40:09.939348+00');
INSERT INTO ops.routine_file VALUES ('gate/sql/terms.sql', '1aa2e557bb3602eb4f50df93f1ffdda9fbbcb25bd1b49fe1c0d1d5c727cf4e71', '{"function gate.current_price(_provider text)","function gate.current_policy()","function gate.policy_allows(_policy jsonb, _platforms text[], _match_basis text, _purpose text)","function gate.is_matchable(_price jsonb, _inputs jsonb)","function gate.is_known(_family text[], _field text)","function gate.micros(_units_micro bigint, _micros_per_unit bigint)","function gate.waterfall(_fields jsonb)"}', '2026-11-28 17:40:09.939792+00');
INSERT INTO ops.routine_file VALUES ('handoff/sql/batches.sql', '11006721016a469f7556a90a3089e5cd5383f78dd40e07d6622f4f58227a8d13', '{"policy api on handoff.batch","policy contacts on handoff.batch","policy social on handoff.batch","trigger keep_published on handoff.batch","function handoff.keep_published()"}', '2026-11-28 17:40:09.94023+00');
INSERT INTO ops.routine_file VALUES ('privacy/sql/suppression.sql', '338a0913fa2fa2e92decf5e1bfde240e4facb007ed81f028e21ee87a65017658', '{"function privacy.suppress(_token text, _card text, _reason text)","function privacy.suppressed_cards()","function privacy.is_suppressed(_family text[])"}', '2026-11-28 17:40:09.940652+00');
INSERT INTO ops.routine_file VALUES ('audit/sql/grants.sql', '498070b3d51a5c9a42aa63702027a206dfb4c12a0ad7b7d288291e9d2f1b098e', '{}', '2026-11-28 17:40:09.941038+00');
INSERT INTO ops.routine_file VALUES ('cards/sql/grants.sql', 'd5d579ad08080b7051808dd0e06942de3e58bdbe3dbded673d36db4ccfaa62dc', '{}', '2026-11-28 17:40:09.941532+00');
INSERT INTO ops.routine_file VALUES ('contacts/sql/grants.sql', '084eec9a9da62559f0668fe192ae31fa7fb57255e876f39dbf35a3333bb06b7f', '{}', '2026-11-28 17:40:09.941829+00');
INSERT INTO ops.routine_file VALUES ('gate/sql/grants.sql', '03431ee45822553812831b9a10afc257667842613029844ab0b407c7ce7f382a', '{}', '2026-11-28 17:40:09.942159+00');
INSERT INTO ops.routine_file VALUES ('handoff/sql/grants.sql', '7bb3230e80dd61d683404ee5da67d70545f661528f87a8c52b53be308ab0b438', '{}', '2026-11-28 17:40:09.942499+00');
INSERT INTO ops.routine_file VALUES ('ingest/sql/grants.sql', '9d664d550eee5f7fd339aec50ec3d5c95f5bfac71c8412e6ecda1b60f002b486', '{}', '2026-11-28 17:40:09.942901+00');
INSERT INTO ops.routine_file VALUES ('ops/sql/grants.sql', '6bee8dbe8fe37b6608cb83292e60d3a642967cd082b0277a4170104a824e8eb7', '{}', '2026-11-28 17:40:09.943613+00');
INSERT INTO ops.routine_file VALUES ('privacy/sql/grants.sql', 'ef1d761bf6754ffa2e155b94ddb2f521d897e469aeea5eaac7192d7cd6a50903', '{}', '2026-11-28 17:40:09.950589+00');
INSERT INTO ops.routine_file VALUES ('social/sql/grants.sql', '3a8cbb2c6bca73db30400b58f9f55618651431c4a8833abf33a4daf830796d94', '{}', '2026-11-28 17:40:09.952739+00');


--
-- Data for Name: stamp; Type: TABLE DATA; Schema: ops; Owner: sxe_owner
--

INSERT INTO ops.stamp VALUES (true, 'e4efd4080af55c245b5db762b2b6f36c91ac1ff430a0825997fe0015add61dbc', '596162d80b66b93f2a9bfb189e217c6d8598581c58ab2fdfb282552d6706b5e8', '2026-11-28 17:40:10.010432+00');


--
-- PostgreSQL database dump complete
--

\unrestrict jcVef9WS5TeJSa3tbJ2BgiPCqLicrycan88GCz6OTgcRQW4cyZwuQKIagUs2MGG

