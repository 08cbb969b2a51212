-- The version of a request that a run began under approvals which held then: nothing else is handed over.
alter table gate.request add column begun_version int;

update gate.request r set begun_version = version
where state in ('EXECUTING', 'DONE', 'DONE_UNKNOWN')
   or exists (select from gate.call c where c.request_id = r.request_id and c.version = r.version);
