set local role sxe_owner;

-- A batch of a request: its chain is the request, its place in it is seq.

alter table handoff.batch
    add column request_id uuid,
    add column seq int check (seq >= 1),
    add check ((request_id is null) = (seq is null)),
    add check ((request_id is not null) = (contract = 'lead_contact'));

drop index handoff.batch_live;
create unique index batch_live on handoff.batch (contract, market, day)
    where request_id is null and state <> 'abandoned';
create unique index batch_request_live on handoff.batch (request_id, seq)
    where request_id is not null and state <> 'abandoned';

-- Each tier sees and writes its own batches. Foreign keys and triggers are not subject to this.

alter table handoff.batch enable row level security;
create policy social on handoff.batch to sxe_social
    using (contract <> 'lead_contact') with check (contract <> 'lead_contact');
create policy contacts on handoff.batch to sxe_contacts
    using (contract = 'lead_contact') with check (contract = 'lead_contact');
create policy api on handoff.batch for select to sxe_api using (true);

grant usage on schema handoff, ops to sxe_contacts;
grant usage on type ops.sha256 to sxe_contacts;
grant select, insert on handoff.batch to sxe_contacts;
grant update (state, published_at, manifest, manifest_sha256) on handoff.batch to sxe_contacts;
grant select on handoff.signing_key to sxe_contacts;

reset role;
