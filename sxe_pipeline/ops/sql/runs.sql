-- A tier sees and beats the runs of its own login alone; who only reads, reads all.

alter table ops.run enable row level security;

drop policy if exists own on ops.run;
create policy own on ops.run to sxe_social, sxe_contacts
using (login = current_user) with check (login = current_user);

drop policy if exists api on ops.run;
create policy api on ops.run for select to sxe_api using (true);
