-- What was paid for, what is in force and who approved, known by what does not change under one's hands.

-- The order of things: a clock can step back, this cannot.
create sequence gate.tick;

-- Of match inputs a digest stays when they are gone, so that the same question is known again. With
-- this key before them names cannot be guessed from it by whoever sees a digest; no login reads the
-- tables of the gate, and who holds the key (a dump) holds the inputs of today's candidates as well.
create table gate.digest_key (
    is_only boolean primary key default true check (is_only),
    key bytea not null check (octet_length(key) = 32)
);

insert into gate.digest_key (key)
values (uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));

-- Until here a revision was random, and new whenever a card came back.
create table gate.digest_of as
select old, encode(substring(sha256((select key from gate.digest_key)
           || convert_to(inputs::text, 'UTF8')) for 16), 'hex')::uuid as digest
from (
    select inputs_revision as old, inputs from gate.candidate where inputs is not null
    union
    select inputs_revision, convert_from(inputs, 'UTF8')::jsonb from gate.request_item
    where inputs is not null) known;

-- Null: of somebody who was away when the digest came, taken for unchanged.
alter table gate.candidate
    alter column inputs_revision drop not null,
    add column inputs_tick bigint not null default 0,
    add check (inputs is null or inputs_revision is not null);

alter table gate.request_item add column inputs_tick bigint not null default 0;

alter table gate.answer drop constraint answer_pkey;

update gate.candidate c set inputs_revision = (
    
    select digest from gate.digest_of d where d.old = c.inputs_revision limit 1);
update gate.request_item i set inputs_revision = digest from gate.digest_of d
where d.old = i.inputs_revision;
update gate.call_item i set inputs_revision = digest from gate.digest_of d where d.old = i.inputs_revision;
update gate.answer a set inputs_revision = digest from gate.digest_of d where d.old = a.inputs_revision;

-- One answer for each question: the inputs are part of it.
alter table gate.answer add primary key (card_id, provider, field, inputs_revision);

create index call_item_revision on gate.call_item (inputs_revision);

create index card_parent on social.card (parent_card_id) where parent_card_id is not null;

-- Decisions in their order, and the token that proved who decided; null: of before.
alter table gate.approval
    add column tick bigint not null default nextval('gate.tick'),
    add column token_sha256 bytea references gate.token;

-- When a call was claimed, and when it was known to be lost.
alter table gate.call
    add column tick bigint not null default nextval('gate.tick'),
    add column resolved_tick bigint;

update gate.call set resolved_tick = nextval('gate.tick') where resolved_at is not null;

-- Whose inputs are others than those of every answer about them: new since.
update gate.candidate c set inputs_tick = nextval('gate.tick')
where exists (select from gate.answer a where a.card_id = c.card_id)
  and not exists (
      select from gate.answer a where a.card_id = c.card_id
        and (a.inputs_revision = c.inputs_revision
             or a.inputs_revision not in (select digest from gate.digest_of)));

update gate.request_item i set inputs_tick = c.inputs_tick from gate.candidate c
where c.card_id = i.card_id and c.inputs_revision = i.inputs_revision;

drop table gate.digest_of;

-- What a price card, a policy and a setting say is read once, at the door, into types that can hold
-- nothing else: at use nothing is cast any more.
create domain gate.period as interval
    check (value > interval '0' and value <= interval '10 years');

create domain gate.pause as interval
    check (value >= interval '0' and value <= interval '30 days');

alter table gate.price_card
    add column batch_max int,
    add column micros_per_unit gate.amount,
    add column has_counter boolean not null default false,
    add column negative_for gate.period,
    add column hit_share numeric[],
    add column in_force_tick bigint;

update gate.price_card p set
    batch_max = (content->>'batch_max')::int,
    micros_per_unit = (content->>'micros_per_unit')::bigint,
    has_counter = coalesce(
        lower(content->>'has_counter') in ('true', 't', 'yes', 'y', 'on', '1'), false),
    needs = array_remove(needs, '{}'),
    hit_share = (select array_agg((s.value->>'hit_share')::numeric order by s.key)
                 from jsonb_each(content->'sells') s);

-- An interval that is none was in force all the same: what the settings say stands in for it.
do $$
declare
    card record;
begin
    for card in select provider, sha256, content->>'negative_for' as negative_for
                from gate.price_card where content->>'negative_for' is not null loop
        begin
            update gate.price_card p set negative_for = card.negative_for::interval
            where p.provider = card.provider and p.sha256 = card.sha256;
        exception when data_exception or check_violation then
            null;
        end;
    end loop;
end $$;

update gate.price_card p set in_force_tick = o.n from (
    select provider, sha256, row_number() over (order by in_force_since) as n
    from gate.price_card) o
where (o.provider, o.sha256) = (p.provider, p.sha256);

alter table gate.price_card
    alter column batch_max set not null,
    alter column micros_per_unit set not null,
    alter column has_counter drop default,
    alter column hit_share set not null,
    alter column in_force_tick set not null,
    add check (batch_max between 1 and 250),
    add check ('{}' <> all (needs)),
    add check (0 < all (worst_micros)),
    add check (0 <= all (hit_share) and 1 >= all (hit_share));

alter table gate.policy
    add column loopback_only boolean not null default true,
    add column in_force_tick bigint;

update gate.policy p set
    loopback_only = coalesce(
        lower(content->>'loopback_only') not in ('false', 'f', 'no', 'n', 'off', '0'), true),
    in_force_tick = o.n
from (select sha256, row_number() over (order by in_force_since) as n from gate.policy) o
where o.sha256 = p.sha256;

alter table gate.policy
    alter column loopback_only drop default,
    alter column in_force_tick set not null;

select setval('gate.tick', greatest(nextval('gate.tick'),
    (select max(in_force_tick) from gate.price_card),
    (select max(in_force_tick) from gate.policy)));

alter table gate.setting
    drop constraint setting_check,
    drop constraint setting_check1;

do $$
declare
    name text;
begin
    foreach name in array '{decide_within,run_within,call_lease,launch_lease,send_deadline,
            unknown_after,await_for,forget_after,breaker_rest,email_fresh_for,phone_fresh_for,
            negative_for}'::text[] loop
        execute format('alter table gate.setting alter column %1$I type gate.period '
                       'using least(%1$I, interval ''10 years'')', name);
    end loop;
    foreach name in array '{reconcile_wait,poll_wait}'::text[] loop
        execute format('alter table gate.setting alter column %1$I type gate.pause '
                       'using least(%1$I, interval ''30 days'')', name);
    end loop;
end $$;

-- A counter counts from the start of a credit cycle; null: the provider names none.
alter table gate.provider add column agreed_cycle text;
