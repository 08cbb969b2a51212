-- A published batch does not change, and each tier sees and writes its own batches.

create or replace function handoff.keep_published() returns trigger language plpgsql as $$
begin
    raise exception 'a published batch does not change' using errcode = '42501';
end $$;
create or replace trigger keep_published before update or delete on handoff.batch
    for each row when (old.state = 'published') execute function handoff.keep_published();

-- Nothing is published by a database that may have published more than it knows. What is published is
-- counted, so that its store can tell.
create or replace function handoff.count_published() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    -- A batch that is recovered is inserted as published.
    if new.state = 'building' or tg_op = 'UPDATE' then
        perform ops.refuse_doubtful();
    end if;
    if new.state = 'published' then
        perform ops.count_marker(case new.contract when 'lead_contact' then 'contact_handoff'
                                 else 'handoff' end);
    end if;
    return null;
end $$;
create or replace trigger count_published after insert or update of state on handoff.batch
    for each row when (new.state in ('building', 'published'))
    execute function handoff.count_published();

-- Foreign keys and triggers are not subject to this.
alter table handoff.batch enable row level security;
drop policy if exists social on handoff.batch;
create policy social on handoff.batch to sxe_social
    using (contract <> 'lead_contact') with check (contract <> 'lead_contact');
drop policy if exists contacts on handoff.batch;
create policy contacts on handoff.batch to sxe_contacts
    using (contract = 'lead_contact') with check (contract = 'lead_contact');
drop policy if exists api on handoff.batch;
create policy api on handoff.batch for select to sxe_api using (true);
